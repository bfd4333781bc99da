import { InvariantError, SeededRandom, fromUtf8, toUtf8 } from '@quorate/std';
import type { ConfState, Entry } from '@quorate/wire';
import { expect, test } from 'vitest';
import { RaftNode } from '../src/index.ts';
import type { RaftOptions, Ready } from '../src/index.ts';

const confState = (voters: bigint[]): ConfState => ({
  voters,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

function startNode(voters: bigint[] = [1n], overrides: Partial<RaftOptions> = {}): RaftNode {
  return new RaftNode({
    id: 1n,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: new SeededRandom(7),
    hardState: { term: 0, vote: 0n, commit: 0 },
    snapshot: { index: 0, term: 0, confState: confState(voters) },
    entries: [],
    applied: 0,
    ...overrides,
  });
}

/** Saves and applies at once; returns the Readies there were. */
function drain(node: RaftNode): Ready[] {
  const readies: Ready[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    node.advance(ready);
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) node.appliedTo(last.index);
    node.checkInvariants();
    readies.push(ready);
  }
  return readies;
}

const elect = (node: RaftNode): void => {
  node.campaign();
  drain(node);
};

const data = (entries: readonly Entry[]): string[] => entries.map((entry) => toUtf8(entry.data));

test('a single voter leads once its own vote is on disk', () => {
  const node = startNode();
  node.campaign();
  expect(node.status.role).toBe('candidate');
  const ready = node.ready();
  expect(ready.hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
  expect(ready.mustSync).toBe(true);
  expect(node.isLeader).toBe(false);
  node.advance(ready);
  expect(node.isLeader).toBe(true);
  const readies = drain(node);
  expect(readies[0]?.softState).toEqual({ leader: 1n, role: 'leader' });
  expect(readies[0]?.entries).toMatchObject([{ term: 1, index: 1, type: 0 }]);
  expect(node.status).toMatchObject({ commit: 1, applied: 1, lastIndex: 1, stableIndex: 1 });
});

test('an entry is committed and handed out only after it is on disk', () => {
  const node = startNode();
  elect(node);
  expect(node.proposeMany([fromUtf8('a'), fromUtf8('b')])).toBe(true);
  const ready = node.ready();
  expect(data(ready.entries)).toEqual(['a', 'b']);
  expect(ready.committedEntries).toEqual([]);
  expect(node.hasReady()).toBe(false);
  node.advance(ready);
  const next = node.ready();
  expect(data(next.committedEntries)).toEqual(['a', 'b']);
  expect(next.hardState).toEqual({ term: 1, vote: 1n, commit: 3 });
  expect(next.mustSync).toBe(false);
});

test('several Readies may be under way, and count in their order', () => {
  const node = startNode();
  elect(node);
  node.propose(fromUtf8('a'));
  const first = node.ready();
  node.propose(fromUtf8('b'));
  const second = node.ready();
  expect(data(second.entries)).toEqual(['b']);
  expect(() => node.advance(second)).toThrow(InvariantError);
  node.advance(first);
  expect(node.status).toMatchObject({ commit: 2, lastIndex: 3 });
  node.advance(second);
  expect(node.status).toMatchObject({ commit: 3 });
});

test('a read of a single voter waits for the first commit of the term, and for nothing after it', () => {
  const node = startNode();
  node.campaign();
  node.advance(node.ready());
  node.readIndex(fromUtf8('early'));
  const ready = node.ready();
  expect(ready.readStates).toEqual([]);
  node.advance(ready);
  const [answer] = drain(node);
  expect(answer?.readStates).toEqual([{ index: 1, context: fromUtf8('early') }]);
  node.readIndex(fromUtf8('late'));
  expect(node.ready().readStates).toEqual([{ index: 1, context: fromUtf8('late') }]);
});

test('committed entries above what was applied are handed out again after a restart', () => {
  const entries: Entry[] = [1, 2, 3].map((index) => ({
    term: 1,
    index,
    type: 0,
    data: fromUtf8(`${index}`),
  }));
  const node = startNode([1n], { entries, hardState: { term: 1, vote: 1n, commit: 3 }, applied: 1 });
  expect(data(node.ready().committedEntries)).toEqual(['2', '3']);
});

test('what was applied is committed, whatever the hard state remembers', () => {
  const entries: Entry[] = [1, 2, 3].map((index) => ({
    term: 1,
    index,
    type: 0,
    data: fromUtf8(`${index}`),
  }));
  const node = startNode([1n], { entries, hardState: { term: 1, vote: 1n, commit: 1 }, applied: 3 });
  expect(node.status).toMatchObject({ commit: 3, applied: 3 });
  expect(node.ready()).toMatchObject({ committedEntries: [], hardState: { commit: 3 }, mustSync: false });
});

test('compaction keeps the term of the last entry it took', () => {
  const node = startNode();
  elect(node);
  node.proposeMany(Array.from({ length: 10 }, (_, i) => fromUtf8(`${i}`)));
  drain(node);
  node.compact(8);
  expect(node.termAt(8)).toBe(1);
  expect(node.termAt(7)).toBe(undefined);
  expect(node.status).toMatchObject({ firstIndex: 9, lastIndex: 11 });
  expect(() => node.compact(12)).toThrow(InvariantError);
  node.checkInvariants();
});

test('committed entries come in Readies of a limited size, of one entry at least', () => {
  const node = startNode([1n], { maxCommittedSizePerReady: 1 });
  elect(node);
  node.proposeMany([fromUtf8('a'), fromUtf8('b'), fromUtf8('c')]);
  const handed = drain(node).map((ready) => ready.committedEntries.length);
  expect(handed.filter((count) => count > 0)).toEqual([1, 1, 1]);
});

test('a node without a leader drops proposals', () => {
  const node = startNode([1n, 2n, 3n]);
  expect(node.propose(fromUtf8('a'))).toBe(false);
  expect(node.proposeMany([fromUtf8('a')])).toBe(false);
  expect(node.proposeConfChange(2, new Uint8Array())).toBe(false);
});
