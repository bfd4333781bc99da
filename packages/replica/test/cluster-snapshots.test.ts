import { fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import type { TestCluster, TestClusterOptions } from '../src/testing/index.ts';
import { codeOf, compact, join, put, start, statesOf, valueOf, Watching } from './clusters.ts';

const small = { snapshotCount: 50, snapshotCatchUpEntries: 10 } as const;

interface Observed {
  readonly cluster: TestCluster;
  /** Indexes of the snapshots that members have installed. */
  readonly installed: number[];
  /** Snapshots that were sent, or not. */
  readonly sent: { to: bigint; index: number; error?: unknown }[];
}

async function observed(count: number, options: TestClusterOptions = {}): Promise<Observed> {
  const installed: number[] = [];
  const sent: Observed['sent'] = [];
  const cluster = await start(count, {
    ...small,
    ...options,
    observer: {
      onSnapshotInstalled: ({ index }) => installed.push(index),
      onSnapshotSent: (event) => sent.push(event),
      ...options.observer,
    },
  });
  return { cluster, installed, sent };
}

async function putMany(cluster: TestCluster, count: number, tag = ''): Promise<void> {
  const { leader } = cluster;
  for (let i = 0; i < count; i++) await put(cluster, leader, `k${i % 10}`, `${tag}${i}`);
}

test('a follower installs a snapshot while writes go on, and none is missing', async () => {
  const { cluster, installed } = await observed(3);
  const lagging = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(lagging).id);
  await putMany(cluster, 120);
  cluster.network.heal();
  for (let i = 0; i < 150 || installed.length === 0; i++) {
    if (i > 500) throw new Error('no snapshot was installed');
    await put(cluster, cluster.leader, `w${i % 13}`, String(i));
  }
  expect((await statesOf(cluster)).size).toBe(1);
});

test('two followers at once get a snapshot each', async () => {
  const { cluster, installed } = await observed(5);
  const [first, second] = cluster.followers;
  for (const name of [first!, second!]) cluster.network.isolate(cluster.member(name).id);
  await putMany(cluster, 120);
  cluster.network.heal();
  await cluster.until(() => installed.length >= 2);
  await put(cluster, first!, 'after', '1');
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a sender that fails midway tries again, and so does one whose bytes were damaged on the way', async () => {
  const { cluster, installed, sent } = await observed(3);
  const lagging = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(lagging).id);
  await putMany(cluster, 120);
  let chunks = 0;
  cluster.network.onSnapshotChunk = (chunk) => {
    chunks++;
    if (chunks === 3) throw new Error('the connection is lost');
    if (chunks !== 6) return chunk;
    const damaged = chunk.slice();
    damaged[100]! ^= 0xff;
    return damaged;
  };
  cluster.network.heal();
  await cluster.until(() => installed.length > 0);
  expect(sent.filter(({ error }) => error !== undefined).length).toBeGreaterThanOrEqual(1);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a leader that is gone in the middle of sending is replaced, and the next one sends', async () => {
  const { cluster, installed } = await observed(3);
  const lagging = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(lagging).id);
  await putMany(cluster, 120);
  await cluster.advance(300);
  const gate = Promise.withResolvers<void>();
  let isSending = false;
  cluster.network.onSnapshotChunk = async (chunk) => {
    isSending = true;
    await gate.promise;
    return chunk;
  };
  cluster.network.heal();
  await cluster.until(() => isSending);
  const old = cluster.leader;
  cluster.network.isolate(cluster.member(old).id);
  cluster.network.onSnapshotChunk = (chunk) => chunk;
  gate.resolve();
  const others = cluster.names.filter((name) => name !== old);
  await cluster.until(() => others.some((name) => cluster.member(name).isLeader));
  await cluster.until(() => installed.length > 0);
  expect(await valueOf(cluster, lagging, 'k9')).toBe('119');
  cluster.network.heal();
  expect((await statesOf(cluster)).size).toBe(1);
});

test('leases, their keys, alarms, members and versions come with a snapshot', async () => {
  const { cluster, installed } = await observed(3, { strictReconfiguration: false });
  await cluster.until(() => cluster.names.every((name) => cluster.member(name).clusterVersion !== undefined));
  const lagging = cluster.followers[0]!;
  const other = cluster.followers[1]!;
  const { leader } = cluster;
  await cluster.during(cluster.member(leader).leases.grant({ ID: 5n, TTL: 100n }));
  cluster.network.isolate(cluster.member(lagging).id);
  await cluster.during(cluster.member(leader).leases.grant({ ID: 6n, TTL: 100n }));
  await cluster.during(cluster.member(leader).leases.revoke({ ID: 5n }));
  await put(cluster, leader, 'leased', '1', { lease: 6n });
  const { ACTIVATE, DEACTIVATE } = rpcpb.AlarmRequest_AlarmAction;
  const { NOSPACE, CORRUPT } = rpcpb.AlarmType;
  const alarm = { action: ACTIVATE, memberID: cluster.member(other).id, alarm: NOSPACE };
  await cluster.during(cluster.member(leader).maintenance.alarm(alarm));
  await cluster.during(cluster.member(leader).maintenance.alarm({ ...alarm, action: DEACTIVATE }));
  await cluster.during(cluster.member(leader).maintenance.alarm({ ...alarm, alarm: CORRUPT }));
  await cluster.during(
    cluster.member(leader).maintenance.alarm({ ...alarm, alarm: CORRUPT, action: DEACTIVATE }),
  );
  await putMany(cluster, 120);
  await cluster.during(cluster.member(leader).maintenance.alarm(alarm));
  cluster.network.heal();
  await cluster.until(() => installed.length > 0);
  expect((await statesOf(cluster)).size).toBe(1);
  expect(cluster.member(lagging).alarmTypes).toEqual(['NOSPACE']);
  expect(cluster.member(lagging).state.lessor.keys(6n)).toEqual(['leased']);
  expect(cluster.member(lagging).state.lessor.has(5n)).toBe(false);
  // The lease expires for all of them, whoever leads.
  await cluster.stop(leader);
  await cluster.until(() => cluster.names.some((name) => cluster.member(name).isLeader));
  await cluster.advance(104_000);
  expect(await valueOf(cluster, lagging, 'leased')).toBe(undefined);
});

test('a watcher on a member that installs a snapshot is told of every event once', async () => {
  const { cluster, installed } = await observed(3);
  const lagging = cluster.followers[0]!;
  const member = cluster.member(lagging);
  await putMany(cluster, 5, 'before ');
  await cluster.advance(300);
  const range = { key: fromUtf8('k'), rangeEnd: fromUtf8('l') };
  const synced = new Watching(member, range).takeAll();
  const behind = new Watching(member, { ...range, startRevision: 2n });
  const tomorrow = new Watching(member, { ...range, startRevision: 130n });
  const untaken = new Watching(member, range).takeAll();
  await putMany(cluster, 3, 'live ');
  await cluster.advance(300);
  synced.takeAll();
  behind.take(64);
  cluster.network.isolate(member.id);
  await putMany(cluster, 150);
  cluster.network.heal();
  await cluster.until(() => installed.length > 0);
  await putMany(cluster, 5, 'after ');
  await cluster.advance(500);
  const last = cluster.member(cluster.leader).state.store.currentRevision;
  const revisions = (from: number): number[] => Array.from({ length: last - from + 1 }, (_, i) => from + i);
  expect(synced.takeAll().events.map(({ revision }) => revision)).toEqual(revisions(7));
  expect(behind.takeAll().events.map(({ revision }) => revision)).toEqual(revisions(2));
  expect(untaken.takeAll().events.map(({ revision }) => revision)).toEqual(revisions(7));
  expect(tomorrow.takeAll().events.map(({ revision }) => revision)).toEqual(revisions(130));
});

test('a watcher whose events were compacted away meanwhile is canceled, once and with the compact revision', async () => {
  const { cluster, installed } = await observed(3);
  const lagging = cluster.followers[0]!;
  const member = cluster.member(lagging);
  await putMany(cluster, 5);
  await cluster.advance(300);
  const range = { key: fromUtf8('k'), rangeEnd: fromUtf8('l') };
  const synced = new Watching(member, range).takeAll();
  cluster.network.isolate(member.id);
  await putMany(cluster, 100);
  await compact(cluster, cluster.leader, 90);
  await putMany(cluster, 50);
  cluster.network.heal();
  await cluster.until(() => installed.length > 0);
  await cluster.advance(500);
  synced.takeAll();
  expect(synced.events).toEqual([]);
  const canceled = synced.responses.filter((response) => response.canceled);
  expect(canceled.map(({ compactRevision }) => compactRevision)).toEqual([90n]);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('the log below an installed snapshot is released, and a restart begins there', async () => {
  const { cluster, installed } = await observed(3, { segmentSizeBytes: 2048, maxWals: 2 });
  const lagging = cluster.followers[0]!;
  await putMany(cluster, 40);
  cluster.network.isolate(cluster.member(lagging).id);
  await putMany(cluster, 150);
  cluster.network.heal();
  await cluster.until(() => installed.length > 0);
  await putMany(cluster, 30);
  await cluster.advance(500);
  const segments = (await cluster.ground(lagging).disk.list('/member/wal')).filter((name) =>
    name.endsWith('.wal'),
  );
  const lastBelow = segments
    .map((name) => parseInt(name.slice(17, 33), 16))
    .filter((index) => index <= installed.at(-1)!);
  expect(lastBelow.length).toBeLessThanOrEqual(2);
  await cluster.stop(lagging);
  await cluster.open(lagging);
  await cluster.during(cluster.member(lagging).ready);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('snap files are written with each mark and with an installed snapshot, and only the newest are kept', async () => {
  const { cluster, installed } = await observed(3, { maxSnapFiles: 2 });
  const lagging = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(lagging).id);
  await putMany(cluster, 260);
  const files = async (name: string): Promise<string[]> =>
    (await cluster.ground(name).disk.list('/member/snap')).filter((file) => file.endsWith('.snap'));
  expect((await files(cluster.leader)).length).toBe(2);
  expect((await files(lagging)).length).toBe(0);
  cluster.network.heal();
  await cluster.until(() => installed.length > 0);
  await cluster.advance(100);
  const name = installed[0]!.toString(16).padStart(16, '0');
  expect((await files(lagging)).some((file) => file.endsWith(`-${name}.snap`))).toBe(true);
});

test('a member that is new gets the store and becomes a voter', async () => {
  const { cluster, installed } = await observed(3);
  await putMany(cluster, 200);
  const id = await join(cluster, 'd', { isLearner: true });
  expect(installed.length).toBe(1);
  await cluster.during(cluster.member(cluster.followers[0]!).cluster.promote({ ID: id }));
  expect((await statesOf(cluster)).size).toBe(1);
  expect(await valueOf(cluster, 'd', 'k9')).toBe('199');
});

test('so many snapshots are taken at once, one more is refused, and one that nobody reads makes room', async () => {
  const cluster = await start(1);
  await put(cluster, 'a', 'k', 'v');
  const { maintenance } = cluster.member('a');
  const open = [];
  for (let i = 0; i < 8; i++) open.push(await cluster.during(maintenance.snapshot()));
  expect(await codeOf(cluster.during(maintenance.snapshot()))).toBe('REPLICA_TOO_MANY_REQUESTS');
  const [unread, read, ...others] = open.map(({ chunks }) => chunks[Symbol.asyncIterator]());
  await unread!.return!();
  await unread!.return!();
  const again = await cluster.during(maintenance.snapshot());
  expect(await codeOf(cluster.during(maintenance.snapshot()))).toBe('REPLICA_TOO_MANY_REQUESTS');
  for (;;) if ((await cluster.during(read!.next())).done === true) break;
  const last = await cluster.during(maintenance.snapshot());
  for (const chunks of [...others, ...[again, last].map(({ chunks }) => chunks[Symbol.asyncIterator]())]) {
    await chunks.return!();
  }
  for (let i = 0; i < 8; i++) {
    const { chunks } = await cluster.during(maintenance.snapshot());
    await chunks[Symbol.asyncIterator]().return!();
  }
});
