import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { gatewayConfigOf, memberConfigOf, root, textOf, yamlOf } from './deploy-files.ts';

const dir = 'deploy/compose';

/** Those parts of the compose specification that our files use, and no others. */
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  hostname: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string().regex(/^[^:]+:\/[^:]+(:ro)?$/)).default([]),
  ports: z.array(z.string()).default([]),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.literal('CMD'), z.string()]),
      interval: z.string(),
      timeout: z.string(),
      retries: z.int(),
      start_period: z.string(),
    })
    .optional(),
  depends_on: z.array(z.string()).default([]),
  secrets: z.array(z.string()).default([]),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
  restart: z.literal('unless-stopped'),
  read_only: z.literal(true),
  tmpfs: z.tuple([z.literal('/tmp')]),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  networks: z.array(z.string()),
  logging: z.strictObject({ driver: z.string(), options: z.record(z.string(), z.string()) }),
});
const nothing = z.record(z.string(), z.strictObject({}));
const composeFile = z
  .strictObject({
    name: z.string(),
    services: z.record(z.string(), service),
    networks: nothing,
    volumes: nothing,
    'x-limits': z.unknown(),
    'x-member': z.unknown(),
    'x-member-settings': z.unknown(),
  })
  .readonly();

const added = service.pick({ environment: true, secrets: true, volumes: true });
const tlsFile = z.strictObject({
  services: z.record(z.string(), added),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
  'x-member-settings': z.unknown(),
});

const plain = composeFile.parse(yamlOf(`${dir}/compose.yaml`));
const tls = tlsFile.parse(yamlOf(`${dir}/compose.tls.yaml`));
const members = ['m1', 'm2', 'm3'];

/** A service with TLS laid over it, or without; with variables as they are when nobody sets them. */
function environmentOf(name: string, isTls: boolean): Record<string, string> {
  const over = isTls ? tls.services[name]?.environment : {};
  const environment = { ...plain.services[name]?.environment, ...over };
  return Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, withDefaults(value)]));
}

function withDefaults(text: string): string {
  return text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}

describe.each([
  { name: 'without TLS', isTls: false, scheme: 'http' },
  { name: 'with TLS', isTls: true, scheme: 'https' },
])('members and gateway $name', ({ isTls, scheme }) => {
  test.each(members)('%s is told what a member understands, and all are told the same cluster', (name) => {
    const config = memberConfigOf(environmentOf(name, isTls));
    expect(config).toMatchObject({
      name,
      dataDir: '/var/lib/quorate/data',
      listenClientUrls: [`${scheme}://0.0.0.0:2379`],
      listenPeerUrls: [`${scheme}://0.0.0.0:2380`],
      listenMetricsUrls: ['http://0.0.0.0:2381'],
      advertiseClientUrls: [`${scheme}://${name}:2379`],
      initialAdvertisePeerUrls: [`${scheme}://${name}:2380`],
      initialCluster: members.map((other) => `${other}=${scheme}://${other}:2380`).join(','),
      initialClusterState: 'new',
      peerClientCertAuth: isTls,
    });
    expect(plain.services[name]).toMatchObject({ hostname: name, volumes: [`${name}:/var/lib/quorate`] });
    expect(environmentOf(name, isTls)['ETCDCTL_ENDPOINTS']).toBe(
      members.map((other) => `${scheme}://${other}:2379`).join(','),
    );
  });

  test('the gateway is told what it understands, and where the members are', () => {
    const config = gatewayConfigOf(environmentOf('gateway', isTls));
    expect(config.endpoints).toEqual(members.map((name) => `${scheme}://${name}:2379`));
    expect(config.listenUrls).toEqual([`${scheme}://0.0.0.0:2378`]);
  });
});

test('every port is published to this machine alone, each once, and something listens behind it', () => {
  const listening: Record<string, string> = {
    m1: '2379',
    m2: '2379',
    m3: '2379',
    gateway: '2378',
    prometheus: '9090',
    grafana: '3000',
  };
  const published = Object.entries(plain.services).flatMap(([name, { ports }]) =>
    ports.map((port) => {
      const [, host, inside] = /^127\.0\.0\.1:\$\{[A-Z0-9_]+_PORT:-(\d+)\}:(\d+)$/.exec(port) ?? [];
      expect([name, inside]).toEqual([name, listening[name]]);
      return host;
    }),
  );
  expect(published).toHaveLength(Object.keys(listening).length);
  expect(new Set(published).size).toBe(published.length);
});

test('what a service names is there: volumes, networks, files, secrets, other services', () => {
  for (const { volumes, networks, depends_on: others } of Object.values(plain.services)) {
    for (const source of volumes.map((volume) => volume.split(':')[0]!)) {
      if (source.startsWith('.'))
        expect([source, existsSync(resolve(root, dir, source))]).toEqual([source, true]);
      else expect(Object.keys(plain.volumes)).toContain(source);
    }
    expect(Object.keys(plain.networks)).toEqual(expect.arrayContaining(networks));
    expect(Object.keys(plain.services)).toEqual(expect.arrayContaining(others));
  }
  const script = textOf(`${dir}/make-certificates.sh`);
  for (const { secrets, environment, volumes } of Object.values(tls.services)) {
    expect(Object.keys(tls.secrets)).toEqual(expect.arrayContaining(secrets));
    // A file that a flag names is a secret of the service that it is a flag of.
    const named = Object.values(environment).flatMap(
      (value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [],
    );
    expect(secrets).toEqual(expect.arrayContaining(named));
    for (const source of volumes.map((volume) => volume.split(':')[0]!))
      expect(existsSync(resolve(root, dir, source))).toBe(true);
  }
  for (const [name, { file }] of Object.entries(tls.secrets)) {
    expect(file).toBe(`./tls/${name}`);
    expect(script).toMatch(new RegExp(`^(make ${name.split('.')[0]} |.* -out ${name} )`, 'm'));
  }
});

test('images that are pulled have a version, and ours are those that "npm run images" makes', () => {
  const images = Object.entries(plain.services).map(([name, { image }]) => [name, withDefaults(image)]);
  expect(Object.fromEntries(images)).toEqual({
    m1: 'localhost/quorate:latest',
    m2: 'localhost/quorate:latest',
    m3: 'localhost/quorate:latest',
    gateway: 'localhost/quorate-gateway:latest',
    prometheus: expect.stringMatching(/^prom\/prometheus:v\d+\.\d+\.\d+$/) as unknown,
    grafana: expect.stringMatching(/^grafana\/grafana:\d+\.\d+\.\d+$/) as unknown,
  });
  for (const [name, target] of [
    ...members.map((member) => [member, 'quorate']),
    ['gateway', 'quorate-gateway'],
  ]) {
    const build = plain.services[name!]?.build;
    expect(resolve(root, dir, build?.context ?? '')).toBe(root);
    expect(textOf(build?.dockerfile ?? '')).toMatch(new RegExp(`^FROM \\S+ AS ${target}$`, 'm'));
    expect(build?.target).toBe(target);
  }
  const checks = ['m1', 'gateway'].map((name) => plain.services[name]?.healthcheck?.test[1]);
  for (const check of checks)
    expect(existsSync(resolve(root, `deploy/images/bin/${check?.split('/').at(-1)}`))).toBe(true);
});

const prometheusFile = z.strictObject({
  global: z.strictObject({ scrape_interval: z.string(), evaluation_interval: z.string() }),
  rule_files: z.array(z.string()),
  scrape_configs: z.array(
    z.strictObject({
      job_name: z.string(),
      scheme: z.literal('https').optional(),
      tls_config: z.strictObject({ ca_file: z.string() }).optional(),
      static_configs: z.tuple([z.strictObject({ targets: z.array(z.string()) })]),
    }),
  ),
});

test.each([
  { file: 'prometheus.yaml', isTls: false },
  { file: 'prometheus.tls.yaml', isTls: true },
])(
  '$file asks every member and the gateway where they serve metrics, by jobs that alerts know',
  ({ file, isTls }) => {
    const { rule_files: rules, scrape_configs: jobs } = prometheusFile.parse(yamlOf(`${dir}/${file}`));
    const mounts = plain.services['prometheus']?.volumes.map((volume) => volume.split(':')) ?? [];
    expect(mounts.find(([, inside]) => inside === rules[0])?.[0]).toBe('../prometheus/alerts.yaml');
    expect(jobs.map(({ job_name: job, static_configs: [{ targets }] }) => [job, targets])).toEqual([
      ['quorate', members.map((name) => `${name}:2381`)],
      ['quorate-gateway', ['gateway:2378']],
    ]);
    const gateway = gatewayConfigOf(environmentOf('gateway', isTls));
    expect(jobs[1]?.scheme ?? 'http').toBe(new URL(gateway.listenUrls[0]!).protocol.slice(0, -1));
    expect(textOf('deploy/prometheus/alerts.yaml')).toContain(
      'job=~".*(quorate|etcd).*", job!~".*(gateway|proxy).*"',
    );
  },
);

test('Grafana is given the data source and the dashboard, and finds both', () => {
  const mounts = new Map(
    plain.services['grafana']?.volumes.map((volume) => {
      const [source = '', inside = ''] = volume.split(':');
      return [inside, source] as const;
    }),
  );
  const sources = z
    .strictObject({
      apiVersion: z.literal(1),
      datasources: z.array(z.looseObject({ type: z.string(), url: z.string() })),
    })
    .parse(yamlOf(`${dir}/grafana/datasources.yaml`));
  expect(sources.datasources).toMatchObject([
    { type: 'prometheus', url: 'http://prometheus:9090', isDefault: true },
  ]);
  const providers = z
    .strictObject({
      apiVersion: z.literal(1),
      providers: z.array(z.looseObject({ options: z.strictObject({ path: z.string() }) })),
    })
    .parse(yamlOf(`${dir}/grafana/dashboards.yaml`));
  const home = environmentOf('grafana', false)['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'];
  expect(home).toBe(`${providers.providers[0]?.options.path}/quorate.json`);
  expect(mounts.get(home ?? '')).toBe('../grafana/quorate.json');
});
