import { rpcpb, type mvccpb } from '@quorate/wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client, text, type Lock, type Session } from '../src/index.ts';
import { FakeServer } from './fake-server.ts';

/** What limits a wait. */
interface Limits {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
type Wait = (client: Client, limits: Limits, held: Held) => Promise<unknown> | AsyncIterable<unknown>;

let tries = 0;

/** Everything of a client that waits for a member. */
const waits: Readonly<Record<string, Wait>> = {
  get: (client, limits) => client.get('k', limits),
  getAll: (client, limits) => client.getAll({ prefix: 'k' }, limits),
  count: (client, limits) => client.count({ prefix: 'k' }, limits),
  put: (client, limits) => client.put('k', 'v', limits),
  delete: (client, limits) => client.delete('k', limits),
  txn: (client, limits) => client.txn({}, limits),
  compact: (client, limits) => client.kv.compact({}, limits),
  rangeStream: (client, limits) => client.kv.rangeStream({}, limits),
  pages: (client, limits) => client.pages({ prefix: 'k' }, limits),
  stm: (client, limits) => client.stm((tx) => tx.get('k'), limits),
  'stm, while the application waits': (client, limits) => client.stm(() => new Promise(() => {}), limits),
  watch: (client, limits) => client.watch({ key: 'k', ...limits }),
  'watch of a group': (client, limits) => client.watchGroup().watch({ key: 'k', ...limits }),
  view: (client, limits) => client.view({ prefix: 'k', ...limits }),
  'namespace get': (client, limits) => client.namespace('n/').get('k', limits),
  'typed get': (client, limits) => client.typed(text).get('k', limits),
  'typed put': (client, limits) => client.typed(text).put('k', 'v', limits),
  'typed create': (client, limits) => client.typed(text).create('k', 'v', limits),
  'typed update': (client, limits) => client.typed(text).update('k', () => 'v', limits),
  'typed delete': (client, limits) => client.typed(text).delete('k', limits),
  'typed watch': (client, limits) => client.typed(text).watch({ key: 'k', ...limits }),
  'lease.grant': (client, limits) => client.lease.grant({ ttlSeconds: 1 }, limits),
  'lease.revoke': (client, limits) => client.lease.revoke(1n, limits),
  'lease.timeToLive': (client, limits) => client.lease.timeToLive(1n, limits),
  'lease.leases': (client, limits) => client.lease.leases(limits),
  'lease.keepAliveOnce': (client, limits) => client.lease.keepAliveOnce(1n, limits),
  session: (client, limits) => client.session(limits),
  'session of a lease': (client, limits) => client.session({ leaseId: 7n, ...limits }),
  'election.leader': (client, limits) => client.election('e').leader(limits),
  'election.observe': (client, limits) => client.election('e').observe(limits),
  'cluster.memberList': (client, limits) => client.cluster.memberList({}, limits),
  'maintenance.status': (client, limits) => client.maintenance.status({}, limits),
  'maintenance.snapshot': (client, limits) => client.maintenance.snapshot(limits),
  'auth.status': (client, limits) => client.auth.status(limits),
  'auth.users.list': (client, limits) => client.auth.users.list(limits),
  'auth.roles.list': (client, limits) => client.auth.roles.list(limits),
  'lockService.lock': (client, limits) => client.lockService.lock({}, limits),
  'electionService.campaign': (client, limits) => client.electionService.campaign({}, limits),
  'electionService.observe': (client, limits) => client.electionService.observe({}, limits),
  unary: (client, limits) => client.unary('/etcdserverpb.KV/Range', new Uint8Array(), limits),
  stream: (client, limits) => client.stream('/etcdserverpb.Watch/Watch', endless(), limits),
  'session.lock': (_, limits, { session }) => session.lock('another', limits),
  'session.lock, behind another': (_, limits, { session, lock }) => {
    expect(lock.isHeld).toBe(true);
    return session.lock('held', limits);
  },
  'session.tryLock': (_, limits, { session }) => session.tryLock(`third ${++tries}`, limits),
  'session.campaign': (_, limits, { session }) => session.campaign('fourth', 'v', limits),
};

/** What ends something that is held; it goes on when nobody waits for it. */
const ends: Readonly<Record<string, Wait>> = {
  unlock: (_, limits, { lock }) => lock.unlock(limits),
  'session.close': (_, limits, { session }) => session.close(limits),
};

interface Held {
  readonly session: Session;
  readonly lock: Lock;
}

async function* endless(): AsyncGenerator<Uint8Array> {
  await new Promise(() => {});
  yield new Uint8Array();
}

/** A member that grants leases and locks, and when it is told to be silent takes calls and never answers them. */
class SilentMember extends FakeServer {
  isSilent = false;

  constructor() {
    super();
    const { leaseGrant } = rpcpb.LeaseDefinition.methods;
    this.unary(rpcpb.LeaseDefinition, leaseGrant, () =>
      this.#say({ ...rpcpb.LeaseGrantResponse.create(), ...{ ID: 7n, TTL: 3_600n } }),
    );
    this.unary(rpcpb.KVDefinition, rpcpb.KVDefinition.methods.txn, ({ request }) =>
      this.#say(enteredFirst(request)),
    );
    for (const [service, methods] of silentMethods) {
      for (const method of methods) {
        this.unary(service, { ...method, ...nothing }, () => this.#say({}));
      }
    }
    for (const [service, method] of silentStreams) {
      this.stream(service, { ...method, ...nothing }, () => new Promise(() => {}));
    }
  }

  #say<T>(response: T): T | Promise<T> {
    return this.isSilent ? new Promise<never>(() => {}) : response;
  }
}

const nothing = { requestType: rpcpb.StatusRequest, responseType: rpcpb.StatusRequest };
const { KVDefinition: kv, LeaseDefinition: lease, AuthDefinition: auth } = rpcpb;
const { ClusterDefinition: cluster, MaintenanceDefinition: maintenance, WatchDefinition: watch } = rpcpb;
const { range, put, deleteRange, compact } = kv.methods;
const { leaseRevoke, leaseTimeToLive, leaseLeases } = lease.methods;
const silentMethods = [
  [kv, [range, put, deleteRange, compact]],
  [lease, [leaseRevoke, leaseTimeToLive, leaseLeases]],
  [cluster, [cluster.methods.memberList]],
  [maintenance, [maintenance.methods.status]],
  [auth, [auth.methods.authStatus, auth.methods.userList, auth.methods.roleList]],
  [{ fullName: 'v3lockpb.Lock' }, [{ name: 'Lock' }]],
  [{ fullName: 'v3electionpb.Election' }, [{ name: 'Campaign' }]],
] as const;
const silentStreams = [
  [watch, watch.methods.watch],
  [lease, lease.methods.leaseKeepAlive],
  [kv, kv.methods.rangeStream],
  [maintenance, maintenance.methods.snapshot],
  [{ fullName: 'v3electionpb.Election' }, { name: 'Observe' }],
] as const;

/** The answer to a transaction that puts a key into a queue. */
function enteredFirst({ success }: rpcpb.TxnRequest): rpcpb.TxnResponse {
  const request = success[0]?.request;
  if (request?.$case !== 'requestPut') return rpcpb.TxnResponse.create();
  const numbers = { createRevision: 3n, modRevision: 3n, version: 1n };
  const first: mvccpb.KeyValue = { ...request.value, ...numbers };
  const value = { ...rpcpb.RangeResponse.create(), kvs: [first] };
  return {
    header: { ...rpcpb.ResponseHeader.create(), revision: 3n },
    succeeded: true,
    responses: [{ response: undefined }, { response: { $case: 'responseRange', value } }],
  };
}

/** The end of a wait: of what is iterated, that of its first step. */
function endOf(waiting: Promise<unknown> | AsyncIterable<unknown>): Promise<unknown> {
  return Symbol.asyncIterator in waiting ? waiting[Symbol.asyncIterator]().next() : waiting;
}

describe('with a member that never answers', () => {
  let member: SilentMember;
  let client: Client;
  let held: Held;
  beforeAll(async () => {
    member = new SilentMember();
    await member.start();
    client = new Client({ endpoints: [member.endpoint], requestTimeoutMs: 1_000_000 });
    const session = await client.session();
    held = { session, lock: await session.lock('held') };
    member.isSilent = true;
  });
  afterAll(async () => {
    await member[Symbol.asyncDispose]();
    await client.close();
  });

  const byItsTimeLimit = async (_: string, wait: Wait) => {
    await expect(endOf(wait(client, { timeoutMs: 25 }, held))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'context deadline exceeded',
    });
  };
  const byItsSignal = async (name: string, wait: Wait) => {
    const stop = new AbortController();
    const reason = new Error(`no more ${name}`);
    const ended = endOf(wait(client, { signal: stop.signal }, held));
    setImmediate(() => stop.abort(reason));
    await expect(ended).rejects.toBe(reason);
  };
  test.each(Object.entries(waits))('%s ends by its time limit', byItsTimeLimit);
  test.each(Object.entries(waits))('%s ends by its signal', byItsSignal);
  // These are under way from the first time on, and last.
  test.each(Object.entries(ends))('nobody has to wait for %s longer than he likes', byItsTimeLimit);
  test.each(Object.entries(ends))('nobody has to wait for %s when he has had enough', byItsSignal);
});
