import type { KeyRange } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalTree } from '../src/interval-tree.ts';

const bound = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 3 });
const range = fc
  .tuple(bound, bound)
  .filter(([a, b]) => a !== b)
  .map(([a, b]): KeyRange => (a < b ? { start: a, endExclusive: b } : { start: b, endExclusive: a }));
const emptyRange = fc
  .tuple(bound, bound)
  .map(([a, b]): KeyRange => (a < b ? { start: b, endExclusive: a } : { start: a, endExclusive: b }));

test('it is a red-black tree whatever goes in', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 60 }), (ranges) => {
      new IntervalTree(ranges).checkInvariants();
    }),
  );
});

test('an interval is found only where one holds the start, and surely when it is at the top', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), emptyRange, (ranges, asked) => {
      const holding = ranges.filter(
        ({ start, endExclusive }) => start <= asked.start && asked.start < endExclusive,
      );
      if (new IntervalTree(ranges).findsStartOf(asked)) expect(holding).not.toEqual([]);
      if (ranges.length === 1)
        expect(new IntervalTree(ranges).findsStartOf(asked)).toBe(holding.length === 1);
    }),
    { numRuns: 1_000 },
  );
});

test('a search does not look behind an interval that begins at or after the end asked for', () => {
  const ranges = [
    { start: 'b', endExclusive: 'c' },
    { start: 'c', endExclusive: 'd' },
  ];
  // Both as etcd 3.5.30 decides: the second stands below the first, and the first begins after `a`.
  expect(new IntervalTree(ranges).findsStartOf({ start: 'c', endExclusive: 'a' })).toBe(false);
  expect(new IntervalTree(ranges).findsStartOf({ start: 'c', endExclusive: 'bb' })).toBe(true);
  expect(new IntervalTree(ranges.toReversed()).findsStartOf({ start: 'c', endExclusive: 'a' })).toBe(true);
});
