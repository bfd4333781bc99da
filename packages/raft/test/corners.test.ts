/** Moments that come about rarely, and in which much is at stake. */
import { SeededRandom, fromUtf8 } from '@quorate/std';
import { describe, expect, test } from 'vitest';
import { ConfChangeError, encodeConfChange, noConfChange } from '../src/index.ts';
import type { ConfChangeV2 } from '../src/index.ts';
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
  tick,
} from './support.ts';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgProp, MsgReadIndex, MsgReadIndexResp } =
  messageType;
const { MsgPreVoteResp, MsgSnap, MsgTimeoutNow, MsgTransferLeader, MsgVote, MsgVoteResp } = messageType;

const remove = (nodeId: bigint): ConfChangeV2 => ({
  transition: 'auto',
  changes: [{ type: 'removeNode', nodeId }],
});
const add = (nodeId: bigint): ConfChangeV2 => ({
  transition: 'auto',
  changes: [{ type: 'addNode', nodeId }],
});
const two = { index: 0, term: 0, confState: confState([1n, 2n]) };

describe('votes', () => {
  test('an own vote does not count when an earlier write ends', () => {
    const node = startNode({ preVote: false, snapshot: { ...two, confState: confState([1n]) } });
    node.step(from(2n, MsgApp, { entries: entriesOf(1) }));
    const earlier = node.ready();
    node.campaign();
    const own = node.ready();
    node.advance(earlier);
    expect(node.status.role).toBe('candidate');
    node.advance(own);
    expect(node.status.role).toBe('leader');
  });

  test('an own vote does not count in a later term', () => {
    const node = startNode({ preVote: false, snapshot: { ...two, confState: confState([1n]) } });
    node.campaign();
    const own = node.ready();
    node.step(from(2n, MsgHeartbeat, { term: 5 }));
    node.advance(own);
    expect(node.status).toMatchObject({ role: 'follower', term: 5, leader: 2n });
  });

  test('a promise to vote in another term than was asked for is none', () => {
    const node = startNode({ hardState: { term: 3, vote: 0n, commit: 0 } });
    node.campaign();
    drain(node);
    stepped(node, from(2n, MsgPreVoteResp, { term: 9 }));
    expect(node.status).toMatchObject({ role: 'preCandidate', term: 3 });
    stepped(node, from(2n, MsgPreVoteResp, { term: 4 }));
    expect(node.status).toMatchObject({ role: 'candidate', term: 4 });
  });

  test('answers to the questions before the election are no votes in it', () => {
    const node = startNode();
    node.campaign();
    stepped(node, from(2n, MsgPreVoteResp, { term: 1 }));
    stepped(node, from(3n, MsgPreVoteResp, { term: 1 }));
    expect(node.status.role).toBe('candidate');
  });

  test('who voted gives its candidate the time to win', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const node = startNode({ random: new SeededRandom(seed), hardState: { term: 1, vote: 0n, commit: 0 } });
      tick(node, 9);
      stepped(node, from(2n, MsgVote));
      tick(node, 9);
      expect(node.status).toMatchObject({ role: 'follower', vote: 2n });
    }
  });

  test('who would vote gives nobody time', () => {
    const node = startNode({ hardState: { term: 1, vote: 0n, commit: 0 } });
    for (let i = 0; i < 20; i++) {
      node.tick();
      stepped(node, from(2n, messageType.MsgPreVote, { term: 2 }));
    }
    expect(node.status.role).toBe('preCandidate');
  });

  test('a candidate that hears a refusal from a majority gives up until its time is up again', () => {
    const node = startNode({ preVote: false });
    node.campaign();
    drain(node);
    stepped(node, from(2n, MsgVoteResp, { reject: true }));
    stepped(node, from(3n, MsgVoteResp, { reject: true }));
    expect(node.status).toMatchObject({ role: 'follower', term: 1, vote: 1n });
  });
});

describe('configuration changes at the leader', () => {
  test('with fewer voters what is under way may be committed', () => {
    const node = startLeader({ snapshot: two });
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.propose(fromUtf8('x'));
    drain(node);
    expect(node.commit).toBe(1);
    node.applyConfChange(remove(2n));
    expect(node.commit).toBe(2);
  });

  test('with fewer voters a read under way may be answered', () => {
    const node = startLeader({ snapshot: two });
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.readIndex(fromUtf8('r'));
    drain(node);
    node.applyConfChange(remove(2n));
    expect(node.ready().readStates).toEqual([{ index: 1, context: fromUtf8('r') }]);
  });

  test('a leader that comes back after its removal counts itself again', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.applyConfChange(remove(1n));
    node.applyConfChange(add(1n));
    node.checkInvariants();
    node.propose(fromUtf8('x'));
    drain(node);
    stepped(node, from(2n, MsgAppResp, { index: 2 }));
    expect(node.commit).toBe(2);
  });

  test('a transfer to who is removed is given up', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.transferLeadership(3n);
    node.applyConfChange(remove(3n));
    expect(node.status.leadTransferee).toBe(0n);
  });

  test('a change that cannot be made throws, and leaves things as they are', () => {
    const node = startNode({ snapshot: { ...two, confState: confState([1n]) } });
    expect(() => node.applyConfChange(remove(1n))).toThrow(ConfChangeError);
    expect(node.status.confState).toEqual(confState([1n]));
    expect(node.applyConfChange(noConfChange)).toEqual(confState([1n]));
  });

  test('a new leader takes no change before it has applied all it might have inherited', () => {
    const data = encodeConfChange({ type: 'addNode', nodeId: 4n });
    const inherited = { term: 1, index: 1, type: 1 as const, data };
    const node = startLeader({ entries: [inherited], hardState: { term: 1, vote: 0n, commit: 0 } });
    expect(node.proposeConfChange(1, data)).toBe(false);
    stepped(node, from(2n, MsgAppResp, { term: 2, index: 2 }));
    expect(node.proposeConfChange(1, data)).toBe(true);
  });

  test('a change that nobody can read is not appended', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    expect(node.proposeConfChange(1, fromUtf8('\u007f\u007f'))).toBe(false);
    const entry = { term: 0, index: 0, type: 1 as const, data: fromUtf8('\u007f\u007f') };
    const [append] = ofType(stepped(node, from(2n, MsgProp, { term: 0, entries: [entry] })), MsgApp);
    expect(append?.entries).toMatchObject([{ type: 0, data: new Uint8Array() }]);
  });
});

describe('who may say what', () => {
  test('only its leader tells a follower to campaign', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    stepped(node, from(3n, MsgTimeoutNow));
    expect(node.status.role).toBe('follower');
    stepped(node, from(2n, MsgTimeoutNow));
    expect(node.status.role).toBe('candidate');
  });

  test('only its leader answers the reads of a follower', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    const entries = [{ term: 0, index: 0, type: 0 as const, data: fromUtf8('r') }];
    expect(node.hasReady()).toBe(false);
    node.step(from(3n, MsgReadIndexResp, { index: 9, entries }));
    expect(node.hasReady()).toBe(false);
    node.step(from(2n, MsgReadIndexResp, { index: 9 }));
    expect(node.hasReady()).toBe(false);
  });

  test('a read that came back to its sender is not passed on again', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    const entries = [{ term: 0, index: 0, type: 0 as const, data: fromUtf8('r') }];
    expect(stepped(node, from(2n, MsgReadIndex, { term: 0, entries }))).toEqual([]);
    expect(stepped(node, from(3n, MsgReadIndex, { term: 0, entries }))).toMatchObject([{ to: 2n, from: 3n }]);
  });

  test('a wish for another leader goes to the leader, or nowhere', () => {
    const node = startNode();
    node.transferLeadership(3n);
    expect(drain(node)).toEqual([]);
    stepped(node, from(2n, MsgHeartbeat));
    node.transferLeadership(3n);
    expect(drain(node)).toMatchObject([{ type: MsgTransferLeader, to: 2n, from: 3n }]);
  });

  test('reports about strangers, or to who does not lead, change nothing', () => {
    const follower = startNode();
    follower.reportUnreachable(2n);
    follower.reportSnapshot(2n, true);
    const leader = startLeader();
    leader.reportUnreachable(9n);
    leader.reportSnapshot(9n, false);
    leader.checkInvariants();
    expect([follower.hasReady(), leader.hasReady()]).toEqual([false, false]);
  });
});

describe('limits', () => {
  test('reads beyond the bound are dropped', () => {
    const node = startLeader({ maxPendingReads: 2 });
    for (const name of ['a', 'b', 'c']) node.readIndex(fromUtf8(name));
    const round = ofType(stepped(node, from(2n, MsgAppResp, { index: 1 })), MsgHeartbeat);
    node.step(from(2n, MsgHeartbeatResp, { context: round[0]!.context }));
    expect(node.ready().readStates).toHaveLength(2);
  });

  test('a snapshot that is not at hand is asked for again', () => {
    let asked = 0;
    const node = startLeader({
      ...{ entries: entriesOf(1, 1), hardState: { term: 1, vote: 0n, commit: 2 } },
      takeSnapshot: () => {
        asked++;
        return undefined;
      },
    });
    stepped(node, from(2n, MsgAppResp, { term: 2, index: 3 }));
    node.compact(2);
    const refusal = { term: 2, index: 2, reject: true, rejectHint: 0, logTerm: 0 };
    expect(ofType(stepped(node, from(3n, MsgAppResp, refusal)), MsgSnap)).toEqual([]);
    stepped(node, from(3n, MsgHeartbeatResp, { term: 2 }));
    expect(asked).toBeGreaterThan(1);
  });

  test('a proposal of nothing at a follower goes nowhere', () => {
    const node = startNode();
    stepped(node, from(2n, MsgHeartbeat));
    expect(node.proposeMany([])).toBe(false);
  });

  test('without check-quorum or pre-vote nobody answers an earlier term', () => {
    const hardState = { term: 5, vote: 0n, commit: 0 };
    const node = startNode({ hardState, preVote: false, checkQuorum: false });
    expect(stepped(node, from(2n, MsgHeartbeat, { term: 4 }))).toEqual([]);
  });
});

describe('what the owner sees', () => {
  test('role and leader are told when they change, and only then', () => {
    const node = startNode();
    node.step(from(2n, MsgHeartbeat));
    expect(node.ready().softState).toEqual({ leader: 2n, role: 'follower' });
    node.step(from(2n, MsgHeartbeat));
    expect(node.ready().softState).toBe(undefined);
  });

  test('the entries in memory can be read, and progress is for leaders', () => {
    const node = startLeader();
    expect(node.entries(1, 1)).toMatchObject([{ index: 1, term: 1 }]);
    expect([...(node.status.progress?.keys() ?? [])]).toEqual([1n, 2n, 3n]);
    expect(startNode().status.progress).toBe(undefined);
    expect([node.leader, node.isLeader, node.term, node.commit]).toEqual([1n, true, 1, 0]);
  });

  test('what a turn sends is sent once', () => {
    const node = startLeader();
    stepped(node, from(2n, MsgAppResp, { index: 1 }));
    node.propose(fromUtf8('x'));
    expect([node.hasReady(), node.hasReady()]).toEqual([true, true]);
    const [first, ...others] = drainReadies(node);
    expect(ofType(first!.messages, MsgApp)).toHaveLength(1);
    expect(others.flatMap(({ messages }) => messages)).toEqual([]);
  });
});
