import { fromUtf8 } from '@quorate/std';
import { decodeRangeRequest, encodeRangeRequest, rpcpb } from '@quorate/wire';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { methodTable, status, type Call } from '../src/index.ts';
import { CodedError, FakeMember } from './fake-member.ts';
import { demandingLeader, serve, type Served } from './serve.ts';

let member: FakeMember;
let served: Served;

beforeEach(async () => {
  member = new FakeMember();
  served = await serve(member);
});

afterEach(() => served[Symbol.asyncDispose]());

const clusterPath = (method: string) => `/etcdserverpb.Cluster/${method}`;
const maintenancePath = (method: string) => `/etcdserverpb.Maintenance/${method}`;
const range = (serializable: boolean) =>
  encodeRangeRequest({ ...decodeRangeRequest(new Uint8Array(0)), key: fromUtf8('k'), serializable });

describe('the cluster service', () => {
  test('adds a member with the URLs asked for, as a learner if asked to', async () => {
    const request = rpcpb.MemberAddRequest.fromPartial({ peerURLs: ['http://a:1'], isLearner: true });
    const bytes = await served.unary(
      clusterPath('MemberAdd'),
      rpcpb.MemberAddRequest.encode(request).finish(),
    );
    const response = rpcpb.MemberAddResponse.decode(bytes);
    expect(response.member).toMatchObject({ ID: 8n, peerURLs: ['http://a:1'], isLearner: true });
    expect(response.members.map(({ ID }) => ID)).toEqual([7n, 8n]);
    expect(response.header?.memberId).toBe(7n);
  });

  test('removes, updates, promotes and lists', async () => {
    const id = rpcpb.MemberRemoveRequest.encode({ ID: 7n }).finish();
    const removed = rpcpb.MemberRemoveResponse.decode(await served.unary(clusterPath('MemberRemove'), id));
    expect(removed.members).toEqual([]);
    const update = rpcpb.MemberUpdateRequest.encode({ ID: 9n, peerURLs: ['http://b:1'] }).finish();
    const updated = rpcpb.MemberUpdateResponse.decode(
      await served.unary(clusterPath('MemberUpdate'), update),
    );
    expect(updated.members[1]).toMatchObject({ ID: 9n, peerURLs: ['http://b:1'] });
    const promoted = rpcpb.MemberPromoteResponse.decode(await served.unary(clusterPath('MemberPromote'), id));
    expect(promoted.members[1]?.name).toBe('promoted');
    const list = rpcpb.MemberListRequest.encode({ linearizable: true }).finish();
    const listed = rpcpb.MemberListResponse.decode(await served.unary(clusterPath('MemberList'), list));
    expect(listed.members.map(({ name }) => name)).toEqual(['n1']);
  });

  test.each([
    ['MEMBER_EXISTS', status.FAILED_PRECONDITION, 'etcdserver: member ID already exist'],
    ['MEMBER_REMOVED', status.NOT_FOUND, 'etcdserver: member not found'],
    ['PEER_URL_EXISTS', status.FAILED_PRECONDITION, 'etcdserver: Peer URLs already exists'],
    ['MEMBER_BAD_URLS', status.INVALID_ARGUMENT, 'etcdserver: given member URLs are invalid'],
    ['TOO_MANY_LEARNERS', status.FAILED_PRECONDITION, 'etcdserver: too many learner members in cluster'],
    [
      'NOT_ENOUGH_STARTED',
      status.UNKNOWN,
      'etcdserver: re-configuration failed due to not enough started members',
    ],
    ['UNHEALTHY', status.UNAVAILABLE, 'etcdserver: unhealthy cluster'],
    [
      'LEARNER_NOT_READY',
      status.FAILED_PRECONDITION,
      'etcdserver: can only promote a learner member which is in sync with leader',
    ],
    ['REPLICA_LEADER_CHANGED', status.UNAVAILABLE, 'etcdserver: leader changed'],
    [
      'REPLICA_TIMEOUT_LEADER_FAIL',
      status.UNAVAILABLE,
      'etcdserver: request timed out, possibly due to previous leader failure',
    ],
    [
      'REPLICA_TRANSFER_TIMEOUT',
      status.UNKNOWN,
      'etcdserver: request timed out, leader transfer took too long',
    ],
    [
      'REPLICA_DOWNGRADE_IN_PROCESS',
      status.FAILED_PRECONDITION,
      'etcdserver: cluster has a downgrade job in progress',
    ],
  ])('answers %s with etcd’s code and text', async (code, expectedStatus, details) => {
    member.failure = new CodedError(code);
    await expect(served.unary(clusterPath('MemberPromote'))).rejects.toMatchObject({
      code: expectedStatus,
      details,
    });
  });
});

describe('moving the leadership', () => {
  const moveTo = (targetID: bigint) => rpcpb.MoveLeaderRequest.encode({ targetID }).finish();

  test('ends when the target leads', async () => {
    const bytes = await served.unary(maintenancePath('MoveLeader'), moveTo(7n));
    expect(rpcpb.MoveLeaderResponse.decode(bytes).header?.memberId).toBe(7n);
  });

  test('is given up when the client’s deadline has passed', async () => {
    const begun = new Promise<void>((resolve) => {
      member.onTransferBegun = resolve;
    });
    const call = served.unary(maintenancePath('MoveLeader'), moveTo(8n), { deadline: Date.now() + 200 });
    const ended = expect(call).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await begun;
    const aborted = new Promise((resolve) => member.transferSignal?.addEventListener('abort', resolve));
    await ended;
    await aborted;
  });
});

describe('a downgrade', () => {
  const downgrade = (action: number) =>
    rpcpb.DowngradeRequest.encode(
      // What a client sends may be no action that we know.
      { action: action as rpcpb.DowngradeRequest_DowngradeAction, version: '3.5' },
    ).finish();

  test('of an action that etcd knows goes to the member', async () => {
    const bytes = await served.unary(maintenancePath('Downgrade'), downgrade(1));
    expect(rpcpb.DowngradeResponse.decode(bytes).version).toBe('3.5');
  });

  test('of any other is an unknown method', async () => {
    await expect(served.unary(maintenancePath('Downgrade'), downgrade(3))).rejects.toMatchObject({
      code: status.UNKNOWN,
      details: 'etcdserver: unknown method',
    });
  });
});

describe('a learner', () => {
  const refusal = {
    code: status.FAILED_PRECONDITION,
    details: 'etcdserver: rpc not supported for learner',
  };

  beforeEach(() => {
    member.isLearner = true;
  });

  test('serves its status, serializable reads and snapshots', async () => {
    await served.unary(maintenancePath('Status'));
    await served.unary('/etcdserverpb.KV/Range', range(true));
    const snapshot = served.serverStream(maintenancePath('Snapshot'));
    snapshot.resume();
    await once(snapshot, 'end');
  });

  test('refuses linearizable reads', async () => {
    await expect(served.unary('/etcdserverpb.KV/Range', range(false))).rejects.toMatchObject(refusal);
    expect(member.ranges).toEqual([]);
  });

  test.each([
    '/etcdserverpb.KV/Put',
    '/etcdserverpb.KV/Txn',
    '/etcdserverpb.Lease/LeaseLeases',
    '/etcdserverpb.Cluster/MemberList',
    '/etcdserverpb.Maintenance/Hash',
    '/etcdserverpb.Maintenance/HashKV',
    '/etcdserverpb.Maintenance/Alarm',
    '/etcdserverpb.Maintenance/Defragment',
    '/grpc.health.v1.Health/Check',
  ])('refuses %s', async (path) => {
    await expect(served.unary(path)).rejects.toMatchObject(refusal);
  });

  test.each(['/etcdserverpb.Watch/Watch', '/etcdserverpb.Lease/LeaseKeepAlive'])(
    'refuses the stream %s',
    async (path) => {
      const stream = served.duplex(path);
      stream.resume();
      const [error] = (await once(stream, 'error')) as [unknown];
      expect(error).toMatchObject(refusal);
    },
  );

  test('refuses before it looks whether there is a leader', async () => {
    member.hasLeader = false;
    const metadata = demandingLeader();
    await expect(served.unary('/etcdserverpb.KV/Range', range(false), { metadata })).rejects.toMatchObject(
      refusal,
    );
    await expect(served.unary('/etcdserverpb.KV/Range', range(true), { metadata })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'etcdserver: no leader',
    });
  });
});

test('a client API version that is no UTF-8 is refused before a missing leader', async () => {
  member.hasLeader = false;
  const method = methodTable(member).get('/etcdserverpb.Maintenance/Status');
  const metadata: Record<string, string> = { 'client-api-version': '3.\ufffd', hasleader: 'true' };
  const call: Call = {
    metadata: (key) => metadata[key],
    commonName: undefined,
    address: undefined,
    signal: new AbortController().signal,
  };
  expect(method?.kind).toBe('unary');
  const status = () => (method?.kind === 'unary' ? method.handler(new Uint8Array(0), call) : undefined);
  expect(status).toThrow('etcdserver: invalid client api version');
});
