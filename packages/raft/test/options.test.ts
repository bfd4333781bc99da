import { expect, test } from 'vitest';
import { RaftOptionsError } from '../src/index.ts';
import type { RaftOptions } from '../src/index.ts';
import { confState, drainReadies, entriesOf, startNode } from './support.ts';

const hardState = (term: number, commit: number) => ({ term, vote: 0n, commit });
const three = confState([1n, 2n, 3n]);

const refused: [string, Partial<RaftOptions>][] = [
  ['the ID of nobody', { id: 0n }],
  ['no heartbeats', { heartbeatTicks: 0 }],
  ['half a tick', { electionTicks: 10.5 }],
  ['elections as often as heartbeats', { electionTicks: 3, heartbeatTicks: 3 }],
  ['a window of nothing', { maxInflightMessages: 0 }],
  ['messages of nothing', { maxSizePerMessage: 0 }],
  ['reads that never wait', { maxPendingReads: 0 }],
  [
    'a gap in the log',
    { entries: [entriesOf(1)[0]!, { ...entriesOf(1)[0]!, index: 3 }], hardState: hardState(1, 0) },
  ],
  ['a log that goes back in time', { entries: entriesOf(2, 1), hardState: hardState(2, 0) }],
  ['a log that does not reach its commit index', { entries: entriesOf(1), hardState: hardState(1, 2) }],
  [
    'a log that does not reach what was applied',
    { entries: entriesOf(1), hardState: hardState(1, 1), applied: 2 },
  ],
  ['a state machine behind its snapshot', { snapshot: { index: 5, term: 1, confState: three }, applied: 4 }],
  ['a learner that votes', { snapshot: { index: 0, term: 0, confState: confState([1n], [1n]) } }],
];

test.each(refused)('a node does not start with %s', (_, options) => {
  expect(() => startNode(options)).toThrow(RaftOptionsError);
});

test('the commit index is at least what was applied', () => {
  const snapshot = { index: 5, term: 1, confState: three };
  const node = startNode({ snapshot, applied: 5, hardState: hardState(1, 0) });
  expect(node.status).toMatchObject({ commit: 5, applied: 5, firstIndex: 6 });
  expect(drainReadies(node)).toMatchObject([{ hardState: { term: 1, commit: 5 }, mustSync: false }]);
});

test('a crash between entries and hard state leaves a node in the term of its log, without a vote', () => {
  const node = startNode({ entries: entriesOf(1, 4), hardState: { term: 3, vote: 2n, commit: 1 } });
  expect(node.status).toMatchObject({ term: 4, vote: 0n });
  expect(node.ready()).toMatchObject({ hardState: { term: 4, vote: 0n, commit: 1 }, mustSync: true });
});

test('entries that a snapshot replaced do not come back after a restart', () => {
  const entries = entriesOf(1, 1, 1, 1).slice(2);
  const snapshot = { index: 2, term: 3, confState: three };
  const node = startNode({ snapshot, entries, applied: 2, hardState: hardState(3, 2) });
  expect(node.status).toMatchObject({ lastIndex: 2, firstIndex: 3 });
});

test('the configuration as of what was applied overrules that of the snapshot', () => {
  const node = startNode({
    ...{ entries: entriesOf(1), hardState: hardState(1, 1), applied: 1 },
    confState: confState([1n], [4n]),
  });
  expect(node.status.confState).toEqual(confState([1n], [4n]));
});
