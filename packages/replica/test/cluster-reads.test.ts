import { raftpb, type Message } from '@quorate/wire';
import { expect, test } from 'vitest';
import { rangeRequest, type TestCluster } from '../src/testing/index.ts';
import { codeOf, put, start, valueOf } from './clusters.ts';

const { MsgReadIndex, MsgHeartbeatResp, MsgApp } = raftpb.MessageType;

/** Counts messages of a kind from now on. */
function counting(cluster: TestCluster, matches: (message: Message) => boolean): () => number {
  let count = 0;
  const { intercept } = cluster.network;
  cluster.network.intercept = (message) => {
    if (matches(message)) count++;
    return intercept(message);
  };
  return () => count;
}

async function newLeader(cluster: TestCluster, old: string): Promise<string> {
  const others = cluster.names.filter((name) => name !== old);
  await cluster.until(() => others.some((name) => cluster.member(name).isLeader));
  return others.find((name) => cluster.member(name).isLeader)!;
}

test('a read through any member sees every write that was acknowledged through any other', async () => {
  const cluster = await start(5);
  for (let i = 0; i < 25; i++) {
    const writer = cluster.names[i % 5]!;
    const revision = await put(cluster, writer, 'k', String(i));
    const reader = cluster.names[(i * 3 + 1) % 5]!;
    const { header, kvs } = await cluster.during(cluster.member(reader).kv.range(rangeRequest('k')));
    expect(header!.revision).toBeGreaterThanOrEqual(revision);
    expect(kvs.length).toBe(1);
    expect(await valueOf(cluster, reader, 'k')).toBe(String(i));
  }
});

test('all reads of one turn share one round, those of a later turn have one of their own', async () => {
  const cluster = await start(3);
  await put(cluster, cluster.leader, 'k', '1');
  const follower = cluster.member(cluster.followers[0]!);
  const asked = counting(cluster, ({ type, from }) => type === MsgReadIndex && from === follower.id);
  const reads = Array.from({ length: 100 }, () => follower.kv.range(rangeRequest('k')));
  await cluster.during(Promise.all(reads));
  expect(asked()).toBe(1);
  await valueOf(cluster, cluster.followers[0]!, 'k');
  expect(asked()).toBe(2);
});

test('a read of a follower does not return before the follower has applied what was acknowledged', async () => {
  const cluster = await start(3);
  const slow = cluster.followers[0]!;
  // It hears the leader, but its entries come late.
  cluster.network.intercept = ({ type, to }) =>
    type === MsgApp && to === cluster.member(slow).id ? 'drop' : 'deliver';
  await put(cluster, cluster.leader, 'k', 'new');
  let value: string | undefined;
  void valueOf(cluster, slow, 'k').then((found) => (value = found));
  await cluster.advance(3_000);
  expect(value).toBe(undefined);
  cluster.network.intercept = () => 'deliver';
  await cluster.until(() => value !== undefined);
  expect(value).toBe('new');
});

test.each(['timers', 'messages'] as const)(
  'a leader that stood still while another one wrote never answers with what is old (%s first)',
  async (first) => {
    const cluster = await start(3);
    const old = cluster.leader;
    await put(cluster, old, 'k', 'old');
    const member = cluster.member(old);
    const before = codeOf(member.kv.range(rangeRequest('k'))); // Its round is on the way.
    await cluster.advance(1);
    cluster.pause(old);
    const during = Array.from({ length: 3 }, () => codeOf(valueOf(cluster, old, 'k')));
    const leader = await newLeader(cluster, old);
    await put(cluster, leader, 'k', 'new');
    cluster.resume(old, first);
    const after = Promise.resolve(member.kv.range(rangeRequest('k'))).then(
      ({ kvs }) => Buffer.from(kvs[0]!).toString('latin1'),
      (error: { code: string }) => error.code,
    );
    const answer = await cluster.during(after);
    expect(answer === 'REPLICA_LEADER_CHANGED' || answer.includes('new')).toBe(true);
    await cluster.during(Promise.all([...during, before]));
    expect(await valueOf(cluster, old, 'k')).toBe('new');
  },
);

test('an acknowledgement from before the pause does not confirm a read that begins after it', async () => {
  const cluster = await start(3);
  const old = cluster.leader;
  const member = cluster.member(old);
  await put(cluster, old, 'k', 'old');
  // Answers to the heartbeats of this round come only after the pause.
  const early = codeOf(member.kv.range(rangeRequest('k')));
  await cluster.advance(1);
  cluster.pause(old);
  // It learns nothing else of what happens.
  cluster.network.intercept = ({ type, to }) =>
    to === member.id && type !== MsgHeartbeatResp ? 'drop' : 'deliver';
  const leader = await newLeader(cluster, old);
  await put(cluster, leader, 'k', 'new');
  cluster.network.isolate(member.id);
  const late = codeOf(member.kv.range(rangeRequest('k')));
  cluster.resume(old, 'messages');
  await cluster.advance(8_000);
  expect(await early).toBe('none');
  expect(['REPLICA_TIMEOUT', 'REPLICA_LEADER_CHANGED']).toContain(await late);
});

test('reads under way end when another member leads, and those without a leader when their time is over', async () => {
  const cluster = await start(3);
  const old = cluster.leader;
  const [follower, other] = cluster.followers;
  cluster.network.intercept = ({ type }) => (type === MsgHeartbeatResp ? 'drop' : 'deliver');
  const read = codeOf(cluster.member(follower!).kv.range(rangeRequest('k')));
  await cluster.advance(100);
  cluster.network.intercept = () => 'deliver';
  cluster.network.isolate(cluster.member(old).id);
  await newLeader(cluster, old);
  expect(await cluster.during(read)).toBe('REPLICA_LEADER_CHANGED');
  cluster.network.isolate(cluster.member(other!).id);
  await cluster.advance(2_500);
  const alone = codeOf(cluster.member(follower!).kv.range(rangeRequest('k')));
  const failed = cluster.member(follower!).counts.readIndexesFailed;
  await cluster.advance(7_500);
  expect(await alone).toBe('REPLICA_TIMEOUT');
  expect(cluster.member(follower!).counts.readIndexesFailed).toBe(failed + 1);
});

test('a read that was lost is asked for again after half a second', async () => {
  const cluster = await start(3);
  const follower = cluster.member(cluster.followers[0]!);
  cluster.network.intercept = ({ type }) => (type === MsgReadIndex ? 'drop' : 'deliver');
  const read = follower.kv.range(rangeRequest('k'));
  await cluster.advance(200);
  cluster.network.intercept = () => 'deliver';
  await cluster.during(read);
  expect(follower.counts.readIndexesSlow).toBe(1);
});

test('in a minority reads that need not be of now are served, those that must be are not', async () => {
  const cluster = await start(5);
  await put(cluster, cluster.leader, 'k', 'old');
  await cluster.advance(200);
  const [a, b, ...majority] = [cluster.leader, ...cluster.followers];
  for (const name of [a, b!]) {
    for (const other of majority) {
      const [from, to] = [cluster.member(name).id, cluster.member(other).id];
      cluster.network.cut(from, to).cut(to, from);
    }
  }
  await cluster.until(() => majority.some((name) => cluster.member(name).isLeader));
  await put(cluster, majority[0]!, 'k', 'new');
  expect(await valueOf(cluster, b!, 'k', { serializable: true })).toBe('old');
  expect(await valueOf(cluster, majority[1]!, 'k')).toBe('new');
  const refused = [a, b!].map((name) => codeOf(cluster.member(name).kv.range(rangeRequest('k'))));
  await cluster.advance(8_000);
  expect(await Promise.all(refused)).toEqual(['REPLICA_TIMEOUT', 'REPLICA_TIMEOUT']);
  cluster.network.heal();
  await cluster.until(() => [a, b!].every((name) => cluster.member(name).hasLeader));
  for (const name of cluster.names) expect(await valueOf(cluster, name, 'k')).toBe('new');
});
