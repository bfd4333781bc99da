import type { ServiceError } from '@grpc/grpc-js';
import { encodeRangeRequest, decodeRangeRequest, rpcpb } from '@quorate/wire';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { status } from '../src/index.ts';
import { FakeMember } from './fake-member.ts';
import { demandingLeader, serve, type Served } from './serve.ts';

const noLeader = { code: status.UNAVAILABLE, details: 'etcdserver: no leader' };
const watchPath = '/etcdserverpb.Watch/Watch';
const keepAlivePath = '/etcdserverpb.Lease/LeaseKeepAlive';

let member: FakeMember;
let served: Served;

beforeEach(async () => {
  member = new FakeMember();
  served = await serve(member);
});

afterEach(() => served[Symbol.asyncDispose]());

const createWatch = Buffer.from(
  rpcpb.WatchRequest.encode({
    requestUnion: { $case: 'createRequest', value: rpcpb.WatchCreateRequest.fromPartial({}) },
  }).finish(),
);

async function errorOf(stream: NodeJS.EventEmitter): Promise<ServiceError> {
  const [error] = (await once(stream, 'error')) as [ServiceError];
  return error;
}

test.each([watchPath, keepAlivePath])('%s is refused at once while there is no leader', async (path) => {
  member.hasLeader = false;
  const stream = served.duplex(path, { metadata: demandingLeader() });
  stream.resume();
  expect(await errorOf(stream)).toMatchObject(noLeader);
});

test('a watch that demands a leader ends when the member has lost it, and one that does not goes on', async () => {
  const demanding = served.duplex(watchPath, { metadata: demandingLeader() });
  demanding.write(createWatch);
  await once(demanding, 'data');
  const patient = served.duplex(watchPath);
  patient.write(createWatch);
  await once(patient, 'data');
  demanding.resume();
  member.loseLeader();
  expect(await errorOf(demanding)).toMatchObject(noLeader);
  expect(member.watchClosed).toBe(1);
  expect(member.leaderLostListeners.size).toBe(0);
  patient.write(createWatch);
  await once(patient, 'data');
  patient.on('error', () => {});
  patient.cancel();
});

test('a keep-alive stream that waits for its client ends when the leader is lost', async () => {
  const stream = served.duplex(keepAlivePath, { metadata: demandingLeader() });
  stream.write(Buffer.from(rpcpb.LeaseKeepAliveRequest.encode({ ID: 1n }).finish()));
  await once(stream, 'data');
  stream.resume();
  member.loseLeader();
  expect(await errorOf(stream)).toMatchObject(noLeader);
});

test('a renewal that hangs at a member without a leader ends with the stream', async () => {
  const asked = new Promise<void>((resolve) => {
    member.leases.keepAlive = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  const stream = served.duplex(keepAlivePath, { metadata: demandingLeader() });
  stream.write(Buffer.from(rpcpb.LeaseKeepAliveRequest.encode({ ID: 1n }).finish()));
  stream.resume();
  await asked;
  member.loseLeader();
  expect(await errorOf(stream)).toMatchObject(noLeader);
});

test('a snapshot that nobody reads ends when the leader is lost', async () => {
  member.snapshotChunks = Array.from({ length: 64 }, () => new Uint8Array(64 * 1024));
  const stream = served.serverStream('/etcdserverpb.Maintenance/Snapshot', undefined, {
    metadata: demandingLeader(),
  });
  await once(stream, 'data');
  stream.pause();
  member.loseLeader();
  stream.resume();
  expect(await errorOf(stream)).toMatchObject(noLeader);
  expect(member.snapshotsEnded).toBe(1);
  expect(member.snapshotChunksRead).toBeLessThan(64);
});

test('a stream that ends well leaves no listener behind', async () => {
  const stream = served.serverStream(
    '/etcdserverpb.KV/RangeStream',
    encodeRangeRequest({ ...decodeRangeRequest(new Uint8Array(0)), key: Uint8Array.of(1) }),
    { metadata: demandingLeader() },
  );
  stream.resume();
  await once(stream, 'end');
  expect(member.leaderLostListeners.size).toBe(0);
});

test('a client that goes away takes its listener along', async () => {
  const stream = served.duplex(watchPath, { metadata: demandingLeader() });
  stream.write(createWatch);
  await once(stream, 'data');
  expect(member.leaderLostListeners.size).toBe(1);
  const closed = new Promise<void>((resolve) => {
    member.onWatchClosed = resolve;
  });
  stream.on('error', () => {});
  stream.cancel();
  await closed;
  await new Promise((resolve) => setImmediate(resolve));
  expect(member.leaderLostListeners.size).toBe(0);
});
