{{/* The name that all others are made of: short enough for those of pods and for labels. */}}
{{- define "quorate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The service that gives every member a name of its own. */}}
{{- define "quorate.peers" -}}
{{ include "quorate.fullname" . }}-peers
{{- end -}}

{{/* What follows the name of a pod in its address. */}}
{{- define "quorate.peerDomain" -}}
{{ include "quorate.peers" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{/* Labels that select: those of the component are added where they are used. They can never change. */}}
{{- define "quorate.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "quorate.labels" -}}
{{ include "quorate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "quorate.clientScheme" -}}
{{ if .Values.tls.clients.enabled }}https{{ else }}http{{ end }}
{{- end -}}

{{- define "quorate.peerScheme" -}}
{{ if .Values.tls.peers.enabled }}https{{ else }}http{{ end }}
{{- end -}}

{{/* name=url of every member, as --initial-cluster takes it. */}}
{{- define "quorate.initialCluster" -}}
{{- $members := list -}}
{{- range $ordinal := until (int .Values.members.replicas) -}}
{{- $name := printf "%s-%d" (include "quorate.fullname" $) $ordinal -}}
{{- $members = append $members (printf "%s=%s://%s.%s:2380" $name (include "quorate.peerScheme" $) $name (include "quorate.peerDomain" $)) -}}
{{- end -}}
{{- join "," $members -}}
{{- end -}}

{{- define "quorate.initialClusterState" -}}
{{- if .Values.members.initialClusterState -}}
{{- .Values.members.initialClusterState -}}
{{- else if .Release.IsInstall -}}
new
{{- else -}}
existing
{{- end -}}
{{- end -}}

{{- define "quorate.clientSecret" -}}
{{- if .Values.tls.clients.secretName -}}
{{- .Values.tls.clients.secretName -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-clients-tls" (include "quorate.fullname" .) -}}
{{- else -}}
{{- fail "tls.clients.secretName is needed: name the secret with tls.crt, tls.key and ca.crt, or set tls.certManager.enabled" -}}
{{- end -}}
{{- end -}}

{{- define "quorate.peerSecret" -}}
{{- if .Values.tls.peers.secretName -}}
{{- .Values.tls.peers.secretName -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-peers-tls" (include "quorate.fullname" .) -}}
{{- else -}}
{{- fail "tls.peers.secretName is needed: name the secret with tls.crt, tls.key and ca.crt, or set tls.certManager.enabled" -}}
{{- end -}}
{{- end -}}

{{/* The certificate that the gateway and quoratectl show to members. */}}
{{- define "quorate.shownSecret" -}}
{{- if .Values.tls.clients.clientSecretName -}}
{{- .Values.tls.clients.clientSecretName -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-client-tls" (include "quorate.fullname" .) -}}
{{- else -}}
{{- fail "tls.clients.clientSecretName is needed with clientCertAuth: name the secret with the tls.crt and tls.key that the gateway and quoratectl show to members, or set tls.certManager.enabled" -}}
{{- end -}}
{{- end -}}

{{- define "quorate.gatewaySecret" -}}
{{- if .Values.gateway.tls.secretName -}}
{{- .Values.gateway.tls.secretName -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-gateway-tls" (include "quorate.fullname" .) -}}
{{- else -}}
{{- fail "gateway.tls.secretName is needed: name the secret with tls.crt and tls.key, or set tls.certManager.enabled" -}}
{{- end -}}
{{- end -}}

{{/* The label job of members. Alerts know by it who is a member. */}}
{{- define "quorate.job" -}}
{{- $job := .Values.metrics.serviceMonitor.job | default (printf "quorate/%s/%s" .Release.Namespace (include "quorate.fullname" .)) -}}
{{- if or (contains "gateway" $job) (contains "proxy" $job) -}}
{{- fail (printf "metrics.serviceMonitor.job is needed: alerts take %s for a gateway or a proxy; choose one with neither word in it" $job) -}}
{{- end -}}
{{- if not (or (contains "quorate" $job) (contains "etcd" $job)) -}}
{{- fail (printf "metrics.serviceMonitor.job: alerts take no notice of %s; choose one with quorate or etcd in it" $job) -}}
{{- end -}}
{{- $job -}}
{{- end -}}

{{/* Of every container: no root, nothing to write to but volumes, no rights. */}}
{{- define "quorate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "quorate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Refuses flags that the chart gives by itself; `of` is the value that has them, `own` are the chart's. */}}
{{- define "quorate.checkFlags" -}}
{{- range $flag, $value := .flags -}}
{{- if has $flag $.own -}}
{{- fail (printf "%s: the flag %s is the chart's own; see values.yaml for what it is made of" $.of $flag) -}}
{{- end -}}
{{- end -}}
{{- end -}}
