import { InvariantError } from '@quorate/std';
import { expect, test } from 'vitest';
import { Inflights } from '../src/inflights.ts';
import { Progress } from '../src/progress.ts';

const wide = { count: 256, size: Infinity };

const replicating = (match: number): Progress => {
  const progress = new Progress(2n, match + 1, wide);
  progress.acceptedTo(match);
  progress.becomeReplicate();
  return progress;
};

test('a probe pauses after one append, and goes on after an answer', () => {
  const progress = new Progress(2n, 5, wide);
  progress.sentAppend(1, 10);
  expect(progress).toMatchObject({ paused: true, next: 5 });
  expect(() => progress.sentAppend(1, 10)).toThrow(InvariantError);
  expect(progress.acceptedTo(5)).toBe(true);
  expect(progress).toMatchObject({ paused: false, match: 5, next: 6 });
});

test('a pipeline runs ahead of what is acknowledged', () => {
  const progress = replicating(5);
  progress.sentAppend(3, 10);
  progress.sentAppend(2, 10);
  expect(progress).toMatchObject({ match: 5, next: 11, paused: false });
  expect(progress.inflights.count).toBe(2);
});

test('a late or doubled acknowledgement takes nothing back', () => {
  const progress = replicating(5);
  expect(progress.acceptedTo(4)).toBe(false);
  expect(progress.acceptedTo(5)).toBe(false);
  expect(progress).toMatchObject({ match: 5, next: 6 });
});

test('a refusal of a pipeline goes back to what is known, unless it is late', () => {
  const progress = replicating(5);
  progress.sentAppend(3, 10);
  expect(progress.rejectedAt(5, 1)).toBe(false);
  expect(progress.rejectedAt(8, 6)).toBe(true);
  expect(progress.next).toBe(6);
});

test('a refusal of a probe goes to the hint, unless it answers another probe', () => {
  const progress = new Progress(2n, 10, wide);
  progress.sentAppend(0, 0);
  expect(progress.rejectedAt(8, 3)).toBe(false);
  expect(progress.paused).toBe(true);
  expect(progress.rejectedAt(9, 3)).toBe(true);
  expect(progress).toMatchObject({ next: 4, paused: false });
});

test('a hint never leads forward, nor below what matches', () => {
  const progress = new Progress(2n, 10, wide);
  progress.match = 4;
  expect(progress.rejectedAt(9, 99)).toBe(true);
  expect(progress.next).toBe(9);
  expect(progress.rejectedAt(8, 0)).toBe(true);
  expect(progress.next).toBe(5);
});

test('a snapshot pauses everything, and ends in a probe after it', () => {
  const progress = new Progress(2n, 3, wide);
  progress.becomeSnapshot(20);
  expect(progress).toMatchObject({ state: 'snapshot', paused: true, next: 21, pendingSnapshot: 20 });
  progress.becomeProbe();
  expect(progress).toMatchObject({ state: 'probe', paused: false, next: 21, pendingSnapshot: 0 });
});

test('a snapshot is for those who lack something', () => {
  expect(() => replicating(5).becomeSnapshot(5)).toThrow(InvariantError);
});

test('a pipeline that breaks forgets its window', () => {
  const progress = replicating(5);
  progress.sentAppend(3, 10);
  progress.sentCommit = 8;
  progress.becomeProbe();
  expect(progress).toMatchObject({ next: 6, sentCommit: 5 });
  expect(progress.inflights.count).toBe(0);
});

test('nobody is ahead of the leader', () => {
  const progress = replicating(5);
  progress.checkInvariants(5);
  expect(() => progress.checkInvariants(4)).toThrow(InvariantError);
});

test('a window counts messages', () => {
  const inflights = new Inflights({ count: 3, size: Infinity });
  for (const index of [1, 2, 3]) inflights.add(index, 1);
  expect(inflights.full).toBe(true);
  expect(() => inflights.add(4, 1)).toThrow(InvariantError);
  inflights.freeTo(2);
  expect([inflights.count, inflights.full]).toEqual([1, false]);
});

test('a window counts bytes, and lets the one through that crosses the limit', () => {
  const inflights = new Inflights({ count: 100, size: 10 });
  inflights.add(1, 9);
  expect(inflights.full).toBe(false);
  inflights.add(2, 9);
  expect(inflights.full).toBe(true);
  inflights.freeTo(1);
  expect(inflights.full).toBe(false);
  inflights.clear();
  expect(inflights.count).toBe(0);
});

test('a window turns and grows without losing count', () => {
  const inflights = new Inflights({ count: 100, size: Infinity });
  let freed = 0;
  for (let index = 1; index <= 1000; index++) {
    inflights.add(index, 1);
    if (index % 7 === 0) inflights.freeTo((freed = index - 3));
    if (inflights.count > 90) inflights.freeTo((freed = index - 40));
    expect(inflights.count).toBe(index - freed);
  }
});

test('a window lets something through', () => {
  expect(() => new Inflights({ count: 0, size: 1 })).toThrow(InvariantError);
  expect(() => new Inflights({ count: 1, size: 0 })).toThrow(InvariantError);
});
