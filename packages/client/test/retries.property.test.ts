import { status as codes } from '@grpc/grpc-js';
import { rpcpb } from '@quorate/wire';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Client, op } from '../src/index.ts';
import { freePort } from '../src/testing/index.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { FakeServer, HastyClock, status } from './fake-server.ts';

/** What becomes of an attempt that has come to a member. */
const fate = fc.constantFrom(
  'done',
  // The member says that it could not, though it may have.
  ...(['refused before', 'refused after'] as const),
  // The connection breaks before the member did anything, or when it had done it and not said so.
  ...(['cut before', 'cut after'] as const),
);
type Fate = 'done' | 'refused before' | 'refused after' | 'cut before' | 'cut after';

const { methods: kv } = rpcpb.KVDefinition;
const { methods: lease } = rpcpb.LeaseDefinition;
const { methods: cluster } = rpcpb.ClusterDefinition;
const { methods: maintenance } = rpcpb.MaintenanceDefinition;
const { methods: auth } = rpcpb.AuthDefinition;

/** All unary calls, by whether doing them twice is as good as once. */
const reads: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  Range: (client) => client.get('k'),
  'Txn of reads': (client) => client.txn({ success: [op.get({ key: 'k' })] }),
  LeaseTimeToLive: (client) => client.lease.timeToLive(1n),
  LeaseLeases: (client) => client.lease.leases(),
  MemberList: (client) => client.cluster.memberList({}),
  Status: (client) => client.maintenance.status({}),
  HashKV: (client) => client.maintenance.hashKv({}),
  AuthStatus: (client) => client.auth.status(),
  UserGet: (client) => client.auth.users.get('u'),
  UserList: (client) => client.auth.users.list(),
  RoleGet: (client) => client.auth.roles.get('r'),
  RoleList: (client) => client.auth.roles.list(),
};
const writes: typeof reads = {
  Put: (client) => client.put('k', 'v'),
  DeleteRange: (client) => client.delete('k'),
  Txn: (client) => client.txn({ failure: [op.put('k', 'v')] }),
  Compact: (client) => client.kv.compact({ revision: 1n }),
  LeaseGrant: (client) => client.lease.grant({ ttlSeconds: 5 }),
  LeaseRevoke: (client) => client.lease.revoke(1n),
  MemberAdd: (client) => client.cluster.memberAdd({ peerURLs: ['http://h:1'] }),
  MemberRemove: (client) => client.cluster.memberRemove({ ID: 1n }),
  MemberUpdate: (client) => client.cluster.memberUpdate({ ID: 1n }),
  MemberPromote: (client) => client.cluster.memberPromote({ ID: 1n }),
  Alarm: (client) => client.maintenance.alarm({}),
  Defragment: (client) => client.maintenance.defragment({}),
  MoveLeader: (client) => client.maintenance.moveLeader({}),
  Downgrade: (client) => client.maintenance.downgrade({}),
  AuthEnable: (client) => client.auth.enable(),
  AuthDisable: (client) => client.auth.disable(),
  UserAdd: (client) => client.auth.users.add({ name: 'u', password: 'p' }),
  UserDelete: (client) => client.auth.users.remove('u'),
  UserChangePassword: (client) => client.auth.users.changePassword({ name: 'u', password: 'p' }),
  UserGrantRole: (client) => client.auth.users.grantRole({ user: 'u', role: 'r' }),
  UserRevokeRole: (client) => client.auth.users.revokeRole({ user: 'u', role: 'r' }),
  RoleAdd: (client) => client.auth.roles.add('r'),
  RoleDelete: (client) => client.auth.roles.remove('r'),
  RoleGrantPermission: (client) => client.auth.roles.grantPermission('r', { type: 'read', key: 'k' }),
  RoleRevokePermission: (client) => client.auth.roles.revokePermission('r', { key: 'k' }),
};

/** Two members, reached over connections that they can break, and what they have done. */
class BreakingCluster implements AsyncDisposable {
  readonly done: string[] = [];
  readonly endpoints: string[] = [];
  fates: Fate[] = [];
  arrivals = 0;
  readonly #open: AsyncDisposable[] = [];

  static async start(): Promise<BreakingCluster> {
    const cluster = new BreakingCluster();
    for (let i = 0; i < 2; i++) await cluster.#add();
    return cluster;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#open.toReversed()) await resource[Symbol.asyncDispose]();
  }

  async #add(): Promise<void> {
    const broken = { cut: () => {} };
    const server = new FakeServer();
    for (const [service, methods] of [
      [rpcpb.KVDefinition, kv],
      [rpcpb.LeaseDefinition, lease],
      [rpcpb.ClusterDefinition, cluster],
      [rpcpb.MaintenanceDefinition, maintenance],
      [rpcpb.AuthDefinition, auth],
    ] as const) {
      for (const method of Object.values(methods) as AnyMethod[]) {
        // All have these fields, whatever their messages are.
        if (method.requestStream || method.responseStream) continue;
        server.unary(service, method, async () => {
          await this.#meet(method.name, async () => {
            broken.cut();
            // Nobody hears of what is said now.
            return new Promise<never>(() => {});
          });
          return method.responseType.create();
        });
      }
    }
    await server.start();
    this.#open.push(server);
    const proxy = await CuttingProxy.start(server.endpoint, []);
    this.#open.push(proxy);
    broken.cut = () => proxy.cutNow();
    this.endpoints.push(proxy.endpoint);
  }

  async #meet(name: string, cut: () => Promise<never>): Promise<void> {
    this.arrivals++;
    const fateOfThis = this.fates.shift() ?? 'done';
    if (fateOfThis === 'refused before') throw status(codes.UNAVAILABLE, 'etcdserver: no leader');
    if (fateOfThis === 'cut before') await cut();
    this.done.push(name);
    if (fateOfThis === 'refused after') throw status(codes.UNAVAILABLE, 'etcdserver: request timed out');
    if (fateOfThis === 'cut after') await cut();
  }
}

/** Of any messages. */
interface AnyMethod {
  readonly name: string;
  readonly requestType: rpcpb.MessageFns<object>;
  readonly responseType: rpcpb.MessageFns<object> & { create(): object };
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

const fates = fc.array(fate, { maxLength: 4 });
/** More of them with QUORATE_CLIENT_RUNS. */
const numRuns = Number(process.env['QUORATE_CLIENT_RUNS'] ?? 100);

test('every unary call is one of those that are tried', () => {
  const all = [kv, lease, cluster, maintenance, auth]
    .flatMap((methods) => Object.values(methods) as AnyMethod[]) // All have these fields.
    .filter(({ requestStream, responseStream }) => !requestStream && !responseStream)
    .map(({ name }) => name);
  const tried = new Set([...Object.keys(reads), ...Object.keys(writes)]);
  // A token is asked for by the client itself; `Hash` is for tests of etcd and reads, as `HashKV` does.
  expect(all.filter((name) => !tried.has(name)).sort()).toEqual(['Authenticate', 'Hash']);
});

test('a write that may have happened is never sent again, and its error says so', async () => {
  await using members = await BreakingCluster.start();
  const property = fc.asyncProperty(fc.constantFrom(...Object.keys(writes)), fates, async (name, all) => {
    await using client = new Client({
      endpoints: members.endpoints,
      clock: new HastyClock({ longestMs: 1_000 }),
    });
    Object.assign(members, { fates: [...all], arrivals: 0 });
    members.done.length = 0;
    const outcome = await writes[name]?.(client).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(members.arrivals).toBe(1);
    expect(members.done.length).toBeLessThanOrEqual(1);
    if ((all[0] ?? 'done') === 'done') expect(outcome).toBeUndefined();
    else expect(outcome).toMatchObject({ code: 'UNAVAILABLE', unsent: false });
  });
  await fc.assert(property, { numRuns });
}, 3_600_000);

test('a read is asked for until somebody answers', async () => {
  await using members = await BreakingCluster.start();
  const property = fc.asyncProperty(fc.constantFrom(...Object.keys(reads)), fates, async (name, all) => {
    await using client = new Client({
      endpoints: members.endpoints,
      clock: new HastyClock({ longestMs: 1_000 }),
    });
    Object.assign(members, { fates: [...all], arrivals: 0 });
    await reads[name]?.(client);
    const failures = all.includes('done') ? all.indexOf('done') : all.length;
    expect(members.arrivals).toBe(failures + 1);
  });
  await fc.assert(property, { numRuns });
}, 3_600_000);

test('a write that never left is sent to whoever is there, and is done once', async () => {
  await using members = await BreakingCluster.start();
  const dead = `127.0.0.1:${await freePort()}`;
  for (const name of Object.keys(writes)) {
    await using client = new Client({ endpoints: [dead, ...members.endpoints] });
    Object.assign(members, { fates: [], arrivals: 0 });
    members.done.length = 0;
    await writes[name]?.(client);
    expect(members.done).toEqual([name]);
  }
});
