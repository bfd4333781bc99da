import { z } from 'zod';

/**
 * The kinds of Kubernetes that our charts make, each with those fields that they set and no others: a field that is
 * misspelt, or at the wrong place, is found. Names and types are those of the API (apps/v1, v1, policy/v1, …).
 */
const name = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const labels = z.record(
  z.string().regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9][\w.-]{0,62}$/),
  z.string().regex(/^([A-Za-z0-9][\w.-]{0,61})?[A-Za-z0-9]?$/),
);
const texts = z.record(z.string(), z.string());
const quantity = z.string().regex(/^\d+(\.\d+)?(m|[EPTGMK]i?)?$/);
const portName = z.string().regex(/^[a-z][a-z0-9-]{0,14}$/);
const portNumber = z.int().min(1).max(65_535);
const selector = z.strictObject({ matchLabels: labels });
const metadata = z.strictObject({ name, namespace: name, labels, annotations: texts.optional() });

const probe = z
  .strictObject({
    httpGet: z
      .strictObject({ path: z.string(), port: portName, scheme: z.enum(['HTTP', 'HTTPS']).optional() })
      .optional(),
    tcpSocket: z.strictObject({ port: portName }).optional(),
    periodSeconds: z.int(),
    timeoutSeconds: z.int(),
    failureThreshold: z.int(),
  })
  .refine(({ httpGet, tcpSocket }) => (httpGet === undefined) !== (tcpSocket === undefined));

const variable = z
  .strictObject({
    name: z.string().regex(/^[A-Z_][A-Z0-9_]*$/),
    value: z.string().optional(),
    valueFrom: z
      .strictObject({
        fieldRef: z.strictObject({ fieldPath: z.string() }).optional(),
        configMapKeyRef: z.strictObject({ name, key: z.string() }).optional(),
      })
      .optional(),
  })
  .refine(({ value, valueFrom }) => (value === undefined) !== (valueFrom === undefined));

const container = z.strictObject({
  name,
  image: z.string().regex(/^[^:]+:[\w.-]+$/),
  imagePullPolicy: z.string(),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  env: z.array(variable),
  ports: z.array(z.strictObject({ name: portName, containerPort: portNumber })),
  startupProbe: probe.optional(),
  livenessProbe: probe,
  readinessProbe: probe,
  lifecycle: z
    .strictObject({ preStop: z.strictObject({ sleep: z.strictObject({ seconds: z.int() }) }) })
    .optional(),
  resources: z.strictObject({
    requests: z.record(z.string(), quantity).optional(),
    limits: z.record(z.string(), quantity).optional(),
  }),
  volumeMounts: z.array(
    z.strictObject({ name, mountPath: z.string().startsWith('/'), readOnly: z.literal(true).optional() }),
  ),
});

const affinityTerm = z.strictObject({ topologyKey: z.string(), labelSelector: selector });
const podSpec = z.strictObject({
  serviceAccountName: name,
  automountServiceAccountToken: z.literal(false),
  enableServiceLinks: z.literal(false),
  terminationGracePeriodSeconds: z.int(),
  priorityClassName: name.optional(),
  imagePullSecrets: z.array(z.strictObject({ name })).optional(),
  securityContext: z.strictObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.int().min(1),
    runAsGroup: z.int().min(1),
    fsGroup: z.int().min(1),
    fsGroupChangePolicy: z.literal('OnRootMismatch'),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  affinity: z
    .strictObject({
      podAntiAffinity: z.strictObject({
        requiredDuringSchedulingIgnoredDuringExecution: z.array(affinityTerm).optional(),
        preferredDuringSchedulingIgnoredDuringExecution: z
          .array(z.strictObject({ weight: z.int().min(1).max(100), podAffinityTerm: affinityTerm }))
          .optional(),
      }),
    })
    .optional(),
  topologySpreadConstraints: z.array(
    z.strictObject({
      topologyKey: z.string(),
      maxSkew: z.int(),
      whenUnsatisfiable: z.enum(['DoNotSchedule', 'ScheduleAnyway']),
      labelSelector: selector,
    }),
  ),
  nodeSelector: texts.optional(),
  tolerations: z.array(z.looseObject({ operator: z.string() })).optional(),
  containers: z.tuple([container]),
  volumes: z.array(
    z.strictObject({
      name,
      emptyDir: z.strictObject({}).optional(),
      secret: z
        .strictObject({
          secretName: name,
          defaultMode: z.int(),
          items: z.array(z.strictObject({ key: z.string(), path: z.string() })).optional(),
        })
        .optional(),
    }),
  ),
});
const podTemplate = z.strictObject({
  metadata: z.strictObject({ labels, annotations: texts.optional() }),
  spec: podSpec,
});

const retention = z.enum(['Retain', 'Delete']);
const policyPorts = z.array(
  z.strictObject({ port: z.union([portName, portNumber]), protocol: z.enum(['TCP', 'UDP']).optional() }),
);
const policyPeers = z.array(
  z.strictObject({
    podSelector: z.strictObject({ matchLabels: labels.optional() }).optional(),
    namespaceSelector: z.strictObject({ matchLabels: labels.optional() }).optional(),
  }),
);

function kind<K extends string, V extends string, S extends z.ZodRawShape>(
  apiVersion: V,
  kindName: K,
  shape: S,
) {
  return z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kindName), metadata, ...shape });
}

/** A document that one of our charts makes. */
export const kubernetesObject = z.discriminatedUnion('kind', [
  kind('v1', 'ServiceAccount', { automountServiceAccountToken: z.literal(false) }),
  kind('v1', 'ConfigMap', { data: texts }),
  kind('v1', 'Service', {
    spec: z.strictObject({
      type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).optional(),
      clusterIP: z.literal('None').optional(),
      publishNotReadyAddresses: z.boolean().optional(),
      selector: labels,
      ports: z.array(z.strictObject({ name: portName, port: portNumber, targetPort: portName })),
    }),
  }),
  kind('apps/v1', 'StatefulSet', {
    spec: z.strictObject({
      serviceName: name,
      replicas: z.int(),
      podManagementPolicy: z.enum(['Parallel', 'OrderedReady']),
      updateStrategy: z.strictObject({ type: z.literal('RollingUpdate') }),
      persistentVolumeClaimRetentionPolicy: z.strictObject({ whenDeleted: retention, whenScaled: retention }),
      selector,
      template: podTemplate,
      volumeClaimTemplates: z.array(
        z.strictObject({
          metadata: z.strictObject({ name, labels }),
          spec: z.strictObject({
            accessModes: z.tuple([z.literal('ReadWriteOnce')]),
            storageClassName: name.optional(),
            resources: z.strictObject({ requests: z.strictObject({ storage: quantity }) }),
          }),
        }),
      ),
    }),
  }),
  kind('apps/v1', 'Deployment', {
    spec: z.strictObject({
      replicas: z.int().optional(),
      strategy: z.strictObject({
        type: z.literal('RollingUpdate'),
        rollingUpdate: z.strictObject({ maxUnavailable: z.int(), maxSurge: z.int() }),
      }),
      selector,
      template: podTemplate,
    }),
  }),
  kind('policy/v1', 'PodDisruptionBudget', {
    spec: z.strictObject({ maxUnavailable: z.int(), selector }),
  }),
  kind('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: z.strictObject({
      scaleTargetRef: z.strictObject({
        apiVersion: z.literal('apps/v1'),
        kind: z.literal('Deployment'),
        name,
      }),
      minReplicas: z.int(),
      maxReplicas: z.int(),
      metrics: z.array(
        z.strictObject({
          type: z.literal('Resource'),
          resource: z.strictObject({
            name: z.literal('cpu'),
            target: z.strictObject({ type: z.literal('Utilization'), averageUtilization: z.int() }),
          }),
        }),
      ),
    }),
  }),
  kind('networking.k8s.io/v1', 'NetworkPolicy', {
    spec: z.strictObject({
      podSelector: selector,
      policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
      ingress: z.array(z.strictObject({ ports: policyPorts, from: policyPeers.optional() })),
      egress: z.array(z.strictObject({ ports: policyPorts, to: policyPeers.optional() })),
    }),
  }),
  kind('cert-manager.io/v1', 'Certificate', {
    spec: z.strictObject({
      secretName: name,
      duration: z.string(),
      renewBefore: z.string(),
      usages: z.array(z.enum(['digital signature', 'key encipherment', 'server auth', 'client auth'])),
      dnsNames: z.array(z.string()),
      issuerRef: z.strictObject({ group: z.string(), kind: z.string(), name }),
    }),
  }),
  kind('monitoring.coreos.com/v1', 'ServiceMonitor', {
    spec: z.strictObject({
      namespaceSelector: z.strictObject({ matchNames: z.array(name) }),
      selector,
      endpoints: z.array(
        z.strictObject({
          port: portName,
          path: z.string(),
          interval: z.string(),
          relabelings: z.array(
            z.strictObject({
              sourceLabels: z.array(z.string()).optional(),
              targetLabel: z.string(),
              replacement: z.string().optional(),
              action: z.literal('replace'),
            }),
          ),
        }),
      ),
    }),
  }),
  kind('monitoring.coreos.com/v1', 'PrometheusRule', {
    spec: z.strictObject({ groups: z.array(z.looseObject({ name: z.string() })) }),
  }),
]);

export type KubernetesObject = z.infer<typeof kubernetesObject>;
export type KindName = KubernetesObject['kind'];
/** One of a kind. */
export type OfKind<K extends KindName> = Extract<KubernetesObject, { kind: K }>;
/** What a StatefulSet or a Deployment starts. */
export type PodTemplate = z.infer<typeof podTemplate>;
