import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { chartWithVersion } from '../src/release/chart-version.ts';
import { documentsOf, mergeValues, renderChart } from '../src/helm/render-chart.ts';
import type { Dict } from '../src/helm/values.ts';
import { gatewayConfigOf, memberConfigOf, root, textOf, yamlOf } from './deploy-files.ts';
import { kubernetesObject, type KindName, type OfKind, type PodTemplate } from './kubernetes-kinds.ts';

const chart = 'deploy/helm/quorate';
const chartDir = join(root, chart);
const release = { chartDir, releaseName: 'q', namespace: 'data' };

const certManager = { enabled: true, issuerRef: { name: 'authority' } };
const allOfTls = {
  tls: { clients: { enabled: true, clientCertAuth: true }, peers: { enabled: true }, certManager },
  gateway: { tls: { enabled: true } },
};
/** Every branch of every template is in one of these, so that what they look like is checked. */
const variants: Readonly<Record<string, Dict>> = {
  'as it comes': {},
  'one member, no gateway': { members: { replicas: 1 }, gateway: { enabled: false } },
  'five members on machines of their own': {
    members: { replicas: 5, antiAffinity: 'required', zoneSpread: 'DoNotSchedule' },
  },
  'TLS by cert-manager': allOfTls,
  'TLS by secrets that are there': {
    tls: {
      clients: { enabled: true, secretName: 'c', clientCertAuth: true, clientSecretName: 'cc' },
      peers: { enabled: true, secretName: 'p' },
    },
    gateway: { tls: { enabled: true, secretName: 'g', clientCertAuth: true } },
  },
  'TLS for clients alone': { tls: { clients: { enabled: true, secretName: 'c' } } },
  'all of the metrics': {
    metrics: {
      serviceMonitor: { enabled: true, labels: { team: 'a' } },
      prometheusRule: { enabled: true, labels: { team: 'a' } },
      dashboard: { enabled: true },
    },
  },
  'a bit of everything else': {
    fullnameOverride: 'other',
    imagePullSecrets: [{ name: 'registry' }],
    members: {
      initialClusterState: 'existing',
      initialClusterToken: 'mine',
      flags: { 'heartbeat-interval': '200', 'election-timeout': '2000' },
      extraEnv: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=3072' }],
      storage: { storageClassName: 'fast' },
      antiAffinity: 'none',
      nodeSelector: { disk: 'nvme' },
      tolerations: [{ key: 'x', operator: 'Exists' }],
      priorityClassName: 'high',
      podAnnotations: { a: 'b' },
      podDisruptionBudget: { enabled: false },
      service: { type: 'LoadBalancer', annotations: { a: 'b' } },
    },
    gateway: {
      flags: { 'log-level': 'debug' },
      extraEnv: [{ name: 'X', value: 'y' }],
      nodeSelector: { a: 'b' },
      tolerations: [{ key: 'x', operator: 'Exists' }],
      priorityClassName: 'low',
      podAnnotations: { a: 'b' },
      autoscaling: { enabled: true },
      service: { annotations: { a: 'b' } },
    },
    networkPolicy: {
      clientsFrom: [{ namespaceSelector: { matchLabels: { a: 'b' } } }],
      metricsFrom: [{ namespaceSelector: {} }],
      extraEgress: [{ ports: [{ port: 4317 }] }],
    },
  },
};
const variantNames = Object.keys(variants);

class Rendered {
  readonly objects;

  constructor(values: Dict, isUpgrade = false) {
    this.objects = renderChart({ ...release, values, isUpgrade }).documents.map((document) =>
      kubernetesObject.parse(document),
    );
  }

  all<K extends KindName>(kind: K): OfKind<K>[] {
    // What is filtered by its kind is of it; the compiler does not see that through a type parameter.
    return this.objects.filter((object) => object.kind === kind) as OfKind<K>[];
  }

  get members(): OfKind<'StatefulSet'> {
    return this.all('StatefulSet')[0]!;
  }

  get gateway(): OfKind<'Deployment'> | undefined {
    return this.all('Deployment')[0];
  }

  /** The variables of a container, as it gets them. */
  env({ spec }: PodTemplate, podName: string): Record<string, string> {
    const env: Record<string, string> = {};
    for (const { name, value, valueFrom } of spec.containers[0].env) {
      const { fieldRef, configMapKeyRef: ref } = valueFrom ?? {};
      const map = this.all('ConfigMap').find(({ metadata }) => metadata.name === ref?.name);
      const text = fieldRef !== undefined ? podName : ref !== undefined ? map?.data[ref.key] : value;
      expect(env, 'no variable twice').not.toHaveProperty(name);
      env[name] = text!.replaceAll(/\$\((\w+)\)/g, (_, other: string) => env[other]!);
    }
    return env;
  }

  /** What the members understand, each by itself. */
  memberConfigs() {
    const { metadata, spec } = this.members;
    return Array.from({ length: spec.replicas }, (_, ordinal) =>
      memberConfigOf(this.env(spec.template, `${metadata.name}-${ordinal}`)),
    );
  }
}

describe.each(variantNames)('%s', (variant) => {
  const rendered = new Rendered(variants[variant]!);
  const pods = [rendered.members, ...rendered.all('Deployment')].map(({ spec }) => spec);

  test('every object has a name of its own, the namespace and the labels', () => {
    const names = rendered.objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { metadata } of rendered.objects) {
      expect(metadata.namespace).toBe('data');
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'quorate',
        'app.kubernetes.io/instance': 'q',
        'app.kubernetes.io/managed-by': 'Helm',
      });
    }
  });

  test('whatever selects pods selects those of one component, and all of those', () => {
    const selectors = [
      ...rendered.all('Service').map(({ spec, metadata }) => [metadata.labels, spec.selector] as const),
      ...pods.map(({ selector, template }) => [template.metadata.labels, selector.matchLabels] as const),
      ...rendered
        .all('PodDisruptionBudget')
        .map(({ spec, metadata }) => [metadata.labels, spec.selector.matchLabels] as const),
      ...rendered
        .all('NetworkPolicy')
        .map(({ spec, metadata }) => [metadata.labels, spec.podSelector.matchLabels] as const),
      ...pods.flatMap(({ template }) =>
        template.spec.topologySpreadConstraints.map(
          ({ labelSelector }) => [template.metadata.labels, labelSelector.matchLabels] as const,
        ),
      ),
    ];
    const component = 'app.kubernetes.io/component';
    for (const [labels, selector] of selectors) {
      const template = pods.find(({ template }) => template.metadata.labels[component] === labels[component]);
      expect(template?.template.metadata.labels).toMatchObject(selector);
      expect(selector).toHaveProperty([component], labels[component]);
    }
  });

  test('ports that are named are there, and probes and services go to what is listened on', () => {
    const listened: Readonly<Record<string, Readonly<Record<string, number>>>> = {
      quorate: { client: 2379, peer: 2380, metrics: 2381 },
      gateway: { http: 2378 },
    };
    for (const { template } of pods) {
      const [container] = template.spec.containers;
      const ports = Object.fromEntries(
        container.ports.map(({ name, containerPort }) => [name, containerPort]),
      );
      expect(ports).toEqual(listened[container.name]);
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        if (probe !== undefined) expect(ports).toHaveProperty(probe.httpGet?.port ?? probe.tcpSocket!.port);
      }
    }
    for (const { spec } of rendered.all('Service')) {
      const [container] = pods.find(({ template }) =>
        Object.entries(spec.selector).every(([key, value]) => template.metadata.labels[key] === value),
      )!.template.spec.containers;
      for (const { name, port, targetPort } of spec.ports) {
        expect(targetPort).toBe(name);
        expect(listened[container.name]).toHaveProperty(name, port);
      }
    }
  });

  test('members understand what they are told, agree on the cluster, and find each other', () => {
    const configs = rendered.memberConfigs();
    const { metadata, spec } = rendered.members;
    const peers = rendered.all('Service').find((service) => service.metadata.name === spec.serviceName)!;
    expect(peers.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    const [scheme] = configs[0]!.listenPeerUrls[0]!.split(':');
    const urlOf = (ordinal: number): string =>
      `${scheme}://${metadata.name}-${ordinal}.${spec.serviceName}.data.svc.cluster.local:2380`;
    for (const [ordinal, config] of configs.entries()) {
      expect(config.name).toBe(`${metadata.name}-${ordinal}`);
      expect(config.initialAdvertisePeerUrls).toEqual([urlOf(ordinal)]);
      expect(config.advertiseClientUrls[0]).toContain(`://${config.name}.${spec.serviceName}.data.`);
      expect(config.listenMetricsUrls).toEqual(['http://0.0.0.0:2381']);
      expect(config.initialCluster).toBe(
        configs.map(({ name }, other) => `${name}=${urlOf(other)}`).join(','),
      );
      expect(new URL(config.listenClientUrls[0]!).port).toBe('2379');
      // The volume is where the data is, and nothing else can be written to.
      const mounts = spec.template.spec.containers[0].volumeMounts;
      expect(mounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath)).toEqual([
        '/var/lib/quorate',
        '/tmp',
      ]);
      expect(config.dataDir).toBe('/var/lib/quorate/data');
    }
  });

  test('the gateway understands what it is told, and knows every member', () => {
    if (rendered.gateway === undefined) return expect(variant).toContain('no gateway');
    const config = gatewayConfigOf(rendered.env(rendered.gateway.spec.template, 'gateway'));
    expect(config.endpoints).toEqual(rendered.memberConfigs().map(({ advertiseClientUrls: [url] }) => url));
  });

  test('files that a flag names are mounted, from secrets that are named or asked for', () => {
    const asked = rendered.all('Certificate').map(({ spec }) => spec.secretName);
    const given = JSON.stringify(variants[variant]);
    for (const { template } of pods) {
      const { volumes, containers } = template.spec;
      const [{ volumeMounts, env }] = containers;
      const volumeNames = [
        ...volumes.map(({ name }) => name),
        ...(containers[0].name === 'quorate' ? ['data'] : []),
      ];
      expect(volumeMounts.map(({ name }) => name).toSorted()).toEqual(volumeNames.toSorted());
      for (const { value = '' } of env.filter(({ value }) => value?.startsWith('/etc/'))) {
        const mount = volumeMounts.find(({ mountPath }) => value.startsWith(`${mountPath}/`));
        const volume = volumes.find(({ name }) => name === mount?.name);
        expect(mount?.readOnly, value).toBe(true);
        const file = value.slice(value.lastIndexOf('/') + 1);
        expect(['tls.crt', 'tls.key', 'ca.crt']).toContain(file);
        const items = volume?.secret?.items;
        if (items !== undefined) expect(items).toContainEqual({ key: file, path: file });
      }
      for (const { secret } of volumes) {
        if (secret === undefined) continue;
        expect(asked.includes(secret.secretName) || given.includes(`"${secret.secretName}"`)).toBe(true);
      }
    }
  });

  test('a budget leaves a majority', () => {
    for (const { spec, metadata } of rendered.all('PodDisruptionBudget')) {
      if (metadata.labels['app.kubernetes.io/component'] !== 'member') continue;
      const { replicas } = rendered.members.spec;
      expect(spec.maxUnavailable).toBeLessThanOrEqual(Math.max(1, Math.floor((replicas - 1) / 2)));
    }
  });

  test('values are what their schema says', () => {
    const values = mergeValues(
      z.record(z.string(), z.unknown()).parse(yamlOf(`${chart}/values.yaml`)),
      variants[variant]!,
    );
    expect(valuesSchema.safeParse(values).error?.issues ?? []).toEqual([]);
  });
});

// Of a schema of JSON only what is an object can be made a schema of; that it is one has been read.
const valuesSchema = z.fromJSONSchema(
  JSON.parse(textOf(`${chart}/values.schema.json`)) as Parameters<typeof z.fromJSONSchema>[0],
);

test('members with empty volumes make a cluster when it is installed, and join it afterwards', () => {
  const stateOf = (values: Dict, isUpgrade: boolean): string =>
    new Rendered(values, isUpgrade).memberConfigs()[0]!.initialClusterState;
  expect(stateOf({}, false)).toBe('new');
  expect(stateOf({}, true)).toBe('existing');
  expect(stateOf({ members: { initialClusterState: 'new' } }, true)).toBe('new');
});

test('growing changes what new members are told, and nothing about the pods of those that are there', () => {
  const [three, four] = [3, 4].map((replicas) => new Rendered({ members: { replicas } }, true));
  expect(four!.members.spec.template).toEqual(three!.members.spec.template);
  expect(four!.memberConfigs()[3]!.initialCluster.split(',')).toHaveLength(4);
});

test('a member is restarted for what is wrong with itself alone, and serves only in a majority', () => {
  const [{ startupProbe, livenessProbe, readinessProbe }] = new Rendered({}).members.spec.template.spec
    .containers;
  expect(startupProbe?.httpGet).toEqual({ path: '/livez', port: 'metrics' });
  expect(livenessProbe.httpGet).toEqual({ path: '/livez', port: 'metrics' });
  expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'metrics' });
  expect(new Rendered({}).members.spec.podManagementPolicy).toBe('Parallel');
});

test('the gateway is asked in the way that it serves, and only for a connection where clients need certificates', () => {
  const probeOf = (values: Dict) =>
    new Rendered(values).gateway!.spec.template.spec.containers[0].readinessProbe;
  expect(probeOf({}).httpGet?.scheme).toBe('HTTP');
  expect(probeOf(variants['TLS by cert-manager']!).httpGet?.scheme).toBe('HTTPS');
  expect(probeOf(variants['TLS by secrets that are there']!).tcpSocket).toEqual({ port: 'http' });
});

test('certificates name what they are reached by', () => {
  const rendered = new Rendered(allOfTls);
  const namesOf = (ending: string): string[] =>
    rendered.all('Certificate').find(({ metadata }) => metadata.name.endsWith(ending))!.spec.dnsNames;
  for (const { initialAdvertisePeerUrls, advertiseClientUrls } of rendered.memberConfigs()) {
    expect(namesOf('-peers')).toContain(new URL(initialAdvertisePeerUrls[0]!).hostname);
    expect(namesOf('-clients')).toContain(new URL(advertiseClientUrls[0]!).hostname);
  }
  for (const { metadata } of rendered.all('Service').filter(({ spec }) => spec.clusterIP !== 'None')) {
    const names = metadata.name.endsWith('-gateway') ? namesOf('quorate-gateway') : namesOf('-clients');
    expect(names).toContain(`${metadata.name}.data.svc.cluster.local`);
  }
  // Nobody's: a certificate with a common name would be a user's.
  expect(JSON.stringify(rendered.all('Certificate'))).not.toContain('commonName');
});

test('the peer port is open to members alone', () => {
  const [policy] = new Rendered({}).all('NetworkPolicy');
  const rule = policy!.spec.ingress.find(({ ports }) => ports.some(({ port }) => port === 'peer'));
  expect(rule?.ports).toEqual([{ port: 'peer' }]);
  expect(rule?.from?.map(({ podSelector }) => podSelector?.matchLabels)).toEqual([
    policy!.spec.podSelector.matchLabels,
  ]);
});

test('metrics are fetched under a job that alerts take for members, and a job that they would not is refused', () => {
  const withJob = (job: string, namespace = 'data') =>
    renderChart({ ...release, namespace, values: { metrics: { serviceMonitor: { enabled: true, job } } } });
  const [members, gateway] = new Rendered(variants['all of the metrics']!).all('ServiceMonitor');
  const jobs = [members, gateway].map((monitor) => monitor?.spec.endpoints[0]?.relabelings[0]?.replacement);
  expect(jobs).toEqual(['quorate/data/q-quorate', 'quorate-gateway/data/q-quorate']);
  expect(() => withJob('', 'api-gateway')).toThrow(
    'alerts take quorate/api-gateway/q-quorate for a gateway or a proxy',
  );
  expect(() => withJob('database')).toThrow('alerts take no notice of database');
  expect(withJob('my-etcd', 'api-gateway').documents.length).toBeGreaterThan(0);
  // Each is of services that have such a port.
  for (const monitor of [members!, gateway!]) {
    const services = new Rendered({})
      .all('Service')
      .filter(({ metadata }) =>
        Object.entries(monitor.spec.selector.matchLabels).every(
          ([key, value]) => metadata.labels[key] === value,
        ),
      );
    expect(services).toHaveLength(1);
    expect(services[0]!.spec.ports.map(({ name }) => name)).toContain(monitor.spec.endpoints[0]!.port);
  }
});

test('alerts and the dashboard of the chart are those beside it', () => {
  expect(textOf(`${chart}/files/alerts.yaml`)).toBe(textOf('deploy/prometheus/alerts.yaml'));
  expect(textOf(`${chart}/files/dashboard.json`)).toBe(textOf('deploy/grafana/quorate.json'));
  const rendered = new Rendered(variants['all of the metrics']!);
  expect(rendered.all('PrometheusRule')[0]!.spec).toEqual(yamlOf('deploy/prometheus/alerts.yaml'));
  const map = rendered.all('ConfigMap').find(({ metadata }) => metadata.name.endsWith('-dashboard'));
  expect(JSON.parse(map?.data['quorate.json'] ?? '')).toEqual(
    JSON.parse(textOf('deploy/grafana/quorate.json')),
  );
});

test('a secret that is missing is asked for by its name', () => {
  const missing = (values: Dict) => () => renderChart({ ...release, values });
  expect(missing({ tls: { clients: { enabled: true } } })).toThrow('tls.clients.secretName is needed');
  expect(missing({ tls: { peers: { enabled: true } } })).toThrow('tls.peers.secretName is needed');
  expect(missing({ gateway: { tls: { enabled: true } } })).toThrow('gateway.tls.secretName is needed');
  const clients = { enabled: true, secretName: 'c', clientCertAuth: true };
  expect(missing({ tls: { clients } })).toThrow('tls.clients.clientSecretName is needed');
});

test('notes say how to reach what was installed, and what is open', () => {
  const open = renderChart(release).notes;
  expect(open).toContain('http://q-quorate.data.svc.cluster.local:2379');
  expect(open).toContain('http://q-quorate-gateway.data.svc.cluster.local:2378');
  expect(open).toContain('Clients are served without TLS');
  const closed = renderChart({ ...release, values: allOfTls }).notes;
  expect(closed).toContain('https://q-quorate.data.svc.cluster.local:2379');
  expect(closed).not.toContain('without TLS');
});

describe('values', () => {
  const templates = globSync(`${chart}/templates/*`, { cwd: root }).map(textOf).join('\n');
  const used = new Set(
    // A template that gives `.Values.tls` a name goes on with that.
    templates
      .replaceAll(/\$tls\./g, '.Values.tls.')
      .replaceAll(/\$certManager\./g, '.Values.tls.certManager.')
      .replaceAll(/\{\{- \$\w+ := \.Values\.[\w.]+ -\}\}/g, '')
      .match(/(?<=\.Values\.)[\w.]+/g),
  );
  const paths = leavesOf(yamlOf(`${chart}/values.yaml`), []);

  test('each is used, and each that is used is there', () => {
    const isBelow = (path: string, other: string): boolean => path === other || path.startsWith(`${other}.`);
    expect(paths.filter((path) => ![...used].some((other) => isBelow(path, other)))).toEqual([]);
    expect([...used].filter((other) => !paths.some((path) => isBelow(path, other)))).toEqual([]);
  });

  test('a flag that the chart gives by itself is refused as a value, with its name', () => {
    const rendered = new Rendered(variants['TLS by secrets that are there']!);
    const { flags: given } = z
      .object({ members: z.object({ flags: z.record(z.string(), z.string()) }) })
      .parse(yamlOf(`${chart}/values.yaml`)).members;
    const flagsOf = (template: PodTemplate, prefix: string): string[] =>
      template.spec.containers[0].env
        .filter(({ name }) => name.startsWith(prefix))
        .map(({ name }) => name.slice(prefix.length).toLowerCase().replaceAll('_', '-'))
        .filter((flag) => !Object.hasOwn(given, flag));
    const own = {
      members: flagsOf(rendered.members.spec.template, 'ETCD_'),
      gateway: flagsOf(rendered.gateway!.spec.template, 'QUORATE_GATEWAY_'),
    };
    for (const [component, flags] of Object.entries(own)) {
      expect(flags.length).toBeGreaterThan(5);
      for (const flag of flags) {
        const values = { [component]: { flags: { [flag]: 'x' } } };
        const message = `${component}.flags: the flag ${flag} is the chart's own`;
        expect(() => renderChart({ ...release, values })).toThrow(message);
      }
    }
  });

  test.each([
    [{ members: { replicas: 0 } }],
    [{ members: { flags: { ETCD_NAME: 'x' } } }],
    [{ members: { flags: { 'quota-backend-bytes': 5 } } }],
    [{ members: { antiAffinity: 'sometimes' } }],
    [{ gateways: {} }],
  ])('%j is refused', (values) => {
    const base = z.record(z.string(), z.unknown()).parse(yamlOf(`${chart}/values.yaml`));
    expect(valuesSchema.safeParse(mergeValues(base, values)).success).toBe(false);
  });
});

/** Names of whatever is no dictionary, or an empty one, with those above it. */
function leavesOf(value: unknown, path: readonly string[]): string[] {
  const entries = z.record(z.string(), z.unknown()).safeParse(value);
  const found = entries.success ? Object.entries(entries.data) : [];
  return found.length === 0
    ? [path.join('.')]
    : found.flatMap(([name, inner]) => leavesOf(inner, [...path, name]));
}

const helm = process.env['QUORATE_HELM'];
test.skipIf(helm === undefined).each(variantNames)(
  'real Helm makes the same of it (QUORATE_HELM): %s',
  (variant) => {
    const dir = mkdtempSync(join(tmpdir(), 'helm-values-'));
    try {
      const file = join(dir, 'values.json');
      writeFileSync(file, JSON.stringify(variants[variant]));
      for (const isUpgrade of [false, true]) {
        const args = [
          'template',
          'q',
          chartDir,
          '--namespace=data',
          '--kube-version=v1.34.0',
          `--values=${file}`,
        ];
        const { status, stdout, stderr } = spawnSync(
          helm!,
          [...args, ...(isUpgrade ? ['--is-upgrade'] : [])],
          {
            encoding: 'utf8',
          },
        );
        expect([stderr, status]).toEqual(['', 0]);
        const { documents } = renderChart({ ...release, values: variants[variant]!, isUpgrade });
        const inOrder = (objects: readonly Dict[]) =>
          objects.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
        expect(inOrder(documents)).toEqual(inOrder(documentsOf('helm', stdout)));
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);

function keyOf(object: Dict): string {
  const { kind, metadata } = z
    .looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) })
    .parse(object);
  return `${kind} ${metadata.name}`;
}

test('Chart.yaml says what it is, in the version of the packages', () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(textOf('apps/server/package.json')));
  expect(parse(textOf(`${chart}/Chart.yaml`))).toMatchObject({
    apiVersion: 'v2',
    type: 'application',
    version,
    appVersion: version,
  });
});

test('a release gives the chart its version, and changes nothing else in it', () => {
  const text = textOf(`${chart}/Chart.yaml`);
  const next = chartWithVersion(text, '9.8.7');
  expect(parse(next)).toEqual({
    ...z.record(z.string(), z.unknown()).parse(parse(text)),
    version: '9.8.7',
    appVersion: '9.8.7',
  });
  expect(next.split('\n')).toHaveLength(text.split('\n').length);
  expect(() => chartWithVersion('name: x\n', '9.8.7')).toThrow('has no line "version: …"');
});
