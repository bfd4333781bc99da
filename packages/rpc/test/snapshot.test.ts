import type { ServiceError } from '@grpc/grpc-js';
import { rpcpb } from '@quorate/wire';
import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { status } from '../src/index.ts';
import { CodedError, FakeMember } from './fake-member.ts';
import { serve, type Served } from './serve.ts';

const path = '/etcdserverpb.Maintenance/Snapshot';
const blobBytes = 32 * 1024;

let member: FakeMember;
let served: Served;

beforeEach(async () => {
  member = new FakeMember();
  served = await serve(member);
});

afterEach(() => served[Symbol.asyncDispose]());

/** Bytes that are not all alike. */
function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 251);
}

async function receive(): Promise<rpcpb.SnapshotResponse[]> {
  const messages: rpcpb.SnapshotResponse[] = [];
  for await (const bytes of served.serverStream(path)) {
    messages.push(rpcpb.SnapshotResponse.decode(bytes as Buffer));
  }
  return messages;
}

test('a snapshot comes in blobs of 32 KiB, counts down, and ends with the SHA-256 of its bytes', async () => {
  member.snapshotChunks = [pattern(70_000), pattern(10, 2), pattern(blobBytes, 3)];
  const messages = await receive();
  const all = Buffer.concat(member.snapshotChunks);
  const blobs = messages.slice(0, -1);
  expect(blobs.map(({ blob }) => blob.length)).toEqual([blobBytes, blobBytes, blobBytes, 4_474]);
  expect(Buffer.concat(blobs.map(({ blob }) => blob)).equals(all)).toBe(true);
  expect(messages.map(({ remainingBytes }) => Number(remainingBytes))).toEqual([
    all.length - blobBytes,
    all.length - 2 * blobBytes,
    4_474,
    0,
    0,
  ]);
  expect(Buffer.from(messages.at(-1)?.blob ?? []).equals(createHash('sha256').update(all).digest())).toBe(
    true,
  );
  expect(new Set(messages.map(({ version }) => version))).toEqual(new Set(['3.6.0']));
  expect(messages.every(({ header }) => header === undefined)).toBe(true);
});

test('chunks of any sizes become the same blobs', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 80_000 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, async (lengths) => {
      member.snapshotChunks = lengths.map((length, i) => pattern(length, i));
      const all = Buffer.concat(member.snapshotChunks);
      const messages = await receive();
      const blobs = messages.slice(0, -1).map(({ blob }) => blob);
      expect(Buffer.concat(blobs).equals(all)).toBe(true);
      expect(blobs.slice(0, -1).every(({ length }) => length === blobBytes)).toBe(true);
      expect(blobs).toHaveLength(Math.ceil(all.length / blobBytes));
    }),
    { numRuns: 30 },
  );
});

test('a client that does not read holds the reading of the store back', async () => {
  member.snapshotChunks = Array.from({ length: 400 }, (_, i) => pattern(64 * 1024, i));
  const stream = served.serverStream(path);
  await once(stream, 'readable');
  // The server has run dry when it has had its turn again and again, and read nothing more.
  let readBefore = -1;
  for (let quietTurns = 0; quietTurns < 200; quietTurns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (member.snapshotChunksRead === readBefore) continue;
    readBefore = member.snapshotChunksRead;
    quietTurns = 0;
  }
  expect(member.snapshotChunksRead).toBeLessThan(100);
  let size = 0;
  stream.on('data', (bytes: Buffer) => (size += rpcpb.SnapshotResponse.decode(bytes).blob.length));
  await once(stream, 'end');
  expect(size).toBe(400 * 64 * 1024 + 32);
});

test('a client that goes away ends the reading of the store', async () => {
  member.snapshotChunks = Array.from({ length: 400 }, (_, i) => pattern(64 * 1024, i));
  const ended = new Promise<void>((resolve) => {
    member.onSnapshotEnded = resolve;
  });
  const stream = served.serverStream(path);
  stream.on('error', () => {});
  await once(stream, 'readable');
  stream.cancel();
  await ended;
  expect(member.snapshotChunksRead).toBeLessThan(400);
});

async function failure(): Promise<ServiceError> {
  const stream = served.serverStream(path);
  stream.resume();
  const [error] = (await once(stream, 'error')) as [ServiceError];
  return error;
}

test('a snapshot that cannot be made is an error, and so is one that breaks off: no trailer comes', async () => {
  member.failure = new CodedError('REPLICA_STOPPED');
  expect(await failure()).toMatchObject({ code: status.UNAVAILABLE });
  member.snapshotChunks = [pattern(100_000), pattern(100_000)];
  member.maintenance.snapshot = async () => ({
    sizeBytes: 200_000,
    version: '3.6.0',
    chunks: (async function* () {
      yield pattern(100_000);
      throw new CodedError('REPLICA_STOPPED');
    })(),
  });
  expect(await failure()).toMatchObject({ code: status.UNAVAILABLE });
});

test.each([99_999, 100_001])('a snapshot of another size than it said (%i) gets no trailer', async (size) => {
  member.snapshotChunks = [pattern(100_000)];
  member.snapshotSizeBytes = size;
  expect(await failure()).toMatchObject({ code: status.UNKNOWN });
  expect(member.snapshotsEnded).toBe(1);
});
