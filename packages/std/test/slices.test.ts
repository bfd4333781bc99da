import { expect, test } from 'vitest';
import { Slices } from '../src/index.ts';
import { ManualClock } from '../src/testing/index.ts';

const options = { atOnceMax: 3, sliceMs: 2 };

/** A clock on which each piece of work takes a millisecond, and turns begin one by one. */
class WorkClock extends ManualClock {
  worked = 0;
  readonly turns: (() => void)[] = [];
  override now(): number {
    return this.worked;
  }
  override soon(action: () => void): void {
    this.turns.push(action);
  }
}

test('some pieces are done at once, the others in order, a slice in each turn', () => {
  const clock = new WorkClock();
  const slices = new Slices(options, clock);
  const done: string[] = [];
  let turn = 0;
  for (let i = 0; i < 8; i++) {
    slices.run(() => {
      clock.worked++;
      done.push(`${i} in turn ${turn}`);
    });
  }
  while (clock.turns.length > 0) {
    turn++;
    clock.turns.shift()?.();
  }
  expect(done).toEqual([
    ...['0 in turn 0', '1 in turn 0', '2 in turn 0', '3 in turn 1', '4 in turn 1'],
    ...['5 in turn 2', '6 in turn 2', '7 in turn 3'],
  ]);
});

test('a slice ends after so many pieces, too, where what they cost comes later', () => {
  const clock = new WorkClock();
  const slices = new Slices({ ...options, perTurnMax: 1 }, clock);
  const turns: number[] = [];
  let turn = 0;
  for (let i = 0; i < 5; i++) slices.run(() => turns.push(turn));
  for (; clock.turns.length > 0; turn++) clock.turns.shift()?.();
  expect(turns).toEqual([0, 0, 0, 0, 1]);
});

test('a new turn begins anew', () => {
  const clock = new ManualClock();
  const slices = new Slices(options, clock);
  let done = 0;
  for (let turn = 1; turn <= 5; turn++) {
    for (let i = 0; i < 3; i++) slices.run(() => done++);
    expect(done).toBe(3 * turn);
    clock.advance(0);
  }
});
