import { raftpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { peerUrlOf, putRequest, type TestCluster, type TestClusterOptions } from '../src/testing/index.ts';
import { codeOf, errorOf, join, joining, put, servesAgain, start, statesOf, valueOf } from './clusters.ts';

interface Told {
  readonly cluster: TestCluster;
  /** Names of the members whose owners were told that they were removed. */
  readonly removed: string[];
}

/** Members that tell of their removal. */
async function telling(count: number, options: TestClusterOptions = {}): Promise<Told> {
  const removed: string[] = [];
  const cluster = await start(count, options);
  for (const name of [...cluster.names]) {
    await cluster.stop(name);
  }
  const names = Array.from({ length: count }, (_, at) => String.fromCharCode(0x61 + at));
  for (const name of names) await cluster.open(name, { observer: { onRemoved: () => removed.push(name) } });
  for (const name of names) await servesAgain(cluster, name);
  return { cluster, removed };
}

async function hasLeader(cluster: TestCluster): Promise<void> {
  await cluster.until(() => cluster.names.filter((name) => cluster.member(name).isLeader).length === 1);
}

test('members are listed alike by all of them, by ID, and headers tell who answers and in which term', async () => {
  const cluster = await start(3);
  const lists = await cluster.during(
    Promise.all(cluster.names.map((name) => cluster.member(name).cluster.list({ linearizable: true }))),
  );
  const ids = lists[0]!.members.map(({ ID }) => ID);
  expect([...ids].sort((a, b) => (a < b ? -1 : 1))).toEqual(ids);
  for (const [at, name] of cluster.names.entries()) {
    const { header, members } = lists[at]!;
    expect(members).toEqual(lists[0]!.members);
    expect(members.map((member) => member.clientURLs)).toEqual(
      members.map((member) => [`http://${member.name}:2379`]),
    );
    const { id, clusterId, raftStatus } = cluster.member(name);
    expect(header).toEqual({ clusterId, memberId: id, revision: 0n, raftTerm: BigInt(raftStatus.term) });
  }
  const { header } = await cluster.during(cluster.member('b').kv.put(putRequest('k', '1')));
  expect(header).toMatchObject({
    clusterId: cluster.member('a').clusterId,
    memberId: cluster.member('b').id,
  });
});

test('a member is added, started, updated and removed, and comes back only under another ID', async () => {
  const { cluster, removed } = await telling(3);
  const id = await join(cluster, 'd', { observer: { onRemoved: () => removed.push('d') } });
  expect(cluster.member('d').id).toBe(id);
  await put(cluster, 'd', 'k', 'of d');
  const api = cluster.member(cluster.followers[0]!).cluster;
  const urls = ['http://d.example:2380', 'http://d2.example:2380'];
  await cluster.during(api.update({ ID: id, peerURLs: urls }));
  await cluster.advance(100);
  expect(cluster.network.hostOf(id).peerUrls()).toEqual(urls);
  for (const name of cluster.names) {
    expect(cluster.member(name).state.membership.get(id)).toMatchObject({
      name: 'd',
      peerUrls: urls,
      isLearner: false,
    });
  }
  const { members } = await cluster.during(api.remove({ ID: id }));
  expect(members.length).toBe(3);
  await cluster.advance(1_500);
  expect(removed).toEqual(['d']);
  await cluster.stop('d');
  expect(await cluster.during(codeOf(api.update({ ID: id, peerURLs: urls })))).toBe('MEMBER_REMOVED');
  expect(await cluster.during(codeOf(api.remove({ ID: id })))).toBe('MEMBER_REMOVED');
  cluster.wipe('d');
  await cluster.advance(2_000);
  const again = await join(cluster, 'd');
  expect(again).not.toBe(id);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('changes that make no sense are refused by name', async () => {
  const cluster = await start(3);
  const api = cluster.member(cluster.followers[0]!).cluster;
  const add = (peerURLs: string[], isLearner = false): Promise<string> =>
    cluster.during(codeOf(api.add({ peerURLs, isLearner })));
  expect(await add([])).toBe('MEMBER_BAD_URLS');
  expect(await add(['nowhere'])).toBe('MEMBER_BAD_URLS');
  expect(await add([peerUrlOf('a')])).toBe('PEER_URL_EXISTS');
  expect(await add([peerUrlOf('a')], true)).toBe('PEER_URL_EXISTS');
  expect(await add([peerUrlOf('l')], true)).toBe('none');
  expect(await add([peerUrlOf('m')], true)).toBe('TOO_MANY_LEARNERS');
  const a = cluster.member('a').id;
  expect(await cluster.during(codeOf(api.update({ ID: a, peerURLs: [peerUrlOf('b')] })))).toBe(
    'PEER_URL_EXISTS',
  );
  expect(await cluster.during(codeOf(api.update({ ID: a, peerURLs: ['x'] })))).toBe('MEMBER_BAD_URLS');
  expect(await cluster.during(codeOf(api.update({ ID: 77n, peerURLs: [peerUrlOf('z')] })))).toBe(
    'MEMBER_NOT_FOUND',
  );
  expect(await cluster.during(codeOf(api.remove({ ID: 77n })))).toBe('MEMBER_NOT_FOUND');
  // To raft, a change of the member 0 is one of nobody.
  expect(await cluster.during(codeOf(api.remove({ ID: 0n })))).toBe('MEMBER_NOT_FOUND');
  const nobody = { ID: 0n, peerURLs: [peerUrlOf('z')] };
  expect(await cluster.during(codeOf(api.update(nobody)))).toBe('MEMBER_NOT_FOUND');
  expect(await cluster.during(codeOf(api.promote({ ID: 77n })))).toBe('MEMBER_NOT_FOUND');
  expect(await cluster.during(codeOf(api.promote({ ID: a })))).toBe('MEMBER_NOT_LEARNER');
  await put(cluster, 'a', 'k', 'still');
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a learner is promoted once it has caught up, through any member', async () => {
  const cluster = await start(3);
  for (let i = 0; i < 100; i++) await put(cluster, cluster.leader, `k${i}`, 'v');
  const request = { peerURLs: [peerUrlOf('d')], isLearner: true };
  const { member } = await cluster.during(cluster.member(cluster.leader).cluster.add(request));
  const promote = (name: string): Promise<string> =>
    cluster.during(codeOf(cluster.member(name).cluster.promote({ ID: member!.ID })));
  // It was not even started.
  for (const name of cluster.names) expect(await promote(name)).toBe('LEARNER_NOT_READY');
  await cluster.open('d', joining(cluster, 'd'));
  await servesAgain(cluster, 'd');
  expect(cluster.member('d').isLearner).toBe(true);
  // A learner never campaigns, however long it hears nobody.
  const { term } = cluster.member('d').raftStatus;
  cluster.network.isolate(member!.ID);
  await cluster.advance(10_000);
  expect(cluster.member('d').raftStatus).toMatchObject({ role: 'follower', term });
  cluster.network.heal();
  await cluster.advance(500);
  expect(await promote(cluster.followers.find((name) => name !== 'd')!)).toBe('none');
  await cluster.until(() => !cluster.member('d').isLearner);
  expect(await promote(cluster.leader)).toBe('MEMBER_NOT_LEARNER');
});

test('strict: no voter is added or removed that would leave too few started or connected ones', async () => {
  const cluster = await start(3);
  const [first, second] = cluster.followers;
  const { leader } = cluster;
  const api = cluster.member(leader).cluster;
  const change = (work: Promise<unknown>): Promise<string> => cluster.during(codeOf(work));
  // Four of which one is not started: a fifth needs three started ones, and a removal of a started one three too.
  const { member: d } = await cluster.during(api.add({ peerURLs: [peerUrlOf('d')], isLearner: false }));
  expect(await change(api.add({ peerURLs: [peerUrlOf('e')], isLearner: false }))).toBe('none');
  expect(await change(api.add({ peerURLs: [peerUrlOf('f')], isLearner: false }))).toBe('NOT_ENOUGH_STARTED');
  expect(await change(api.remove({ ID: cluster.member(first!).id }))).toBe('NOT_ENOUGH_STARTED');
  expect(await change(api.remove({ ID: d!.ID }))).toBe('none');
  const e = cluster
    .member(leader)
    .state.membership.list()
    .find(({ name }) => name === '')!;
  expect(await change(api.remove({ ID: e.id }))).toBe('none');
  // Three, of which one is gone: who is there may not be removed, who is gone may.
  const gone = cluster.member(second!).id;
  await cluster.stop(second!);
  await cluster.advance(200);
  expect(await change(api.add({ peerURLs: [peerUrlOf('g')], isLearner: false }))).toBe('UNHEALTHY');
  expect(await change(api.add({ peerURLs: [peerUrlOf('g')], isLearner: true }))).toBe('UNHEALTHY');
  expect(await change(api.remove({ ID: cluster.member(first!).id }))).toBe('UNHEALTHY');
  expect(await change(api.remove({ ID: gone }))).toBe('none');
});

test('strict: a connection counts for additions when it is five seconds old', async () => {
  const cluster = await start(3);
  const { leader } = cluster;
  for (const name of cluster.followers) cluster.network.isolate(cluster.member(name).id);
  await cluster.advance(100);
  cluster.network.heal();
  await hasLeader(cluster);
  const request = { peerURLs: [peerUrlOf('d')], isLearner: false };
  const add = (): Promise<string> => cluster.during(codeOf(cluster.member(leader).cluster.add(request)));
  expect(await add()).toBe('UNHEALTHY');
  await cluster.advance(5_000);
  expect(await add()).toBe('none');
});

test('a leader that removes itself serves until it is closed, and the others go on', async () => {
  const { cluster, removed } = await telling(3);
  const { leader } = cluster;
  await cluster.during(cluster.member(leader).cluster.remove({ ID: cluster.member(leader).id }));
  // By what it applied, or by the others, to whom it speaks on.
  await cluster.advance(1_200);
  expect(removed).toEqual([leader]);
  await cluster.stop(leader);
  await hasLeader(cluster);
  await put(cluster, cluster.names[0]!, 'k', '1');
  expect(await valueOf(cluster, cluster.names[1]!, 'k')).toBe('1');
  // It knows, also after a restart, and disturbs nobody.
  const terms = cluster.names.map((name) => cluster.member(name).raftStatus.term);
  await cluster.open(leader, { observer: { onRemoved: () => removed.push(`${leader} again`) } });
  await cluster.advance(3_000);
  expect(removed).toEqual([leader, `${leader} again`]);
  const others = cluster.names.filter((name) => name !== leader);
  expect(others.map((name) => cluster.member(name).raftStatus.term)).toEqual(terms);
});

test('a member that was removed while it was down is told so when it comes back, and changes nothing', async () => {
  const { cluster, removed } = await telling(3);
  const name = cluster.followers[0]!;
  const { id } = cluster.member(name);
  await cluster.stop(name);
  await cluster.during(cluster.member(cluster.leader).cluster.remove({ ID: id }));
  const terms = cluster.names.map((other) => cluster.member(other).raftStatus.term);
  await cluster.open(name, { observer: { onRemoved: () => removed.push(name) } });
  const proposal = codeOf(cluster.member(name).kv.put(putRequest('from', 'a removed member')));
  await cluster.until(() => removed.length > 0);
  await cluster.advance(8_000);
  expect(removed).toEqual([name]);
  expect(await proposal).not.toBe('none');
  await cluster.stop(name);
  expect(cluster.names.map((other) => cluster.member(other).raftStatus.term)).toEqual(terms);
  expect(await valueOf(cluster, cluster.leader, 'from')).toBe(undefined);
});

test('two changes at once: one is made, the other is made after it or was late, and all agree', async () => {
  const cluster = await start(3, { learnerCountMax: 5, strictReconfiguration: false });
  const changes = cluster.names.map((name, at) =>
    codeOf(cluster.member(name).cluster.add({ peerURLs: [peerUrlOf(`new${at}`)], isLearner: true })),
  );
  await cluster.advance(8_000);
  const outcomes = await Promise.all(changes);
  expect(outcomes.filter((code) => code === 'none').length).toBeGreaterThan(0);
  expect(outcomes.every((code) => code === 'none' || code === 'REPLICA_TIMEOUT')).toBe(true);
  const states = await statesOf(cluster);
  expect(states.size).toBe(1);
  const { learners } = cluster.member('a').raftStatus.confState;
  expect(learners.length).toBe(outcomes.filter((code) => code === 'none').length);
  expect([...learners].sort()).toEqual(
    cluster
      .member('a')
      .state.membership.learners()
      .map(({ id }) => id)
      .sort(),
  );
});

test('members change while one installs a snapshot, and it ends up with the same ones', async () => {
  const installed: number[] = [];
  const cluster = await start(3, {
    ...{ snapshotCount: 30, snapshotCatchUpEntries: 5 },
    observer: { onSnapshotInstalled: ({ index }) => installed.push(index) },
  });
  const lagging = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(lagging).id);
  for (let i = 0; i < 80; i++) await put(cluster, cluster.leader, `k${i % 5}`, String(i));
  const gate = Promise.withResolvers<void>();
  let isSending = false;
  cluster.network.onSnapshotChunk = async (chunk) => {
    isSending = true;
    await gate.promise;
    return chunk;
  };
  cluster.network.heal();
  await cluster.until(() => isSending);
  await cluster.advance(5_000);
  const api = cluster.member(cluster.leader).cluster;
  const { member } = await cluster.during(api.add({ peerURLs: [peerUrlOf('d')], isLearner: true }));
  await cluster.during(api.update({ ID: cluster.member(lagging).id, peerURLs: ['http://elsewhere:2380'] }));
  cluster.network.onSnapshotChunk = (chunk) => chunk;
  gate.resolve();
  await cluster.until(() => installed.length > 0);
  await cluster.during(api.remove({ ID: member!.ID }));
  expect((await statesOf(cluster)).size).toBe(1);
  expect(cluster.member(lagging).state.membership.isRemoved(member!.ID)).toBe(true);
  const confStates = cluster.names.map((name) =>
    JSON.stringify(cluster.member(name).raftStatus.confState, (_, value) =>
      typeof value === 'bigint' ? String(value) : (value as unknown),
    ),
  );
  expect(new Set(confStates).size).toBe(1);
});

test('the leadership moves to whom it is asked to, and to nobody else', async () => {
  const cluster = await start(3);
  const { signal } = new AbortController();
  const move = (name: string, targetID: bigint, options = { signal }): Promise<string> =>
    cluster.during(codeOf(cluster.member(name).maintenance.moveLeader({ targetID }, options)));
  const old = cluster.leader;
  const [target, other] = cluster.followers;
  expect(await move(other!, cluster.member(target!).id)).toBe('REPLICA_NOT_LEADER');
  expect(await move(old, 77n)).toBe('REPLICA_BAD_TRANSFEREE');
  await put(cluster, old, 'k', '1');
  const { maintenance } = cluster.member(old);
  const moved = maintenance.moveLeader({ targetID: cluster.member(target!).id }, { signal });
  expect(await cluster.during(moved)).toEqual({ header: undefined });
  await cluster.advance(100);
  expect(cluster.leader).toBe(target);
  expect(await valueOf(cluster, old, 'k')).toBe('1');
  const learner = await join(cluster, 'd', { isLearner: true });
  expect(await move(cluster.leader, learner)).toBe('REPLICA_BAD_TRANSFEREE');
  // One that cannot be reached does not take over: things go on as before.
  const aborting = new AbortController();
  cluster.network.isolate(cluster.member(old).id);
  const moving = codeOf(
    cluster.member(target!).maintenance.moveLeader({ targetID: cluster.member(old).id }, aborting),
  );
  await cluster.advance(1_500);
  aborting.abort();
  expect(await cluster.during(moving)).toBe('REPLICA_TRANSFER_TIMEOUT');
  await put(cluster, other!, 'k', '2');
  expect(cluster.member(target!).isLeader).toBe(true);
});

test('a leader that is about to stop hands over, so that nobody waits for an election', async () => {
  const cluster = await start(3);
  const { leader } = cluster;
  const { term } = cluster.member(leader).raftStatus;
  await cluster.during(cluster.member(leader).handOver());
  expect(cluster.member(leader).isLeader).toBe(false);
  await cluster.stop(leader);
  await cluster.advance(100);
  expect(cluster.member(cluster.leader).raftStatus.term).toBe(term + 1);
  await put(cluster, cluster.names[0]!, 'k', '1');
  // Alone, or in nobody's reach, there is nobody to hand over to: it ends at once.
  const last = cluster.leader;
  await cluster.stop(cluster.followers[0]!);
  const before = cluster.clock.now();
  await cluster.during(cluster.member(last).handOver());
  expect(cluster.clock.now() - before).toBeLessThan(100);
});

test('a proposal of a removed member that is on its way is not taken', async () => {
  const { cluster } = await telling(4, { strictReconfiguration: false });
  const name = cluster.followers[0]!;
  const { id } = cluster.member(name);
  // It does not hear of its removal, and goes on proposing.
  const { MsgApp } = raftpb.MessageType;
  cluster.network.intercept = ({ type, to }) => (type === MsgApp && to === id ? 'drop' : 'deliver');
  await cluster.during(cluster.member(cluster.leader).cluster.remove({ ID: id }));
  await cluster.advance(200);
  const proposal = errorOf(cluster.member(name).kv.put(putRequest('from', 'a removed member')));
  await cluster.advance(8_000);
  expect(await proposal).toMatchObject({ code: expect.stringMatching(/^REPLICA_TIMEOUT/) as string });
  expect(
    await valueOf(
      cluster,
      cluster.names.find((other) => other !== name)!,
      'from',
    ),
  ).toBe(undefined);
});
