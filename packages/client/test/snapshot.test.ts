import { status as codes } from '@grpc/grpc-js';
import { rpcpb } from '@quorate/wire';
import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { Client, SnapshotError, type SnapshotPart } from '../src/index.ts';
import { FakeServer, type FakeStream } from './fake-server.ts';

type SnapshotStream = FakeStream<rpcpb.SnapshotRequest, rpcpb.SnapshotResponse>;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** A client of a server that answers Snapshot as told. */
async function clientOf(handler: (stream: SnapshotStream) => Promise<void>): Promise<Client> {
  const server = new FakeServer().stream(
    rpcpb.MaintenanceDefinition,
    rpcpb.MaintenanceDefinition.methods.snapshot,
    handler,
  );
  open.push(await server.start());
  const client = new Client({ endpoints: [server.endpoint] });
  open.push(client);
  return client;
}

const blobs = [1, 2, 3].map((n) => new Uint8Array(1024).fill(n));
const sha256 = new Uint8Array(createHash('sha256').update(Buffer.concat(blobs)).digest());

function response(blob: Uint8Array, remainingBytes: number): rpcpb.SnapshotResponse {
  return { header: undefined, blob, remainingBytes: BigInt(remainingBytes), version: '3.6.0' };
}

function sendDatabase(stream: SnapshotStream): void {
  blobs.forEach((blob, i) => stream.send(response(blob, (blobs.length - 1 - i) * 1024)));
}

async function all(parts: AsyncIterable<SnapshotPart>): Promise<SnapshotPart[]> {
  const received: SnapshotPart[] = [];
  for await (const part of parts) received.push(part);
  return received;
}

test('a snapshot comes in parts, the last of which is its checksum', async () => {
  const client = await clientOf(async (stream) => {
    sendDatabase(stream);
    stream.send(response(sha256, 0));
    stream.end();
  });
  const parts = await all(client.maintenance.snapshot());
  expect(parts.map(({ kind }) => kind)).toEqual(['database', 'database', 'database', 'checksum']);
  expect(parts.map(({ blob }) => blob)).toEqual([...blobs, sha256]);
  expect(parts.map(({ remainingBytes }) => remainingBytes)).toEqual([2048n, 1024n, 0n, 0n]);
  expect(parts[0]?.version).toBe('3.6.0');
});

test('a snapshot with another byte than the member hashed is refused after its last part', async () => {
  const client = await clientOf(async (stream) => {
    sendDatabase(stream);
    stream.send(response(sha256.with(0, (sha256[0] ?? 0) ^ 1), 0));
    stream.end();
  });
  const received: string[] = [];
  const reading = (async () => {
    for await (const { kind } of client.maintenance.snapshot()) received.push(kind);
  })();
  await expect(reading).rejects.toThrow(SnapshotError);
  expect(received).toEqual(['database', 'database', 'database']);
});

test.each([
  { name: 'without a checksum', last: [] },
  { name: 'with a checksum that is cut short', last: [response(sha256.subarray(1), 0)] },
  { name: 'with a checksum before the database is whole', last: [response(sha256, 1)] },
])('a snapshot $name is refused', async ({ last }) => {
  const client = await clientOf(async (stream) => {
    sendDatabase(stream);
    for (const message of last) stream.send(message);
    stream.end();
  });
  await expect(all(client.maintenance.snapshot())).rejects.toMatchObject({
    code: 'DATA_LOSS',
    message: expect.stringMatching(/^sha256 checksum not found \[bytes: \d+\]$/) as string,
  });
});

test('a stream that ends before its first message is no snapshot', async () => {
  const client = await clientOf(async (stream) => stream.end());
  await expect(all(client.maintenance.snapshot())).rejects.toThrow('sha256 checksum not found [bytes: 0]');
});

test('an error of the member is the error of the snapshot', async () => {
  const client = await clientOf(async (stream) => {
    sendDatabase(stream);
    stream.end(codes.UNAVAILABLE, 'etcdserver: no leader');
  });
  await expect(all(client.maintenance.snapshot())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'etcdserver: no leader',
  });
});

test('who leaves the loop ends the call', async () => {
  let ended: (() => void) | undefined;
  const hasEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const client = await clientOf(async (stream) => {
    while ((await stream.next()) !== undefined);
    sendDatabase(stream);
    stream.onCancelled(() => ended?.());
  });
  for await (const { kind } of client.maintenance.snapshot()) {
    expect(kind).toBe('database');
    break;
  }
  await hasEnded;
});

test('a snapshot can demand a leader', async () => {
  let demanded: unknown;
  const client = await clientOf(async (stream) => {
    demanded = stream.metadata.get('hasleader')[0];
    stream.end(codes.UNAVAILABLE, 'etcdserver: no leader');
  });
  await expect(all(client.maintenance.snapshot({ requireLeader: true }))).rejects.toThrow('no leader');
  expect(demanded).toBe('true');
});
