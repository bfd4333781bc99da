import { fromUtf8 } from '@quorate/std';
import { raftpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { putRequest, type TestCluster } from '../src/testing/index.ts';
import { codeOf, put, start, statesOf, valueOf, Watching } from './clusters.ts';

const { MsgProp } = raftpb.MessageType;

async function newLeader(cluster: TestCluster, old: string): Promise<string> {
  const others = cluster.names.filter((name) => name !== old);
  await cluster.until(() => others.some((name) => cluster.member(name).isLeader));
  return others.find((name) => cluster.member(name).isLeader)!;
}

function putting(cluster: TestCluster, name: string, key: string): Promise<string> {
  return codeOf(cluster.member(name).kv.put(putRequest(key, '1')));
}

test('a write that is begun while there is no leader is made by the next one', async () => {
  const cluster = await start(3);
  const old = cluster.leader;
  await cluster.stop(old);
  await cluster.until(() => cluster.names.every((name) => !cluster.member(name).hasLeader));
  const writes = cluster.names.map((name) => putting(cluster, name, `of ${name}`));
  expect(await cluster.during(Promise.all(writes))).toEqual(['none', 'none']);
  for (const name of cluster.names) expect(await valueOf(cluster, name, `of ${name}`)).toBe('1');
});

test('a write that its caller was told is late is not made once there is a leader again', async () => {
  const cluster = await start(3);
  const alone = cluster.followers[0]!;
  const member = cluster.member(alone);
  cluster.network.isolate(member.id);
  await cluster.until(() => !member.hasLeader);
  const late = putting(cluster, alone, 'late');
  await cluster.advance(7_500);
  expect(await late).toBe('REPLICA_TIMEOUT');
  expect(member.pendingProposals).toBe(0);
  cluster.network.heal();
  await cluster.until(() => member.hasLeader);
  await cluster.advance(1_000);
  expect(await valueOf(cluster, alone, 'late')).toBe(undefined);
});

test('a write that the failed leader may have lost says so', async () => {
  const cluster = await start(3);
  const old = cluster.leader;
  const follower = cluster.followers[0]!;
  await cluster.advance(3_000);
  cluster.network.isolate(cluster.member(old).id);
  const lost = putting(cluster, follower, 'lost');
  await newLeader(cluster, old);
  await cluster.advance(7_000);
  expect(await lost).toBe('REPLICA_TIMEOUT_LEADER_FAIL');
});

test('a write of a member that hears the leader, but is not heard by it, says that the connection was lost', async () => {
  const cluster = await start(3);
  const follower = cluster.followers[0]!;
  await cluster.advance(3_000);
  cluster.network.cut(cluster.member(follower).id, cluster.member(cluster.leader).id);
  const lost = putting(cluster, follower, 'lost');
  await cluster.advance(7_500);
  expect(await lost).toBe('REPLICA_TIMEOUT_CONNECTION_LOST');
});

test('a write that gets lost on good connections is late, and nothing else', async () => {
  const cluster = await start(3);
  const follower = cluster.followers[0]!;
  await cluster.advance(3_000);
  cluster.network.intercept = ({ type }) => (type === MsgProp ? 'drop' : 'deliver');
  const lost = putting(cluster, follower, 'lost');
  await cluster.advance(7_500);
  expect(await lost).toBe('REPLICA_TIMEOUT');
});

test('a leader without the others acknowledges nothing, and what it took in is gone when they chose another', async () => {
  const cluster = await start(3);
  const old = cluster.leader;
  cluster.network.isolate(cluster.member(old).id);
  const writes = Array.from({ length: 20 }, (_, i) => putting(cluster, old, `lost${i}`));
  const leader = await newLeader(cluster, old);
  for (let i = 0; i < 20; i++) await put(cluster, leader, `kept${i}`, '1');
  cluster.network.heal();
  await cluster.advance(8_000);
  expect(new Set(await Promise.all(writes))).not.toContain('none');
  for (const name of cluster.names) {
    expect(await valueOf(cluster, name, 'lost3')).toBe(undefined);
    expect(await valueOf(cluster, name, 'kept3')).toBe('1');
  }
  expect((await statesOf(cluster)).size).toBe(1);
});

test('what is written through all members while leaders come and go is there once, or was refused', async () => {
  const cluster = await start(3);
  const watching = cluster.names.map(
    (name) => new Watching(cluster.member(name), { key: fromUtf8('w'), rangeEnd: fromUtf8('x') }),
  );
  const outcomes = new Map<string, Promise<string>>();
  for (let round = 0; round < 12; round++) {
    for (const name of cluster.names) {
      for (let i = 0; i < 4; i++)
        outcomes.set(`w${name}${round}.${i}`, putting(cluster, name, `w${name}${round}.${i}`));
    }
    const isolated = cluster.names[round % 3]!;
    if (round % 2 === 0) cluster.network.isolate(cluster.member(isolated).id);
    else cluster.network.heal();
    await cluster.advance(900);
  }
  cluster.network.heal();
  await cluster.advance(9_000);
  expect((await statesOf(cluster)).size).toBe(1);
  const [first, ...others] = watching.map((watch) => watch.takeAll().events);
  for (const events of others) expect(events).toEqual(first);
  const keys = first!.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  let acknowledged = 0;
  for (const [key, outcome] of outcomes) {
    if ((await outcome) !== 'none') continue;
    acknowledged++;
    expect(keys).toContain(key);
  }
  expect(acknowledged).toBeGreaterThan(70);
});

test('a member that applies too slowly takes no more proposals', async () => {
  const cluster = await start(1);
  const member = cluster.member('a');
  // A look at what is committed and applied is all that admission takes.
  Object.defineProperty(member.raft, 'commit', {
    get: () => member.raftStatus.applied + 5_001,
    configurable: true,
  });
  expect(await codeOf(member.kv.put(putRequest('k', '1')))).toBe('REPLICA_TOO_MANY_REQUESTS');
  expect(await codeOf(member.cluster.remove({ ID: 1n }))).toBe('REPLICA_TOO_MANY_REQUESTS');
  Object.defineProperty(member.raft, 'commit', {
    get: () => member.raftStatus.applied + 5_000,
    configurable: true,
  });
  const outcome = codeOf(member.kv.put(putRequest('k', '1')));
  Reflect.deleteProperty(member.raft, 'commit');
  expect(await cluster.during(outcome)).toBe('none');
});

test('a power cut of all members at once loses nothing that was acknowledged', async () => {
  const cluster = await start(3, { snapshotCount: 40, snapshotCatchUpEntries: 10 });
  for (let i = 0; i < 100; i++) await put(cluster, cluster.names[i % 3]!, `k${i % 11}`, String(i));
  const pending = cluster.names.map((name) => putting(cluster, name, 'in flight'));
  for (const name of [...cluster.names]) cluster.crash(name);
  for (const name of ['a', 'b', 'c']) await cluster.open(name);
  await cluster.until(() => cluster.names.some((name) => cluster.member(name).isLeader));
  for (let i = 89; i < 100; i++) expect(await valueOf(cluster, 'a', `k${i % 11}`)).toBe(String(i));
  expect((await statesOf(cluster)).size).toBe(1);
  void pending;
});
