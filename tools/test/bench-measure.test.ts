import { expect, test } from 'vitest';
import { inTurns, isNarrow, orderOf, quantile, rateOf, spreadOf } from '../src/bench/measure.ts';
import { WriteRevisions } from '../src/bench/write-revisions.ts';

test('a spread is the median between the extremes, whatever the order of the runs', () => {
  expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5, runs: 3 });
});

test('the median of an even number of runs lies between the two in the middle', () => {
  expect(spreadOf([4, 1, 2, 10])).toEqual({ median: 3, min: 1, max: 10, runs: 4 });
});

test('runs are put in order by size and not by their digits', () => {
  expect(spreadOf([9, 10, 100]).median).toBe(10);
});

test('nothing has no spread', () => {
  expect(() => spreadOf([])).toThrow(RangeError);
});

test('a quantile is one of the values', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([0.01, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100]);
});

test('of a single value every quantile is that value, and of none it is 0', () => {
  expect(quantile([7], 0.99)).toBe(7);
  expect(quantile([], 0.5)).toBe(0);
});

test('sides take their turns in the order ABBA', () => {
  const turns = [0, 1, 2, 3].flatMap((repetition) => orderOf(repetition, ['A', 'B']));
  expect(turns.join('')).toBe('ABBAABBA');
});

test('of three sides the last one is measured twice in a row, too', () => {
  expect([0, 1].flatMap((repetition) => orderOf(repetition, ['A', 'B', 'C'])).join('')).toBe('ABCCBA');
});

test('values within a tenth of their median are narrow', () => {
  expect(isNarrow([100, 95, 105])).toBe(true);
  expect(isNarrow([100, 94, 105])).toBe(false);
  expect(isNarrow([7])).toBe(true);
});

test.each([
  ['no more often than they must when their figures are close', [100, 101, 99, 100, 100], 3],
  ['once more when one lies apart, until the limit', [100, 150, 100, 100, 100], 5],
])('sides are measured %s', async (_, figures, times) => {
  const measure = (_side: string, repetition: number) => Promise.resolve(figures[repetition]!);
  const results = await inTurns({ repetitions: 3, repetitionsMax: 5 }, ['A', 'B'], {
    measure,
    figure: (value) => value,
  });
  expect([...results.values()].map((of) => of.length)).toEqual([times, times]);
});

test('a rate counts every call, and no more are under way than asked for', async () => {
  let under = 0;
  let most = 0;
  let calls = 0;
  const operation = async (n: number): Promise<void> => {
    expect(n).toBe(calls++);
    most = Math.max(most, ++under);
    await Promise.resolve();
    under--;
  };
  expect(await rateOf({ durationMs: 5, inFlight: 3, operation })).toBeGreaterThan(0);
  expect(most).toBe(3);
  expect(under).toBe(0);
});

test('writes with revisions in a row are right, in whatever order the answers come', () => {
  const revisions = new WriteRevisions();
  for (const revision of [9, 7, 10, 8]) revisions.add(revision);
  expect(() => revisions.check()).not.toThrow();
});

test.each([
  ['a lost write', [7, 9]],
  ['two writes with one revision', [7, 7, 8]],
])('%s is found by its revision', (_, answered) => {
  const revisions = new WriteRevisions();
  for (const revision of answered) revisions.add(revision);
  expect(() => revisions.check()).toThrow('every write has a revision of its own');
});
