import { TestCluster } from '@quorate/replica/testing';
import { afterEach, expect, test } from 'vitest';
import { answered, leaderOf, statusOf, type Outcome } from '../src/recipes/recipe-calls.ts';
import { callsOf, Observer } from '../src/recipes/recipe-member.ts';

const open: TestCluster[] = [];
const aWhileMs = 200;

async function start(options: ConstructorParameters<typeof TestCluster>[0] = {}): Promise<TestCluster> {
  const cluster = await TestCluster.start(3, options);
  open.push(cluster);
  return cluster;
}

afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});

/** A call through a member, and what it has come to so far. */
class Asked<T> {
  status = 'waiting';

  constructor(work: Promise<Outcome<T>>) {
    void work.then((outcome) => (this.status = statusOf(outcome)));
  }
}

test('a lock taken through one member is taken for all, and handed on to whoever waits at another', async () => {
  const cluster = await start();
  const calls = cluster.names.map((name) => callsOf(cluster.member(name)));
  for (const lease of [1n, 2n, 3n]) answered(await cluster.during(calls[0]!.grant(lease, 600n)));
  expect(statusOf(await cluster.during(calls[0]!.lock('job', 1n)))).toBe('0');
  const second = new Asked(calls[1]!.lock('job', 2n));
  await cluster.advance(aWhileMs);
  const third = new Asked(calls[2]!.lock('job', 3n));
  await cluster.advance(aWhileMs);
  expect([second.status, third.status]).toEqual(['waiting', 'waiting']);
  await cluster.during(calls[2]!.unlock('job/1'));
  await cluster.advance(aWhileMs);
  expect([second.status, third.status]).toEqual(['0', 'waiting']);
  await cluster.during(calls[0]!.unlock('job/2'));
  await cluster.advance(aWhileMs);
  expect(third.status).toBe('0');
});

test('who waits at a follower goes on waiting, and gets the turn, when the leader dies', async () => {
  const cluster = await start();
  const follower = cluster.followers[0]!;
  const calls = callsOf(cluster.member(follower));
  for (const lease of [1n, 2n, 3n]) answered(await cluster.during(calls.grant(lease, 600n)));
  await cluster.during(calls.lock('job', 1n));
  const leader = leaderOf(await cluster.during(calls.campaign({ name: 'who', lease: 1n, value: 'one' })));
  const locking = new Asked(calls.lock('job', 2n));
  const standing = new Asked(calls.campaign({ name: 'who', lease: 3n, value: 'three' }));
  const observer = new Observer(cluster.member(follower), 'who');
  await cluster.advance(aWhileMs);
  const died = cluster.leader;
  cluster.crash(died);
  await cluster.until(() => cluster.names.some((name) => cluster.member(name).isLeader));
  await cluster.advance(2_000);
  expect([locking.status, standing.status]).toEqual(['waiting', 'waiting']);
  await cluster.during(calls.unlock('job/1'));
  await cluster.during(calls.resign(leader));
  await cluster.advance(aWhileMs);
  expect([locking.status, standing.status]).toEqual(['0', '0']);
  expect(observer.values).toEqual(['one', 'three']);
  observer.leave();
  await cluster.during(observer.ended);
});

test('who waits at a member whose store is replaced by a snapshot meanwhile gets the turn', async () => {
  const cluster = await start({ snapshotCount: 20, snapshotCatchUpEntries: 5 });
  const lagging = cluster.followers[0]!;
  const calls = callsOf(cluster.member(lagging));
  const others = callsOf(cluster.member(cluster.leader));
  for (const lease of [1n, 2n, 3n]) answered(await cluster.during(others.grant(lease, 600n)));
  await cluster.during(others.lock('job', 1n));
  const leader = leaderOf(await cluster.during(others.campaign({ name: 'who', lease: 1n, value: 'one' })));
  const locking = new Asked(calls.lock('job', 2n));
  const standing = new Asked(calls.campaign({ name: 'who', lease: 3n, value: 'three' }));
  const observer = new Observer(cluster.member(lagging), 'who');
  await cluster.advance(aWhileMs);
  expect(observer.values).toEqual(['one']);
  cluster.network.isolate(cluster.member(lagging).id);
  await cluster.during(others.unlock('job/1'));
  await cluster.during(others.resign(leader));
  let revision = 0n;
  for (let at = 0; at < 60; at++) {
    revision = answered(await cluster.during(others.put('other', `${at}`))).header!.revision;
  }
  // What they wait for is neither in the log nor in the history any more.
  await cluster.during(others.compact(revision));
  for (let at = 0; at < 10; at++) await cluster.during(others.put('other', `${at}`));
  expect([locking.status, standing.status]).toEqual(['waiting', 'waiting']);
  let chunks = 0;
  cluster.network.onSnapshotChunk = (chunk) => {
    chunks++;
    return chunk;
  };
  cluster.network.heal();
  await cluster.advance(5_000);
  expect(chunks).toBeGreaterThan(0);
  expect([locking.status, standing.status]).toEqual(['0', '0']);
  expect(observer.values).toEqual(['one', 'three']);
  observer.leave();
  await cluster.during(observer.ended);
});
