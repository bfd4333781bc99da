import { electionpb, healthpb, lockpb, rpcpb, raftRequestField } from '@quorate/wire';
import { expect, test } from 'vitest';
import { accessOfLogEntry, httpRules, rpcRules, ruleOf, ruleOfHttpRoute } from '../src/index.ts';

const services = [
  rpcpb.KVDefinition,
  rpcpb.WatchDefinition,
  rpcpb.LeaseDefinition,
  rpcpb.ClusterDefinition,
  rpcpb.MaintenanceDefinition,
  rpcpb.AuthDefinition,
  lockpb.LockDefinition,
  electionpb.ElectionDefinition,
  healthpb.HealthDefinition,
];

test('every RPC of every service of the client port has a rule, and nothing else has', () => {
  const paths = services.flatMap(({ fullName, methods }) =>
    Object.values(methods).map(({ name }) => `/${fullName}/${name}`),
  );
  expect(Object.keys(rpcRules).sort()).toEqual(paths.sort());
  for (const path of paths) expect(ruleOf(path)).toBeDefined();
});

test('no service is left out', () => {
  const names = [rpcpb, lockpb, electionpb, healthpb].flatMap((module) =>
    Object.keys(module).filter((name) => name.endsWith('Definition')),
  );
  expect(names.sort()).toEqual(services.map(({ name }) => `${name}Definition`).sort());
});

test.each([
  '',
  '/',
  '__proto__',
  'constructor',
  'toString',
  '/etcdserverpb.KV/range',
  '/etcdserverpb.KV/Range/',
])('the path %j has no rule and is denied', (path) => {
  expect(ruleOf(path)).toBeUndefined();
  expect(ruleOfHttpRoute(path)).toBeUndefined();
});

test('without a user one can ask for the state of authentication and of health, and log in', () => {
  const open = Object.entries(rpcRules).flatMap(([path, { level }]) => (level === 'open' ? [path] : []));
  expect(open.sort()).toEqual([
    '/etcdserverpb.Auth/AuthStatus',
    '/etcdserverpb.Auth/Authenticate',
    '/grpc.health.v1.Health/Check',
    '/grpc.health.v1.Health/List',
    '/grpc.health.v1.Health/Watch',
  ]);
});

test('what looks at content is decided where the content is known', () => {
  for (const [path, rule] of Object.entries(rpcRules)) {
    if (['keys', 'self', 'role'].includes(rule.level)) expect(rule.enforcedBy, path).toBe('member');
    else if (path !== '/etcdserverpb.Maintenance/Alarm') expect(rule.enforcedBy, path).toBe('port');
  }
  expect(ruleOf('/etcdserverpb.Maintenance/Alarm')).toMatchObject({ enforcedBy: 'member', level: 'admin' });
});

test('what an operator needs while there is no leader works on what the member knows', () => {
  for (const name of ['Status', 'Hash', 'HashKV', 'Defragment', 'Snapshot']) {
    expect(ruleOf(`/etcdserverpb.Maintenance/${name}`)?.asOf).toBe('local');
  }
});

test('probes, versions and metrics are open over HTTP, and what shows memory is for administrators', () => {
  for (const route of ['/version', '/health', '/livez', '/readyz', '/metrics'] as const) {
    expect(ruleOfHttpRoute(route)).toBe(httpRules[route]);
    expect(httpRules[route].level).toBe('open');
  }
  expect(ruleOfHttpRoute('/debug/pprof/heap')?.level).toBe('admin');
  expect(ruleOfHttpRoute('/debugger')).toBeUndefined();
  expect(ruleOfHttpRoute('/metrics/')).toBeUndefined();
});

const levelsOfLog = {
  open: [
    'v2',
    'compaction',
    'leaseGrant',
    'alarm',
    'leaseCheckpoint',
    'authenticate',
    'clusterVersionSet',
    'clusterMemberAttrSet',
    'downgradeInfoSet',
    'downgradeVersionTest',
  ],
  keys: ['range', 'put', 'deleteRange', 'txn', 'leaseRevoke'],
  self: ['authUserGet'],
  role: ['authRoleGet'],
} as const;

test('an entry of the log needs what etcd asks for when it applies it', () => {
  const levelOf = new Map<string, string>();
  for (const [level, names] of Object.entries(levelsOfLog))
    for (const name of names) levelOf.set(name, level);
  for (const [name, field] of Object.entries(raftRequestField)) {
    const { level } = accessOfLogEntry(field, new Uint8Array(0));
    expect(level, name).toBe(levelOf.get(name) ?? 'admin');
  }
});

test('an entry of an unknown kind is for administrators', () => {
  for (const field of [0, 1, 12, 100, 1500]) {
    expect(accessOfLogEntry(field, new Uint8Array(0)).level).toBe('admin');
  }
});
