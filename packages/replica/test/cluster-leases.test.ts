import { raftpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import type { TestCluster, TestClusterOptions } from '../src/testing/index.ts';
import { peerUrlOf } from '../src/testing/index.ts';
import { codeOf, put, start, statesOf, valueOf, Watching } from './clusters.ts';

async function grant(cluster: TestCluster, id: bigint, ttl: bigint): Promise<void> {
  await cluster.during(cluster.member(cluster.leader).leases.grant({ ID: id, TTL: ttl }));
}

/** Whole seconds that a lease has left, asked through a member. */
async function left(cluster: TestCluster, name: string, id: bigint): Promise<number> {
  const answer = await cluster.during(cluster.member(name).leases.timeToLive({ ID: id, keys: false }));
  return Number(answer.TTL);
}

/** A cluster with a lease that has a key. */
async function withLease(ttl: bigint, options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = await start(3, options);
  await grant(cluster, 1n, ttl);
  await put(cluster, cluster.leader, 'leased', '1', { lease: 1n });
  return cluster;
}

async function newLeader(cluster: TestCluster, old: string): Promise<string> {
  const others = cluster.names.filter((name) => name !== old);
  await cluster.until(() => others.some((name) => cluster.member(name).isLeader));
  return others.find((name) => cluster.member(name).isLeader)!;
}

test('a lease expires once its time is over and not before, and its keys go with it in one revision everywhere', async () => {
  const cluster = await withLease(10n);
  for (let i = 0; i < 4; i++) await put(cluster, cluster.followers[0]!, `more${i}`, '1', { lease: 1n });
  const watching = cluster.names.map(
    (name) => new Watching(cluster.member(name), { key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) }),
  );
  await cluster.advance(9_000);
  expect(await valueOf(cluster, cluster.followers[0]!, 'leased')).toBe('1');
  await cluster.advance(2_500);
  expect(await valueOf(cluster, cluster.followers[0]!, 'leased')).toBe(undefined);
  for (const { events } of watching.map((watch) => watch.takeAll())) {
    const gone = events.filter(({ value }) => value === undefined);
    expect(gone.map(({ key }) => key).sort()).toEqual(['leased', 'more0', 'more1', 'more2', 'more3']);
    expect(new Set(gone.map(({ revision }) => revision)).size).toBe(1);
  }
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a new leader gives every lease its full time and an election timeout again', async () => {
  const cluster = await withLease(20n);
  await cluster.advance(15_000);
  const old = cluster.leader;
  expect(await left(cluster, old, 1n)).toBeLessThanOrEqual(5);
  await cluster.stop(old);
  const leader = await newLeader(cluster, old);
  expect(await left(cluster, leader, 1n)).toBeGreaterThanOrEqual(19);
  await cluster.advance(18_500);
  expect(await valueOf(cluster, leader, 'leased')).toBe('1');
  await cluster.advance(4_000);
  expect(await valueOf(cluster, leader, 'leased')).toBe(undefined);
});

test('changes of members that raft refuses give no lease more time', async () => {
  const cluster = await start(3, { strictReconfiguration: false, learnerCountMax: 3 });
  await grant(cluster, 1n, 30n);
  await cluster.advance(10_000);
  // Two at once, through followers: the leader makes an empty entry of the second.
  let empty = 0;
  const [first, second] = cluster.followers;
  cluster.network.intercept = ({ type, entries }) => {
    const { MsgApp } = raftpb.MessageType;
    if (type === MsgApp)
      empty += entries.filter((entry) => entry.type === 0 && entry.data.length === 0).length;
    return 'deliver';
  };
  const changes = [first!, second!].map((name) =>
    codeOf(cluster.member(name).cluster.add({ peerURLs: [peerUrlOf(`${name}2`)], isLearner: true })),
  );
  await cluster.advance(500);
  expect(empty).toBeGreaterThan(0);
  expect(await left(cluster, cluster.leader, 1n)).toBeLessThanOrEqual(19);
  await cluster.advance(8_000);
  expect((await Promise.all(changes)).sort()).toEqual(['REPLICA_TIMEOUT', 'none']);
});

test.each(['timers', 'messages'] as const)(
  'a leader that stood still while another renewed a lease revokes nothing (%s first)',
  async (first) => {
    const cluster = await withLease(5n);
    const old = cluster.leader;
    cluster.pause(old);
    const leader = await newLeader(cluster, old);
    for (let i = 0; i < 4; i++) {
      await cluster.advance(2_000);
      expect(await cluster.during(cluster.member(leader).leases.keepAlive(1n))).toBe(5);
    }
    cluster.resume(old, first);
    await cluster.advance(1_000);
    expect(await valueOf(cluster, leader, 'leased')).toBe('1');
    expect(cluster.member(old).isLeader).toBe(false);
    expect(await left(cluster, old, 1n)).toBeGreaterThan(2);
    expect((await statesOf(cluster)).size).toBe(1);
  },
);

test.each(['timers', 'messages'] as const)(
  'a leader that stood still while another revoked a lease renews nothing (%s first)',
  async (first) => {
    const cluster = await withLease(5n);
    const old = cluster.leader;
    cluster.pause(old);
    const leader = await newLeader(cluster, old);
    const renewal = cluster.member(old).leases.keepAlive(1n);
    await cluster.during(cluster.member(leader).leases.revoke({ ID: 1n }));
    cluster.resume(old, first);
    expect(await cluster.during(renewal)).toBe(0);
  },
);

test('a lease that has expired and is not revoked yet is not renewed: the call waits until it is gone', async () => {
  const cluster = await withLease(5n);
  const { leader } = cluster;
  await cluster.advance(3_000);
  // Without the others nothing can be revoked; the leader holds on for less than two election timeouts.
  cluster.network.isolate(cluster.member(leader).id);
  await cluster.advance(600);
  cluster.network.heal();
  await cluster.advance(1_390);
  for (const name of cluster.followers) {
    cluster.network.cut(cluster.member(leader).id, cluster.member(name).id);
  }
  await cluster.advance(300);
  let renewed: number | undefined;
  void cluster
    .member(leader)
    .leases.keepAlive(1n)
    .then((ttl) => (renewed = ttl));
  await cluster.advance(200);
  expect(cluster.member(leader).isLeader).toBe(true);
  expect(renewed).toBe(undefined);
  cluster.network.heal();
  await cluster.until(() => renewed !== undefined);
  expect(renewed).toBe(0);
});

test('a checkpoint outlives its leader, and a renewal takes it back first', async () => {
  const cluster = await withLease(60n, { leaseCheckpointMs: 5_000 });
  await cluster.until(() => cluster.member(cluster.leader).clusterVersion === '3.6.0');
  await cluster.advance(20_500);
  const old = cluster.leader;
  await cluster.stop(old);
  let leader = await newLeader(cluster, old);
  const remaining = await left(cluster, leader, 1n);
  expect(remaining).toBeGreaterThan(35);
  expect(remaining).toBeLessThan(47);
  expect(await cluster.during(cluster.member(leader).leases.keepAlive(1n))).toBe(60);
  await cluster.advance(100);
  expect(cluster.names.some((name) => cluster.member(name).state.lessor.hasCheckpoint(1n))).toBe(false);
  // They survive a restart of all, since they are written down.
  await cluster.advance(20_500);
  await cluster.open(old);
  await cluster.advance(1_000);
  for (const name of [...cluster.names]) await cluster.stop(name);
  for (const name of ['a', 'b', 'c']) await cluster.open(name);
  await cluster.until(() => cluster.names.some((name) => cluster.member(name).state.lessor.isPrimary));
  leader = cluster.leader;
  expect(await left(cluster, leader, 1n)).toBeLessThan(50);
});

test('a checkpoint on its way when a lease is renewed does not shorten it for the next leader', async () => {
  const cluster = await withLease(60n, { leaseCheckpointMs: 5_000 });
  await cluster.advance(4_500);
  const { leader } = cluster;
  const { MsgAppResp } = raftpb.MessageType;
  // Nothing is committed for a while, so the first checkpoint is proposed and not applied.
  cluster.network.intercept = ({ type }) => (type === MsgAppResp ? 'drop' : 'deliver');
  const { lastIndex } = cluster.member(leader).raftStatus;
  await cluster.until(() => cluster.member(leader).raftStatus.lastIndex > lastIndex);
  const renewal = cluster.member(leader).leases.keepAlive(1n);
  await cluster.advance(50);
  cluster.network.intercept = () => 'deliver';
  expect(await cluster.during(renewal)).toBe(60);
  await cluster.advance(500);
  await cluster.stop(leader);
  expect(await left(cluster, await newLeader(cluster, leader), 1n)).toBeGreaterThanOrEqual(57);
});

test('a checkpoint that is proposed while a renewal takes the last one back does not shorten the lease either', async () => {
  const cluster = await withLease(60n, { leaseCheckpointMs: 5_000 });
  const { leader } = cluster;
  await cluster.until(() => cluster.member(leader).state.lessor.hasCheckpoint(1n));
  const { MsgAppResp } = raftpb.MessageType;
  cluster.network.intercept = ({ type }) => (type === MsgAppResp ? 'drop' : 'deliver');
  const { lastIndex } = cluster.member(leader).raftStatus;
  const renewal = cluster.member(leader).leases.keepAlive(1n);
  // First what takes the old one back, then the next one, of the time that was left before.
  await cluster.until(() => cluster.member(leader).raftStatus.lastIndex >= lastIndex + 2);
  cluster.network.intercept = () => 'deliver';
  expect(await cluster.during(renewal)).toBe(60);
  await cluster.advance(500);
  await cluster.stop(leader);
  expect(await left(cluster, await newLeader(cluster, leader), 1n)).toBeGreaterThanOrEqual(57);
});

test('no checkpoint is proposed while the cluster cannot store it', async () => {
  const cluster = await withLease(60n, { leaseCheckpointMs: 5_000, serverVersion: '3.5.17' });
  const { lastIndex } = cluster.member(cluster.leader).raftStatus;
  await cluster.advance(20_000);
  expect(cluster.member(cluster.leader).raftStatus.lastIndex).toBe(lastIndex);
  expect(cluster.names.some((name) => cluster.member(name).state.lessor.hasCheckpoint(1n))).toBe(false);
});

test('leases are granted, renewed, looked at and revoked through any member', async () => {
  const cluster = await start(3);
  for (const [at, name] of cluster.names.entries()) {
    const id = BigInt(at + 10);
    const { leases } = cluster.member(name);
    expect((await cluster.during(leases.grant({ ID: id, TTL: 30n }))).TTL).toBe(30n);
    expect(await cluster.during(codeOf(leases.grant({ ID: id, TTL: 30n })))).toBe('LEASE_EXISTS');
    await put(cluster, name, `of ${name}`, '1', { lease: id });
    await cluster.advance(3_000);
    expect(await left(cluster, name, id)).toBeLessThan(28);
    expect(await cluster.during(leases.keepAlive(id))).toBe(30);
    expect(await left(cluster, name, id)).toBeGreaterThanOrEqual(29);
    await cluster.during(leases.revoke({ ID: id }));
    expect(await valueOf(cluster, name, `of ${name}`)).toBe(undefined);
    expect(await cluster.during(leases.keepAlive(id))).toBe(0);
    expect(await left(cluster, name, id)).toBe(-1);
    expect(await cluster.during(codeOf(leases.revoke({ ID: id })))).toBe('LEASE_NOT_FOUND');
    expect(await cluster.during(codeOf(put(cluster, name, 'x', '1', { lease: id })))).toBe(
      'KV_LEASE_NOT_FOUND',
    );
  }
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a renewal through a follower outlasts a change of the leader', async () => {
  const cluster = await withLease(10n);
  const old = cluster.leader;
  const follower = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(old).id);
  const renewal = cluster.member(follower).leases.keepAlive(1n);
  expect(await cluster.during(renewal)).toBe(10);
  expect(await left(cluster, await newLeader(cluster, old), 1n)).toBeGreaterThanOrEqual(9);
});

test('without a leader a renewal gives up when the time for a request is over', async () => {
  const cluster = await withLease(10n);
  const alone = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(alone).id);
  await cluster.advance(2_500);
  const renewal = codeOf(cluster.member(alone).leases.keepAlive(1n));
  await cluster.advance(7_500);
  expect(await renewal).toBe('REPLICA_NO_LEADER');
});
