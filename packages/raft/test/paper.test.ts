/**
 * Sentences of D. Ongaro, "Consensus: Bridging Theory and Practice" (2014), that the code relies on: the number
 * of the section and what it says in short. Where etcd, and so this package, goes another way, the test says so.
 */
import { fromUtf8 } from '@quorate/std';
import { describe, expect, test } from 'vitest';
import { encodeConfChange, encodeConfChangeV2 } from '../src/index.ts';
import { Cluster } from '../src/testing/index.ts';
import {
  confState,
  drain,
  drainReadies,
  entriesOf,
  from,
  messageType,
  ofType,
  startLeader,
  startNode,
  stepped,
  termsOf,
  tick,
} from './support.ts';

const { MsgApp, MsgAppResp, MsgVote, MsgVoteResp, MsgPreVote, MsgPreVoteResp } = messageType;
const { MsgHeartbeat, MsgHeartbeatResp, MsgSnap, MsgTimeoutNow, MsgReadIndex, MsgReadIndexResp } =
  messageType;

describe('§3.3 terms', () => {
  test('a node that hears of a larger term takes it over', () => {
    const node = startNode();
    stepped(node, from(2n, MsgApp, { term: 7 }));
    expect(node.status).toMatchObject({ term: 7, leader: 2n });
  });

  test('a leader or candidate whose term is out of date becomes a follower at once', () => {
    const leader = startLeader();
    stepped(leader, from(3n, MsgAppResp, { term: 9 }));
    expect(leader.status).toMatchObject({ role: 'follower', term: 9, leader: 0n });
    const candidate = startNode({ preVote: false });
    candidate.campaign();
    stepped(candidate, from(3n, MsgVoteResp, { term: 9, reject: true }));
    expect(candidate.status).toMatchObject({ role: 'follower', term: 9 });
  });

  test('a request of an earlier term is not acted upon', () => {
    const node = startNode({ hardState: { term: 5, vote: 0n, commit: 0 } });
    const answers = stepped(node, from(2n, MsgApp, { term: 4, entries: entriesOf(4) }));
    expect(node.status).toMatchObject({ term: 5, leader: 0n, lastIndex: 0 });
    expect(answers).toMatchObject([{ type: MsgAppResp, term: 5, index: 0 }]);
  });
});

describe('§3.4 leader election', () => {
  test('nodes start as followers, and stay so while they hear of a leader', () => {
    const node = startNode();
    for (let i = 0; i < 100; i++) {
      node.tick();
      stepped(node, from(2n, MsgHeartbeat));
    }
    expect(node.status).toMatchObject({ role: 'follower', term: 1, leader: 2n });
  });

  test('who hears nothing raises its term, votes for itself and asks all others', () => {
    const node = startNode({ preVote: false });
    tick(node, 20);
    expect(node.status).toMatchObject({ role: 'candidate', term: 1, vote: 1n });
    expect(ofType(drain(node), MsgVote).map(({ to, term }) => ({ to, term }))).toEqual([
      { to: 2n, term: 1 },
      { to: 3n, term: 1 },
    ]);
  });

  test('a candidate with the votes of a majority becomes leader', () => {
    const five = confState([1n, 2n, 3n, 4n, 5n]);
    const node = startNode({ preVote: false, snapshot: { index: 0, term: 0, confState: five } });
    node.campaign();
    drain(node);
    stepped(node, from(2n, MsgVoteResp));
    expect(node.status.role).toBe('candidate');
    stepped(node, from(3n, MsgVoteResp));
    expect(node.status).toMatchObject({ role: 'leader', leader: 1n });
  });

  test('a vote counts once, however often it arrives', () => {
    const five = confState([1n, 2n, 3n, 4n, 5n]);
    const node = startNode({ preVote: false, snapshot: { index: 0, term: 0, confState: five } });
    node.campaign();
    drain(node);
    for (let i = 0; i < 5; i++) stepped(node, from(2n, MsgVoteResp));
    expect(node.status.role).toBe('candidate');
  });

  test('a node votes for one candidate in a term, who comes first', () => {
    const node = startNode();
    expect(stepped(node, from(2n, MsgVote))).toMatchObject([{ type: MsgVoteResp, to: 2n, reject: false }]);
    expect(stepped(node, from(3n, MsgVote))).toMatchObject([{ type: MsgVoteResp, to: 3n, reject: true }]);
    expect(stepped(node, from(2n, MsgVote))).toMatchObject([{ type: MsgVoteResp, to: 2n, reject: false }]);
  });

  test('a new leader sends to all others at once, to keep them from new elections', () => {
    const node = startNode({ preVote: false });
    node.campaign();
    drain(node);
    const sent = stepped(node, from(2n, MsgVoteResp));
    expect(ofType(sent, MsgApp).map(({ to }) => to)).toEqual([2n, 3n]);
  });

  test('a candidate that hears of a leader of its term follows it', () => {
    const node = startNode({ preVote: false });
    node.campaign();
    drain(node);
    stepped(node, from(3n, MsgApp, { term: 1 }));
    expect(node.status).toMatchObject({ role: 'follower', leader: 3n, term: 1 });
  });

  test('a candidate that hears of a leader of an earlier term goes on', () => {
    const node = startNode({ preVote: false, hardState: { term: 4, vote: 0n, commit: 0 } });
    node.campaign();
    drain(node);
    stepped(node, from(3n, MsgApp, { term: 4 }));
    expect(node.status).toMatchObject({ role: 'candidate', term: 5 });
  });

  test('a candidate that neither wins nor loses starts over in the next term', () => {
    const node = startNode({ preVote: false });
    node.campaign();
    tick(node, 20);
    expect(node.status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test('election timeouts are drawn from an interval, each time anew', () => {
    const timeouts = new Set<number>();
    const node = startNode({ preVote: false });
    for (let round = 0; round < 200; round++) {
      const { term } = node.status;
      let ticks = 0;
      for (; node.term === term; ticks++) node.tick();
      timeouts.add(ticks);
    }
    expect([...timeouts].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
});

describe('§3.5 log replication', () => {
  test('the leader appends a proposal and sends it to all others in parallel', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    stepped(node, from(3n, MsgAppResp, { index: 1 }));
    node.propose(fromUtf8('x'));
    const sent = ofType(drain(node), MsgApp);
    expect(sent.map(({ to, entries }) => ({ to, count: entries.length }))).toEqual([
      { to: 2n, count: 1 },
      { to: 3n, count: 1 },
    ]);
  });

  test('an entry is committed once it is on a majority, and applied then', () => {
    const node = startLeader();
    node.step(from(2n, MsgAppResp, { index: 1 }));
    const applied = drainReadies(node).flatMap(({ committedEntries }) => committedEntries);
    expect(applied.map(({ index }) => index)).toEqual([1]);
  });

  test('a commit takes along everything before it', () => {
    const node = startLeader({ entries: entriesOf(1, 1, 2), hardState: { term: 2, vote: 0n, commit: 0 } });
    node.step(from(2n, MsgAppResp, { term: 3, index: 4 }));
    expect(node.commit).toBe(4);
  });

  test('a follower learns of commits with the next append', () => {
    const node = startNode();
    stepped(node, from(2n, MsgApp, { entries: entriesOf(1, 1) }));
    expect(node.commit).toBe(0);
    stepped(node, from(2n, MsgApp, { index: 2, logTerm: 1, commit: 2 }));
    expect(node.status).toMatchObject({ commit: 2, applied: 2 });
  });

  test('a follower commits no more than it knows to be the log of the leader', () => {
    const node = startNode({ entries: entriesOf(1, 1, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    stepped(node, from(2n, MsgApp, { term: 2, index: 1, logTerm: 1, commit: 3 }));
    expect(node.commit).toBe(1);
  });

  test('a follower that lacks the entry before the new ones refuses them', () => {
    const node = startNode({ entries: entriesOf(1), hardState: { term: 1, vote: 0n, commit: 0 } });
    const missing = stepped(node, from(2n, MsgApp, { term: 2, index: 2, logTerm: 1 }));
    expect(missing).toMatchObject([{ type: MsgAppResp, reject: true, index: 2, rejectHint: 1 }]);
    const other = stepped(node, from(2n, MsgApp, { term: 2, index: 1, logTerm: 2 }));
    expect(other).toMatchObject([{ type: MsgAppResp, reject: true, index: 1 }]);
  });

  test('an entry that conflicts goes, with all that follow it', () => {
    const node = startNode({ entries: entriesOf(1, 1, 2, 2), hardState: { term: 2, vote: 0n, commit: 1 } });
    const entries = entriesOf(1, 1, 3).slice(2);
    stepped(node, from(2n, MsgApp, { term: 3, index: 2, logTerm: 1, entries }));
    expect(termsOf(node)).toEqual([1, 1, 3]);
  });

  test('entries that do not conflict stay, even those beyond what was sent', () => {
    const node = startNode({ entries: entriesOf(1, 1, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    stepped(node, from(2n, MsgApp, { index: 0, logTerm: 0, entries: entriesOf(1, 1) }));
    expect(termsOf(node)).toEqual([1, 1, 1]);
  });

  test('after a refusal the leader goes back, until the logs agree', () => {
    const node = startLeader({ entries: entriesOf(1, 1, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    const [retry] = stepped(
      node,
      from(2n, MsgAppResp, { term: 2, index: 3, reject: true, rejectHint: 1, logTerm: 1 }),
    );
    expect(retry).toMatchObject({ type: MsgApp, to: 2n, index: 1, logTerm: 1 });
    expect(retry?.entries).toHaveLength(3);
  });

  test('a refusal names a term, so that the leader skips all of it in one step', () => {
    const ours = entriesOf(1, 4, 4, 5, 5, 6, 6, 6);
    const node = startLeader({ entries: ours, hardState: { term: 7, vote: 0n, commit: 0 } });
    // The follower has 1 4 4 4 …: whatever it has of term 4, our entries above term 4 cannot be there.
    const refusal = { term: 8, index: 8, reject: true, rejectHint: 7, logTerm: 4 };
    expect(stepped(node, from(2n, MsgAppResp, refusal))).toMatchObject([
      { type: MsgApp, index: 3, logTerm: 4 },
    ]);
  });

  test('a leader never overwrites or deletes entries of its own log', () => {
    const node = startLeader({ entries: entriesOf(1, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    stepped(node, from(3n, MsgApp, { term: 2, index: 1, logTerm: 1, entries: [] }));
    expect(termsOf(node)).toEqual([1, 1, 2]);
    expect(node.isLeader).toBe(true);
  });
});

describe('§3.6 safety', () => {
  test('§3.6.1: who has a newer last term, or a longer log of the same, gives no vote', () => {
    const node = startNode({ entries: entriesOf(1, 2, 2), hardState: { term: 2, vote: 0n, commit: 0 } });
    const ask = (term: number, logTerm: number, index: number) =>
      stepped(node, from(2n, MsgVote, { term, logTerm, index }))[0]?.reject;
    expect(ask(3, 1, 9)).toBe(true);
    expect(ask(4, 2, 2)).toBe(true);
    expect(ask(5, 2, 3)).toBe(false);
    expect(ask(6, 2, 4)).toBe(false);
    expect(ask(7, 3, 1)).toBe(false);
  });

  test('§3.6.2: an entry of an earlier term is not committed by counting', () => {
    const node = startLeader({ entries: entriesOf(1, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    stepped(node, from(2n, MsgAppResp, { term: 2, index: 2 }));
    stepped(node, from(3n, MsgAppResp, { term: 2, index: 2 }));
    expect(node.commit).toBe(0);
    stepped(node, from(3n, MsgAppResp, { term: 2, index: 3 }));
    expect(node.commit).toBe(3);
  });
});

describe('§3.7, §3.8 crashes and persisted state', () => {
  test('§3.7: messages that arrive again do no harm', () => {
    const node = startNode();
    const append = from(2n, MsgApp, { entries: entriesOf(1, 1), commit: 1 });
    stepped(node, append);
    // What is committed needs no looking at; the answer says so.
    expect(stepped(node, append)).toMatchObject([{ type: MsgAppResp, index: 1, reject: false }]);
    expect(node.status).toMatchObject({ lastIndex: 2, commit: 1 });
  });

  test('§3.8: term and vote are on disk before the vote leaves', () => {
    const node = startNode();
    node.step(from(2n, MsgVote, { term: 3 }));
    const ready = node.ready();
    expect(ready).toMatchObject({ hardState: { term: 3, vote: 2n }, mustSync: true, messages: [] });
    expect(ready.messagesAfterPersist).toMatchObject([{ type: MsgVoteResp, to: 2n }]);
  });

  test('§3.8: entries are on disk before they are acknowledged', () => {
    const node = startNode();
    node.step(from(2n, MsgApp, { entries: entriesOf(1) }));
    const ready = node.ready();
    expect(ready.entries).toHaveLength(1);
    expect(ready).toMatchObject({ mustSync: true, messages: [] });
    expect(ready.messagesAfterPersist).toMatchObject([{ type: MsgAppResp, index: 1 }]);
  });

  test('§3.8: a vote survives a restart', () => {
    const node = startNode({ hardState: { term: 3, vote: 2n, commit: 0 } });
    expect(stepped(node, from(3n, MsgVote, { term: 3 }))).toMatchObject([{ reject: true }]);
    expect(stepped(node, from(2n, MsgVote, { term: 3 }))).toMatchObject([{ reject: false }]);
  });

  test('§3.8: the commit index may be lost, since it is found out again', () => {
    const node = startNode({ entries: entriesOf(1, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    node.step(from(2n, MsgHeartbeat, { commit: 2 }));
    expect(node.ready()).toMatchObject({ hardState: { term: 1, vote: 0n, commit: 2 }, mustSync: false });
  });
});

describe('§3.10 leadership transfer', () => {
  const caughtUp = () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    return node;
  };

  test('the leader takes no proposals while it hands over', () => {
    const node = caughtUp();
    node.transferLeadership(2n);
    expect(node.propose(fromUtf8('x'))).toBe(false);
    expect(node.proposeConfChange(1, encodeConfChange({ type: 'removeNode', nodeId: 3n }))).toBe(false);
  });

  test('a transferee with the whole log is told to campaign', () => {
    const node = caughtUp();
    node.transferLeadership(2n);
    expect(ofType(drain(node), MsgTimeoutNow)).toMatchObject([{ to: 2n }]);
  });

  test('one without is brought up to date first', () => {
    const node = caughtUp();
    node.propose(fromUtf8('x'));
    drain(node);
    node.transferLeadership(2n);
    expect(ofType(drain(node), MsgTimeoutNow)).toEqual([]);
    expect(ofType(stepped(node, from(2n, MsgAppResp, { index: 2 })), MsgTimeoutNow)).toMatchObject([
      { to: 2n },
    ]);
  });

  test('who is told campaigns at once, without waiting or asking whether it might', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    const sent = stepped(node, from(2n, MsgTimeoutNow));
    expect(node.status).toMatchObject({ role: 'candidate', term: 2 });
    expect(ofType(sent, MsgVote)).toHaveLength(2);
  });

  test('a transfer that takes longer than an election timeout is given up', () => {
    const node = caughtUp();
    node.transferLeadership(2n);
    for (let i = 0; i < 10; i++) {
      node.tick();
      stepped(node, from(2n, MsgHeartbeatResp));
    }
    expect(node.propose(fromUtf8('x'))).toBe(true);
  });
});

describe('§4 membership changes', () => {
  const remove = (nodeId: bigint) => encodeConfChange({ type: 'removeNode', nodeId });

  test('§4.1: a simple change alters one voter at most', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    const changes = [4n, 5n].map((nodeId) => ({ type: 'addNode' as const, nodeId }));
    // Two at once always go through a joint configuration.
    expect(node.applyConfChange({ transition: 'auto', changes }).votersOutgoing).toEqual([1n, 2n, 3n]);
  });

  test('§4.1: a change must be done before the next begins (etcd: applied, not only committed)', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    expect(node.proposeConfChange(1, remove(3n))).toBe(true);
    expect(node.proposeConfChange(1, remove(2n))).toBe(false);
    node.step(from(2n, MsgAppResp, { index: 2 }));
    expect(node.proposeConfChange(1, remove(2n))).toBe(false);
  });

  test('§4.2.1: a node that is added without a vote gets entries and is not counted', () => {
    const learners = confState([1n], [2n, 3n]);
    const node = startLeader({ snapshot: { index: 0, term: 0, confState: learners } });
    for (const id of [2n, 3n]) stepped(node, from(id, MsgAppResp, { index: 1 }));
    node.propose(fromUtf8('x'));
    const sent = ofType(drain(node), MsgApp).filter(({ entries }) => entries.length > 0);
    expect(sent.map(({ to }) => to)).toEqual([2n, 3n]);
    expect(node.commit).toBe(2);
  });

  test('§4.2.2: a leader that is being removed goes on, and does not count itself', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.applyConfChange({ transition: 'auto', changes: [{ type: 'removeNode', nodeId: 1n }] });
    expect(node.isLeader).toBe(true);
    drain(node);
    expect(node.propose(fromUtf8('x'))).toBe(false);
    expect(node.commit).toBe(1);
  });

  test('§4.2.3: who heard of a leader lately neither votes nor takes over a later term', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    expect(stepped(node, from(3n, MsgVote, { term: 5 }))).toEqual([]);
    expect(node.status).toMatchObject({ term: 1, leader: 2n });
    tick(node, 9);
    expect(stepped(node, from(3n, MsgVote, { term: 5 }))).toEqual([]);
  });

  test('§4.2.3: a request that comes of a transfer is heard all the same', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    const request = from(3n, MsgVote, { term: 5, context: fromUtf8('CampaignTransfer') });
    expect(stepped(node, request)).toMatchObject([{ type: MsgVoteResp, reject: false }]);
  });

  const joint = { ...confState([1n, 4n, 5n]), votersOutgoing: [1n, 2n, 3n] };

  test('§4.3: while joint, elections need a majority of the old and one of the new', () => {
    const node = startNode({ preVote: false, snapshot: { index: 0, term: 0, confState: joint } });
    node.campaign();
    drain(node);
    stepped(node, from(2n, MsgVoteResp));
    stepped(node, from(3n, MsgVoteResp));
    expect(node.status.role).toBe('candidate');
    stepped(node, from(5n, MsgVoteResp));
    expect(node.status.role).toBe('leader');
  });

  test('§4.3: and so do commits', () => {
    const node = startNode({ preVote: false, snapshot: { index: 0, term: 0, confState: joint } });
    node.campaign();
    drain(node);
    for (const id of [2n, 4n]) stepped(node, from(id, MsgVoteResp));
    stepped(node, from(4n, MsgAppResp, { index: 1 }));
    stepped(node, from(5n, MsgAppResp, { index: 1 }));
    expect(node.commit).toBe(0);
    stepped(node, from(3n, MsgAppResp, { index: 1 }));
    expect(node.commit).toBe(1);
  });

  test('§4.3: the leader goes on to the new configuration when the joint one holds', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    const change = {
      transition: 'jointImplicit' as const,
      changes: [{ type: 'removeNode' as const, nodeId: 3n }],
    };
    expect(node.proposeConfChange(2, encodeConfChangeV2(change))).toBe(true);
    drain(node);
    node.step(from(2n, MsgAppResp, { index: 2 }));
    const ready = node.ready();
    node.advance(ready);
    node.applyConfChange(change);
    node.appliedTo(2);
    expect(node.ready().entries).toMatchObject([{ index: 3, type: 2, data: new Uint8Array() }]);
  });
});

describe('§5.1 snapshots', () => {
  const snapshot = { index: 10, term: 3, confState: confState([1n, 2n, 3n]), data: fromUtf8('state') };

  test('a follower whose entries are gone is sent a snapshot, with its index, term and configuration', () => {
    const taken = { ...snapshot, index: 2, term: 1 };
    const node = startLeader({
      entries: entriesOf(1, 1),
      hardState: { term: 1, vote: 0n, commit: 2 },
      takeSnapshot: () => taken,
    });
    stepped(node, from(2n, MsgAppResp, { term: 2, index: 3 }));
    node.compact(2);
    const refusal = { term: 2, index: 2, reject: true, rejectHint: 0, logTerm: 0 };
    expect(stepped(node, from(3n, MsgAppResp, refusal))).toMatchObject([
      { type: MsgSnap, to: 3n, snapshot: taken },
    ]);
  });

  test('a snapshot ahead of the log takes its place', () => {
    const node = startNode({ entries: entriesOf(1, 1), hardState: { term: 1, vote: 0n, commit: 1 } });
    node.step(from(2n, MsgSnap, { term: 3, snapshot }));
    const ready = node.ready();
    expect(ready.snapshot).toEqual(snapshot);
    expect(ready.hardState).toEqual({ term: 3, vote: 0n, commit: 10 });
    node.advance(ready);
    expect(node.status).toMatchObject({ firstIndex: 11, lastIndex: 10, commit: 10, applied: 10 });
  });

  test('of a snapshot that the log covers nothing is kept but that it is committed', () => {
    const entries = entriesOf(1, 1, 1, 1);
    const node = startNode({ entries, hardState: { term: 1, vote: 0n, commit: 1 } });
    node.step(from(2n, MsgSnap, { snapshot: { ...snapshot, index: 3, term: 1 } }));
    expect(node.ready().snapshot).toBe(undefined);
    expect(node.status).toMatchObject({ lastIndex: 4, commit: 3 });
  });
});

describe('§6.2, §6.4 clients', () => {
  test('§6.2: a leader that a majority does not answer for an election timeout steps down', () => {
    const node = startLeader();
    tick(node, 20);
    expect(node.status).toMatchObject({ role: 'follower', leader: 0n });
  });

  test('§6.4: a leader answers no read before it has committed an entry of its term', () => {
    const node = startLeader();
    node.readIndex(fromUtf8('r'));
    expect(ofType(drain(node), MsgHeartbeat)).toEqual([]);
    const round = ofType(stepped(node, from(2n, MsgAppResp, { index: 1 })), MsgHeartbeat);
    expect(round.map(({ to }) => to)).toEqual([2n, 3n]);
  });

  test('§6.4: it exchanges heartbeats with a majority before it answers', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.readIndex(fromUtf8('r'));
    const [heartbeat] = ofType(drain(node), MsgHeartbeat);
    expect(heartbeat).toBeDefined();
    node.step(from(3n, MsgHeartbeatResp, { context: heartbeat!.context }));
    expect(node.ready().readStates).toEqual([{ index: 1, context: fromUtf8('r') }]);
  });

  test('§6.4: one round of heartbeats answers all reads that came before it', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    for (const name of ['a', 'b', 'c']) node.readIndex(fromUtf8(name));
    const round = ofType(drain(node), MsgHeartbeat);
    expect(round).toHaveLength(2);
    node.step(from(2n, MsgHeartbeatResp, { context: round[0]!.context }));
    expect(node.ready().readStates).toHaveLength(3);
  });

  test('§6.4: a follower asks its leader for a read index', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    node.readIndex(fromUtf8('r'));
    const [request] = drain(node);
    expect(request).toMatchObject({ type: MsgReadIndex, to: 2n, term: 0 });
    node.step(from(2n, MsgReadIndexResp, { index: 0, entries: request!.entries }));
    expect(node.ready().readStates).toEqual([{ index: 0, context: fromUtf8('r') }]);
  });
});

describe('§9.6 pre-vote', () => {
  test('a node raises its term only when it learned that it could win', () => {
    const node = startNode();
    tick(node, 20);
    expect(ofType(drain(node), MsgPreVote)).toMatchObject([{ term: 1 }, { term: 1 }]);
    expect(node.status).toMatchObject({ role: 'preCandidate', term: 0 });
    stepped(node, from(2n, MsgPreVoteResp, { term: 1 }));
    expect(node.status).toMatchObject({ role: 'candidate', term: 1 });
  });

  test('others would vote if the log is up to date and they have not heard of a leader', () => {
    const node = startNode({ entries: entriesOf(1), hardState: { term: 1, vote: 0n, commit: 0 } });
    const ask = (index: number) => from(3n, MsgPreVote, { term: 2, index, logTerm: index });
    expect(stepped(node, ask(1))).toMatchObject([{ type: MsgPreVoteResp, reject: false, term: 2 }]);
    expect(stepped(node, ask(0))).toMatchObject([{ type: MsgPreVoteResp, reject: true, term: 1 }]);
    stepped(node, from(2n, MsgHeartbeat));
    expect(stepped(node, ask(1))).toEqual([]);
  });

  test('to say so binds nobody', () => {
    const node = startNode();
    stepped(node, from(2n, MsgPreVote, { term: 1 }));
    stepped(node, from(3n, MsgPreVote, { term: 1 }));
    expect(node.status).toMatchObject({ term: 0, vote: 0n });
  });
});

describe('§10.2 performance', () => {
  test('§10.2.1: the leader sends entries while it writes them', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.propose(fromUtf8('x'));
    const ready = node.ready();
    expect(ready.entries).toHaveLength(1);
    expect(ofType(ready.messages, MsgApp)).toMatchObject([{ to: 2n }]);
  });

  test('§10.2.1: and may commit them before they are on its own disk', () => {
    const node = startLeader();
    for (const id of [2n, 3n]) stepped(node, from(id, MsgAppResp, { index: 1 }));
    node.propose(fromUtf8('x'));
    const ready = node.ready();
    for (const id of [2n, 3n]) node.step(from(id, MsgAppResp, { index: 2 }));
    expect(node.status).toMatchObject({ commit: 2, stableIndex: 1 });
    // It applies them only then: a state machine must not be ahead of its log.
    expect(node.ready().committedEntries).toEqual([]);
    node.advance(ready);
    expect(node.ready().committedEntries).toHaveLength(1);
  });

  test('§10.2.2: the leader does not wait for an answer before it sends the next entries', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    const sent = ['a', 'b', 'c'].flatMap((data) => {
      node.propose(fromUtf8(data));
      return ofType(drain(node), MsgApp).filter(({ to }) => to === 2n);
    });
    expect(sent.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test('§10.2.2: entries may arrive out of order, and are refused until those before them come', () => {
    const cluster = new Cluster([1n, 2n], { voters: [1n, 2n] });
    cluster.run(1n);
    cluster.run(2n);
    const second = cluster.member(2n).node;
    const entry = { term: 2, index: 4, type: 0 as const, data: fromUtf8('x') };
    second.step({ ...from(1n, MsgApp, { term: 2, index: 3, logTerm: 2, entries: [entry] }), to: 2n });
    const ready = second.ready();
    expect(ready.messagesAfterPersist).toMatchObject([{ reject: true, index: 3, rejectHint: 2 }]);
  });
});
