import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import { decodeMessage, raftpb, type Message, type Snapshot } from '@quorate/wire';
import { expect, test } from 'vitest';
import type { TestCluster } from '../src/testing/index.ts';
import { codeOf, errorOf, put, servesAgain, start, stateOf, valueOf } from './clusters.ts';

const small = { snapshotCount: 50, snapshotCatchUpEntries: 10 } as const;

/** The whole store of a member as a file of etcd's. */
async function fileOf(cluster: TestCluster, name: string): Promise<Uint8Array> {
  const { chunks } = await cluster.during(cluster.member(name).maintenance.snapshot());
  const parts: Uint8Array[] = [];
  const reading = (async () => {
    for await (const chunk of chunks) parts.push(chunk.slice());
  })();
  await cluster.during(reading);
  return Buffer.concat(parts);
}

async function* chunksOf(file: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += 4096) yield file.subarray(at, at + 4096);
}

/** A MsgSnap of the leader that is ahead of everybody by so many entries. */
function snapshotMessage(cluster: TestCluster, to: string, { ahead }: { ahead: number }): Message {
  const leader = cluster.member(cluster.leader);
  const { term, applied, confState } = leader.raftStatus;
  const snapshot: Snapshot = { index: applied + ahead, term, confState, data: new Uint8Array(0) };
  const blank = decodeMessage(new Uint8Array(0));
  const type = raftpb.MessageType.MsgSnap;
  return { ...blank, type, to: cluster.member(to).id, from: leader.id, term, snapshot };
}

/** Hands a file to a member as its transport would. */
function receive(cluster: TestCluster, to: string, message: Message, file: Uint8Array): Promise<unknown> {
  const host = cluster.network.hostOf(cluster.member(to).id);
  return cluster.during(errorOf(host.receiveSnapshot(message, chunksOf(file))));
}

async function withData(): Promise<{ cluster: TestCluster; to: string; file: Uint8Array }> {
  const cluster = await start(3, small);
  for (let i = 0; i < 30; i++) await put(cluster, cluster.leader, `k${i % 7}`, `value ${i}`);
  await cluster.advance(500);
  return { cluster, to: cluster.followers[0]!, file: await fileOf(cluster, cluster.leader) };
}

/** What was refused has left nothing behind, and the member works on. */
async function expectUnchanged(cluster: TestCluster, to: string, before: string): Promise<void> {
  expect(await cluster.during(stateOf(cluster.member(to)))).toBe(before);
  const files = await cluster.ground(to).disk.list('/member/snap');
  expect(files.filter((name) => name.endsWith('.db'))).toEqual([]);
  expect(await cluster.ground(to).backend.sealedStage()).toBe(undefined);
  await put(cluster, to, 'after', '1');
  expect(await valueOf(cluster, to, 'after')).toBe('1');
}

test('a store that ends before the entry its message speaks of is refused: what lies between would be lost', async () => {
  const { cluster, to, file } = await withData();
  const before = await cluster.during(stateOf(cluster.member(to)));
  const error = await receive(cluster, to, snapshotMessage(cluster, to, { ahead: 10 }), file);
  expect(error).toMatchObject({ code: 'REPLICA_BAD_SNAPSHOT' });
  await expectUnchanged(cluster, to, before);
});

test('a store that holds more than its message speaks of is refused', async () => {
  const { cluster, to, file } = await withData();
  const before = await cluster.during(stateOf(cluster.member(to)));
  const error = await receive(cluster, to, snapshotMessage(cluster, to, { ahead: -3 }), file);
  expect(error).toMatchObject({ code: 'REPLICA_BAD_SNAPSHOT' });
  await expectUnchanged(cluster, to, before);
});

test('a snapshot of what a member has already is taken in and changes nothing', async () => {
  const { cluster, to, file } = await withData();
  const before = await cluster.during(stateOf(cluster.member(to)));
  expect(await receive(cluster, to, snapshotMessage(cluster, to, { ahead: 0 }), file)).toBe(undefined);
  await expectUnchanged(cluster, to, before);
});

test('a file that is empty, cut off anywhere, or no database is refused', async () => {
  const { cluster, to, file } = await withData();
  const before = await cluster.during(stateOf(cluster.member(to)));
  const message = snapshotMessage(cluster, to, { ahead: 0 });
  const cuts = [0, 1, 512, 4096, 8192, file.length >> 1, file.length - 4096, file.length - 1];
  for (const cut of cuts) {
    expect(await receive(cluster, to, message, file.subarray(0, cut))).toMatchObject({
      code: 'REPLICA_BAD_SNAPSHOT',
    });
  }
  const noise = new Uint8Array(32_768).fill(0x5a);
  expect(await receive(cluster, to, message, noise)).toMatchObject({ code: 'REPLICA_BAD_SNAPSHOT' });
  await expectUnchanged(cluster, to, before);
});

test('a sender that breaks off, a message without a snapshot, and a second one meanwhile are refused', async () => {
  const { cluster, to, file } = await withData();
  const before = await cluster.during(stateOf(cluster.member(to)));
  const host = cluster.network.hostOf(cluster.member(to).id);
  const message = snapshotMessage(cluster, to, { ahead: 0 });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield file.subarray(0, 8192);
    throw new Error('the connection is lost');
  }
  expect(String(await cluster.during(errorOf(host.receiveSnapshot(message, broken()))))).toContain('lost');
  const without = { ...message, snapshot: undefined };
  expect(await codeOf(host.receiveSnapshot(without, chunksOf(file)))).toBe('REPLICA_BAD_SNAPSHOT');

  const gate = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield file.subarray(0, 8192);
    await gate.promise;
    yield file.subarray(8192);
  }
  const first = errorOf(host.receiveSnapshot(message, slow()));
  expect(await codeOf(host.receiveSnapshot(message, chunksOf(file)))).toBe('REPLICA_BAD_SNAPSHOT');
  gate.resolve();
  expect(await cluster.during(first)).toBe(undefined);
  await expectUnchanged(cluster, to, before);
});

test('a full disk while a snapshot comes in harms neither store nor log', async () => {
  const cluster = await start(3, small);
  const to = cluster.followers[0]!;
  for (let i = 0; i < 20; i++) await put(cluster, cluster.leader, `k${i}`, 'v');
  await cluster.stop(to);
  const { disk, backend } = cluster.ground(to);
  if (!(disk instanceof MemoryDisk)) throw new TypeError('the disk is in memory');
  const faulty = new FaultyDisk(disk);
  cluster.setGround(to, { disk: faulty, backend });
  for (let i = 0; i < 120; i++) await put(cluster, cluster.leader, `k${i % 9}`, `v${i}`);
  faulty.fail({ path: '.snap.db', operation: 'write', call: 2, code: 'ENOSPC', halfWritten: true });
  const fatal: unknown[] = [];
  await cluster.open(to, { observer: { onFatal: (error) => fatal.push(error) } });
  // What it proposed of itself may be in the snapshot, where nobody sees it: it is then proposed again.
  await servesAgain(cluster, to);
  expect(fatal).toEqual([]);
  expect(await valueOf(cluster, to, 'k2')).toBe('v119');
});
