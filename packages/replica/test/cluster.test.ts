import { toUtf8 } from '@quorate/std';
import { decodeKeyValue } from '@quorate/wire';
import { afterEach, expect, test } from 'vitest';
import {
  peerUrlOf,
  putRequest,
  rangeRequest,
  TestCluster,
  type TestClusterOptions,
} from '../src/testing/index.ts';

const open: TestCluster[] = [];

async function start(count: number, options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = await TestCluster.start(count, options);
  open.push(cluster);
  return cluster;
}

afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});

async function put(cluster: TestCluster, name: string, key: string, value: string): Promise<void> {
  await cluster.during(cluster.member(name).kv.put(putRequest(key, value)));
}

async function valueOf(cluster: TestCluster, name: string, key: string): Promise<string | undefined> {
  const { kvs } = await cluster.during(cluster.member(name).kv.range(rangeRequest(key)));
  return kvs[0] && toUtf8(decodeKeyValue(kvs[0]).value);
}

async function hashes(cluster: TestCluster): Promise<Set<number>> {
  const all = cluster.names.map((name) => cluster.member(name).state.store.hashKv(0));
  return new Set((await cluster.during(Promise.all(all))).map(({ hash }) => hash));
}

test('three members elect one leader and agree on a version', async () => {
  const cluster = await start(3);
  expect(cluster.names).toContain(cluster.leader);
  await cluster.until(() => cluster.names.every((name) => cluster.member(name).clusterVersion === '3.6.0'));
});

test('a write through any member is read through every other at once', async () => {
  const cluster = await start(3);
  for (const writer of cluster.names) {
    await put(cluster, writer, 'k', writer);
    for (const reader of cluster.names) expect(await valueOf(cluster, reader, 'k')).toBe(writer);
  }
  await cluster.advance(500);
  expect((await hashes(cluster)).size).toBe(1);
});

test('after the leader is gone the others elect another and keep what was acknowledged', async () => {
  const cluster = await start(3);
  await put(cluster, cluster.leader, 'k', '1');
  const old = cluster.leader;
  await cluster.stop(old);
  await cluster.until(() => cluster.names.some((name) => cluster.member(name).isLeader));
  expect(await valueOf(cluster, cluster.names[0]!, 'k')).toBe('1');
  await put(cluster, cluster.names[1]!, 'k', '2');
  await cluster.open(old);
  await cluster.during(cluster.member(old).ready);
  expect(await valueOf(cluster, old, 'k')).toBe('2');
});

test('a member that lags behind the log gets a snapshot and goes on from there', async () => {
  const cluster = await start(3, { snapshotCount: 50, snapshotCatchUpEntries: 10 });
  const lagging = cluster.followers[0]!;
  await cluster.stop(lagging);
  for (let i = 0; i < 200; i++) await put(cluster, cluster.leader, `k${i % 20}`, String(i));
  const installed: number[] = [];
  await cluster.open(lagging, {
    snapshotCount: 50,
    snapshotCatchUpEntries: 10,
    observer: { onSnapshotInstalled: ({ index }) => installed.push(index) },
  });
  await cluster.during(cluster.member(lagging).ready);
  expect(installed.length).toBeGreaterThan(0);
  expect(await valueOf(cluster, lagging, 'k19')).toBe('199');
  await put(cluster, lagging, 'after', '1');
  await cluster.advance(500);
  expect((await hashes(cluster)).size).toBe(1);
  await cluster.stop(lagging);
  await cluster.open(lagging);
  await cluster.during(cluster.member(lagging).ready);
  expect(await valueOf(cluster, lagging, 'k19')).toBe('199');
});

test('a learner is added, catches up, is promoted, and the leader can be removed', async () => {
  const cluster = await start(3);
  for (let i = 0; i < 50; i++) await put(cluster, cluster.leader, `k${i}`, 'v');
  const { member, members } = await cluster.during(
    cluster.member(cluster.followers[0]!).cluster.add({ peerURLs: [peerUrlOf('d')], isLearner: true }),
  );
  expect(members.length).toBe(4);
  const running = {
    clusterId: cluster.member('a').clusterId,
    members: cluster.member('a').state.membership.list(),
  };
  const initialCluster = [...'abcd'].map((name) => `${name}=${peerUrlOf(name)}`).join(',');
  await cluster.open('d', { initialCluster, initialClusterState: 'existing', runningCluster: running });
  await cluster.during(cluster.member('d').ready);
  expect(cluster.member('d').isLearner).toBe(true);
  // Through a follower, which asks the leader.
  await cluster.during(cluster.member(cluster.followers[1]!).cluster.promote({ ID: member!.ID }));
  await cluster.until(() => !cluster.member('d').isLearner);

  const removed = cluster.leader;
  await cluster.during(cluster.member(removed).cluster.remove({ ID: cluster.member(removed).id }));
  await cluster.advance(1_500);
  await cluster.stop(removed);
  await cluster.until(() => cluster.names.some((name) => cluster.member(name).isLeader));
  await put(cluster, 'd', 'k', 'still');
  expect(await valueOf(cluster, cluster.names[0]!, 'k')).toBe('still');
});

test('the leadership moves to the member that it is asked to move to', async () => {
  const cluster = await start(3);
  const target = cluster.followers[1]!;
  const { signal } = new AbortController();
  const targetID = cluster.member(target).id;
  await cluster.during(cluster.member(cluster.leader).maintenance.moveLeader({ targetID }, { signal }));
  await cluster.until(() => cluster.member(target).isLeader);
  await expect(
    cluster.member(cluster.followers[0]!).maintenance.moveLeader({ targetID }, { signal }),
  ).rejects.toMatchObject({ code: 'REPLICA_NOT_LEADER' });
});

test('a lease is kept alive through a follower, and expires when nobody does', async () => {
  const cluster = await start(3);
  const follower = cluster.member(cluster.followers[0]!);
  await cluster.during(follower.leases.grant({ ID: 7n, TTL: 10n }));
  await cluster.during(follower.kv.put(putRequest('x', '1', { lease: 7n })));
  for (let i = 0; i < 3; i++) {
    await cluster.advance(8_000);
    expect(await cluster.during(follower.leases.keepAlive(7n))).toBe(10);
  }
  expect(await valueOf(cluster, cluster.leader, 'x')).toBe('1');
  expect((await cluster.during(follower.leases.timeToLive({ ID: 7n, keys: true }))).keys.map(toUtf8)).toEqual(
    ['x'],
  );
  await cluster.advance(12_000);
  expect(await valueOf(cluster, cluster.leader, 'x')).toBe(undefined);
  expect(await cluster.during(follower.leases.keepAlive(7n))).toBe(0);
});

test('a member cut off from the others refuses reads that must be of now, and serves those that need not', async () => {
  const cluster = await start(3);
  await put(cluster, cluster.leader, 'k', '1');
  await cluster.advance(200);
  const alone = cluster.leader;
  cluster.network.isolate(cluster.member(alone).id);
  const read = cluster
    .member(alone)
    .kv.range(rangeRequest('k'))
    .catch((error: unknown) => error);
  await cluster.advance(8_000);
  expect(await read).toMatchObject({ code: 'REPLICA_TIMEOUT' });
  expect(cluster.member(alone).isLeader).toBe(false);
  const old = await cluster.during(cluster.member(alone).kv.range(rangeRequest('k', { serializable: true })));
  expect(old.count).toBe(1);
  cluster.network.heal();
  await cluster.until(() => cluster.member(alone).hasLeader);
  expect(await valueOf(cluster, alone, 'k')).toBe('1');
});

test('a member stops even while a comparison of data waits for a read that nobody answers', async () => {
  const cluster = await start(3, { corruptionCheckMs: 300 });
  const alone = cluster.leader;
  cluster.network.isolate(cluster.member(alone).id);
  await cluster.advance(700);
  await cluster.stop(alone);
  expect(cluster.names).not.toContain(alone);
});

test('the header of an answer has the revision of the moment in which the request was applied', async () => {
  const cluster = await start(3);
  const { kv, leases } = cluster.member(cluster.leader);
  const granted = leases.grant({ ID: 5n, TTL: 60n });
  const puts = Array.from({ length: 10 }, (_, at) => kv.put(putRequest(`k${at}`, 'v')));
  const revoked = leases.revoke({ ID: 5n });
  await cluster.during(Promise.all(puts));
  expect((await cluster.during(granted)).header?.revision).toBe(1n);
  expect((await cluster.during(revoked)).header?.revision).toBe(11n);
});
