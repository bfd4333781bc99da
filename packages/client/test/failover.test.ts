import { status as codes } from '@grpc/grpc-js';
import { ManualClock } from '@quorate/std/testing';
import { rpcpb } from '@quorate/wire';
import { afterEach, expect, test, vi } from 'vitest';
import { Client, op, type ClientObserver, type ClientOptions } from '../src/index.ts';
import { freePort } from '../src/testing/index.ts';
import { FakeServer, HastyClock, status } from './fake-server.ts';

const { methods } = rpcpb.KVDefinition;
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

interface Member {
  readonly endpoint: string;
  readonly calls: string[];
  revision: bigint;
  failure: Error | undefined;
  /** What a read says of the caller. */
  metadata: unknown[];
}

/** A member that says it is at some revision. */
async function memberAt(revision: bigint): Promise<Member> {
  const member: Member = { endpoint: '', calls: [], revision, failure: undefined, metadata: [] };
  const answer = <Response>(name: string, response: Response) => {
    member.calls.push(name);
    if (member.failure !== undefined) throw member.failure;
    return { ...response, header: { ...rpcpb.ResponseHeader.create(), revision: member.revision } };
  };
  const server = new FakeServer()
    .unary(rpcpb.KVDefinition, methods.range, ({ metadata }) => {
      member.metadata = metadata.get('traceparent');
      return answer('range', rpcpb.RangeResponse.create());
    })
    .unary(rpcpb.KVDefinition, methods.txn, () => answer('txn', rpcpb.TxnResponse.create()))
    .unary(rpcpb.KVDefinition, methods.put, () => answer('put', rpcpb.PutResponse.create()));
  open.push(await server.start());
  return Object.assign(member, { endpoint: server.endpoint });
}

function clientOf(members: readonly { readonly endpoint: string }[], options: Partial<ClientOptions> = {}) {
  const client = new Client({
    endpoints: members.map(({ endpoint }) => endpoint),
    clock: new HastyClock(),
    ...options,
  });
  open.push(client);
  return client;
}

const serializable = { serializable: true };

test('with monotonicReads no answer is from before what was seen', async () => {
  const [old, fresh] = [await memberAt(5n), await memberAt(9n)];
  const client = clientOf([fresh, old], { monotonicReads: true });
  await client.put('k', 'v');
  fresh.failure = status(codes.UNAVAILABLE, 'etcdserver: server stopped');
  await expect(client.get('k', serializable)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'etcdclient: no cluster members have a revision higher than the previously received revision',
  });
  old.revision = 9n;
  expect(await client.get('k', serializable)).toBeUndefined();
});

test('with monotonicReads a member that is behind is left for one that is not', async () => {
  const [old, fresh] = [await memberAt(5n), await memberAt(9n)];
  const client = clientOf([old, fresh], { monotonicReads: true });
  await client.get('k', { ...serializable, endpoint: fresh.endpoint });
  await client.get('k', serializable);
  await client.txn({});
  expect([old.calls, fresh.calls]).toEqual([['range'], ['range', 'range', 'txn']]);
  await expect(client.get('k', { ...serializable, endpoint: old.endpoint })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});

test('without it whoever is asked is believed', async () => {
  const [old, fresh] = [await memberAt(5n), await memberAt(9n)];
  const client = clientOf([old, fresh]);
  await client.get('k', { endpoint: fresh.endpoint });
  await client.get('k', serializable);
  expect(old.calls).toEqual(['range']);
});

test('a transaction that only reads is repeated, one that writes is not', async () => {
  const [bad, good] = [await memberAt(1n), await memberAt(1n)];
  bad.failure = status(codes.UNAVAILABLE, 'etcdserver: leader changed');
  const client = clientOf([bad, good]);
  await client.kv.txn({ success: [] });
  expect([bad.calls, good.calls]).toEqual([['txn'], ['txn']]);
  const put = op.put('k', 'v');
  const writing = clientOf([bad, good]);
  await expect(writing.txn({ success: [op.txn({ failure: [put] })] })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect(good.calls).toEqual(['txn']);
});

test('calls that go round visit all members, but for those that failed a moment ago', async () => {
  const members = [await memberAt(1n), await memberAt(1n), await memberAt(1n)];
  const dead = { endpoint: `127.0.0.1:${await freePort()}` };
  const client = clientOf([...members, dead], { balancing: 'round-robin' });
  for (let i = 0; i < 9; i++) await client.put('k', 'v');
  const counts = members.map(({ calls }) => calls.length);
  expect(counts.reduce((a, b) => a + b)).toBe(9);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
});

test('an observer hears of each call, of each attempt that failed, and of the end', async () => {
  const [bad, good] = [await memberAt(1n), await memberAt(1n)];
  bad.failure = status(codes.UNAVAILABLE, 'etcdserver: leader changed');
  const heard: string[] = [];
  const observer: ClientObserver = {
    callStarted: ({ path, kind }) => {
      heard.push(`${kind} ${path}`);
      return {
        metadata: { traceparent: '00-1-2-01' },
        attemptFailed: ({ error }) => heard.push(`failed: ${error.message}`),
        ended: ({ attempts, endpoint, error }) => {
          heard.push(
            `ended after ${attempts} at ${endpoint === good.endpoint ? 'good' : 'bad'}: ${error?.message}`,
          );
        },
      };
    },
    endpointChanged: ({ to }) => heard.push(`now ${to === good.endpoint ? 'good' : 'bad'}`),
  };
  const client = clientOf([bad, good], { observer });
  await client.get('k');
  expect(good.metadata).toEqual(['00-1-2-01']);
  good.failure = status(codes.PERMISSION_DENIED, 'etcdserver: permission denied');
  await expect(client.put('k', 'v')).rejects.toThrow();
  expect(heard).toEqual([
    'unary /etcdserverpb.KV/Range',
    'failed: etcdserver: leader changed',
    'now good',
    'ended after 2 at good: undefined',
    'unary /etcdserverpb.KV/Put',
    'ended after 1 at good: etcdserver: permission denied',
  ]);
});

test('an observer hears of streams, and of watches that are resumed', async () => {
  const { watch } = rpcpb.WatchDefinition.methods;
  let streams = 0;
  const server = new FakeServer().stream(rpcpb.WatchDefinition, watch, async (stream) => {
    await stream.next();
    const header = { ...rpcpb.ResponseHeader.create(), revision: 10n };
    stream.send({ ...rpcpb.WatchResponse.create(), header, created: true });
    if (streams++ === 0) stream.end(codes.UNAVAILABLE, 'gone');
    else stream.send({ ...rpcpb.WatchResponse.create(), header, canceled: true, cancelReason: 'no' });
  });
  open.push(await server.start());
  const heard: string[] = [];
  const client = clientOf([server], {
    observer: {
      callStarted: ({ kind }) => {
        heard.push(kind);
        return { ended: ({ error }) => heard.push(`ended: ${error?.message}`) };
      },
      watchResumed: ({ startRevision, error }) =>
        heard.push(`resumed from ${startRevision}: ${error?.message}`),
    },
  });
  const batches = client.watch({ key: 'k' }).batches();
  await batches.next();
  await expect(batches.next()).rejects.toThrow('no');
  expect(heard).toEqual(['stream', 'ended: gone', 'resumed from 11: gone', 'stream', 'ended: undefined']);
});

test('what an observer throws changes nothing', async () => {
  const member = await memberAt(1n);
  const refuse = () => {
    throw new Error('observer');
  };
  const throwing = { callStarted: () => ({ ended: refuse, attemptFailed: refuse }), endpointChanged: refuse };
  expect(await clientOf([member], { observer: throwing }).get('k')).toBeUndefined();
  expect(await clientOf([member], { observer: { callStarted: refuse } }).get('k')).toBeUndefined();
});

test('endpoints may be those that the cluster says, asked once or again and again', async () => {
  const { memberList } = rpcpb.ClusterDefinition.methods;
  const [old, added] = [await memberAt(1n), await memberAt(1n)];
  let clientURLs: string[][] = [];
  const server = new FakeServer().unary(rpcpb.ClusterDefinition, memberList, () => ({
    ...rpcpb.MemberListResponse.create(),
    members: clientURLs.map((urls, i) => ({
      ...rpcpb.Member.create(),
      clientURLs: urls,
      isLearner: i === 1,
    })),
  }));
  open.push(await server.start());
  const clock = new ManualClock(Date.now());
  const changes: string[] = [];
  const observer: ClientObserver = { endpointChanged: ({ to }) => changes.push(to) };
  const client = clientOf([server, old], { clock, syncIntervalMs: 60_000, observer });
  await expect(client.syncEndpoints()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  expect(client.endpoints).toEqual([server.endpoint, old.endpoint]);
  clientURLs = [[`http://${added.endpoint}`], ['http://learner:1'], [server.endpoint], []];
  expect(await client.syncEndpoints()).toEqual([`http://${added.endpoint}`, server.endpoint]);
  expect(client.preferredEndpoint).toBe(server.endpoint);
  clientURLs = [[`http://${added.endpoint}`]];
  clock.advance(60_000);
  await vi.waitFor(() => expect(client.endpoints).toEqual([`http://${added.endpoint}`]), {
    timeout: 30_000,
    interval: 1,
  });
  expect(changes).toEqual([`http://${added.endpoint}`]);
  await client.put('k', 'v');
  expect(added.calls).toEqual(['put']);
});
