import { InvariantError, fromUtf8 } from '@quorate/std';
import type { Entry, Snapshot } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RaftLog, entrySize } from '../src/log.ts';
import { confState, entriesOf } from './support.ts';

const start = (entries: readonly Entry[], marks: { committed?: number; applied?: number } = {}): RaftLog =>
  new RaftLog({ snapshotIndex: 0, snapshotTerm: 0, entries, committed: 0, applied: 0, ...marks });

const snapshotAt = (index: number, term: number): Snapshot => ({
  ...{ index, term, data: new Uint8Array(), confState: confState([1n]) },
});

const write = (log: RaftLog): readonly Entry[] => {
  const { entries } = log.beginWrite();
  log.endWrite();
  return entries;
};

test('an empty log ends at its snapshot', () => {
  const log = new RaftLog({ snapshotIndex: 5, snapshotTerm: 2, entries: [], committed: 5, applied: 5 });
  expect([log.firstIndex, log.lastIndex, log.lastTerm]).toEqual([6, 5, 2]);
  expect(log.matches(5, 2)).toBe(true);
  expect([log.termAt(4), log.termAt(6)]).toEqual([undefined, undefined]);
});

test('of two logs the one with the later last term is newer, then the longer one', () => {
  const log = start(entriesOf(1, 2, 2));
  const isUpToDate = (term: number, index: number): boolean => log.isUpToDate({ term, index });
  expect([isUpToDate(2, 3), isUpToDate(2, 2), isUpToDate(3, 1), isUpToDate(1, 9)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test('the last entry that can agree with a term is found', () => {
  const log = start(entriesOf(1, 2, 2, 4, 4));
  expect(log.findConflictByTerm(5, 3)).toEqual({ index: 3, term: 2 });
  expect(log.findConflictByTerm(99, 4)).toEqual({ index: 5, term: 4 });
  expect(log.findConflictByTerm(5, 0)).toEqual({ index: 0, term: 0 });
  expect(log.findConflictByTerm(2, 2)).toEqual({ index: 2, term: 2 });
});

test('the search for a conflict ends where the log was compacted', () => {
  const log = start(entriesOf(3, 3, 3, 3), { committed: 4, applied: 4 });
  log.compact(2);
  expect(log.findConflictByTerm(4, 1)).toEqual({ index: 1, term: undefined });
});

test('news are found among what is known', () => {
  const log = start(entriesOf(1, 1, 2));
  expect(log.findNews(entriesOf(1, 1))).toBe(-1);
  expect(log.findNews(entriesOf(1, 1, 3))).toBe(2);
  expect(log.findNews(entriesOf(1, 1, 2, 2))).toBe(3);
});

test('what is committed is never overwritten', () => {
  const log = start(entriesOf(1, 1, 1), { committed: 2 });
  expect(() => log.overwrite(entriesOf(1, 2), 1)).toThrow(InvariantError);
  expect(() => log.overwrite([{ ...entriesOf(1)[0]!, index: 9 }], 0)).toThrow(InvariantError);
});

test('an entry that does not follow the last one is not appended', () => {
  const log = start(entriesOf(2));
  expect(() => log.append(1, 0, new Uint8Array())).toThrow(InvariantError);
  expect(() => log.overwrite([...entriesOf(2, 2).slice(1), { ...entriesOf(2)[0]!, index: 7 }], 0)).toThrow(
    InvariantError,
  );
});

test('the commit index goes forward only, and not beyond the log', () => {
  const log = start(entriesOf(1, 1));
  expect([log.commitTo(2), log.commitTo(1), log.committed]).toEqual([true, false, 2]);
  expect(() => log.commitTo(3)).toThrow(InvariantError);
});

test('only what was handed out counts as applied', () => {
  const log = start(entriesOf(1, 1), { committed: 2 });
  expect(() => log.appliedTo(1)).toThrow(InvariantError);
  expect(log.takeCommitted(1)).toHaveLength(1);
  log.appliedTo(1);
  expect(log.applied).toBe(1);
});

test('slices end at their size, with one entry at least', () => {
  const log = start(entriesOf(1, 1, 1));
  const size = entrySize(entriesOf(1)[0]!);
  expect(log.slice(1, 0)).toHaveLength(1);
  expect(log.slice(1, 2 * size)).toHaveLength(2);
  expect(log.slice(2, Infinity)).toHaveLength(2);
  expect(log.slice(4, Infinity)).toEqual([]);
  expect(log.slice(1, Infinity, 2)).toHaveLength(2);
});

test('what was compacted cannot be read', () => {
  const log = start(entriesOf(1, 1, 1), { committed: 3, applied: 3 });
  log.compact(2);
  expect(() => log.slice(2, Infinity)).toThrow(InvariantError);
  expect(log.slice(3, Infinity)).toHaveLength(1);
  expect([log.termAt(1), log.termAt(2), log.snapshotIndex]).toEqual([undefined, 1, 2]);
});

test('compaction takes nothing that is not applied, and nothing twice', () => {
  const log = start(entriesOf(1, 1, 1), { committed: 3, applied: 2 });
  expect(() => log.compact(3)).toThrow(InvariantError);
  log.compact(2);
  log.compact(1);
  expect(log.firstIndex).toBe(3);
});

test('a write counts up to where the log was not overwritten since', () => {
  const log = start([]);
  for (let i = 0; i < 3; i++) log.append(1, 0, fromUtf8('old'));
  log.beginWrite();
  log.overwrite(
    entriesOf(1, 2)
      .map((entry) => ({ ...entry, term: 2 }))
      .slice(1),
    0,
  );
  log.endWrite();
  expect(log.stable).toBe(1);
  expect(write(log)).toMatchObject([{ index: 2, term: 2 }]);
  expect(log.stable).toBe(2);
});

test('an entry that came back is stable only with the write that brought it back', () => {
  const log = start(entriesOf(1));
  const old: Entry = { term: 1, index: 2, type: 0, data: fromUtf8('old') };
  log.overwrite([old], 0);
  log.beginWrite();
  log.overwrite([{ ...old, term: 2 }], 0);
  log.beginWrite();
  log.overwrite([old], 0);
  log.beginWrite();
  log.endWrite();
  expect(log.stable).toBe(1);
  log.endWrite();
  expect(log.stable).toBe(1);
  log.endWrite();
  expect(log.stable).toBe(2);
});

test('a snapshot replaces the log, and is applied when it is installed', () => {
  const log = start(entriesOf(1, 1));
  log.append(1, 0, fromUtf8('x'));
  log.beginWrite();
  log.restore(snapshotAt(9, 3));
  expect([log.firstIndex, log.lastIndex, log.committed, log.applied]).toEqual([10, 9, 9, 0]);
  const second = log.beginWrite();
  expect(second.snapshot?.index).toBe(9);
  log.endWrite();
  expect(log.pendingSnapshot).toBeDefined();
  log.endWrite();
  expect([log.pendingSnapshot, log.applied, log.stable]).toEqual([undefined, 9, 9]);
});

test('nothing is handed out to apply while a snapshot is not installed', () => {
  const log = start([]);
  log.restore(snapshotAt(9, 3));
  log.overwrite([{ term: 3, index: 10, type: 0, data: new Uint8Array() }], 0);
  log.commitTo(10);
  expect(log.takeCommitted(Infinity)).toEqual([]);
  write(log);
  expect(log.takeCommitted(Infinity)).toHaveLength(1);
});

test('a second snapshot may come while the first is being installed', () => {
  const log = start([]);
  log.restore(snapshotAt(5, 1));
  log.beginWrite();
  log.restore(snapshotAt(9, 1));
  log.beginWrite();
  log.endWrite();
  expect([log.applied, log.pendingSnapshot?.index]).toEqual([5, 9]);
  log.endWrite();
  expect([log.applied, log.pendingSnapshot]).toEqual([9, undefined]);
});

test('a snapshot behind what is committed is refused, and so is a write that never began', () => {
  const log = start(entriesOf(1, 1), { committed: 2 });
  expect(() => log.restore(snapshotAt(2, 1))).toThrow(InvariantError);
  expect(() => log.endWrite()).toThrow(InvariantError);
});

test('a log behaves like a plain array with marks, whatever is done to it', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      kind: fc.constant('overwrite' as const),
      back: fc.nat(6),
      count: fc.integer({ min: 1, max: 5 }),
    }),
    fc.record({ kind: fc.constantFrom('begin' as const, 'end' as const, 'apply' as const) }),
    fc.record({
      kind: fc.constantFrom('commit' as const, 'compact' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const log = start([]);
      const model: Entry[] = [];
      let term = 1;
      let writes = 0;
      for (const action of steps) {
        if (action.kind === 'append') {
          for (let i = 0; i < action.count; i++) {
            const index = log.append(term, 0, fromUtf8(`${term}`));
            model.push({ term, index, type: 0, data: fromUtf8(`${term}`) });
          }
        } else if (action.kind === 'overwrite') {
          term++;
          const from = Math.max(log.committed, log.lastIndex - action.back);
          const entries = Array.from({ length: action.count }, (_, i) => ({
            ...{ term, index: from + 1 + i, type: 0 as const, data: fromUtf8(`${term}`) },
          }));
          log.overwrite(entries, 0);
          model.splice(from, Infinity, ...entries);
        } else if (action.kind === 'begin') {
          log.beginWrite();
          writes++;
        } else if (action.kind === 'end' && writes > 0) {
          log.endWrite();
          writes--;
        } else if (action.kind === 'commit') {
          log.commitTo(Math.floor(log.lastIndex * action.part));
        } else if (action.kind === 'apply') {
          const last = log.takeCommitted(100).at(-1);
          if (last !== undefined) log.appliedTo(last.index);
        } else if (action.kind === 'compact') {
          log.compact(Math.floor(log.applied * action.part));
        }
        log.checkInvariants();
        expect(log.lastIndex).toBe(model.length);
        expect(log.slice(log.firstIndex, Infinity)).toEqual(model.slice(log.snapshotIndex));
        expect(log.termAt(log.snapshotIndex)).toBe(model[log.snapshotIndex - 1]?.term ?? 0);
      }
    }),
  );
});
