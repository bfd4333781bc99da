import type { ManualClock } from '@quorate/std/testing';

/** How much of the loop's turns what is going on may take, so that a test that hangs says so. */
const turnsMax = 10_000;

/** Runs `work` to its end while time moves on. */
export async function runClockDuring<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  work.then(done, done);
  for (let turn = 0; !isDone; turn++) {
    if (turn > turnsMax) throw new Error('what the test waits for does not come');
    await nextTurn();
    // Soon-actions first, then time: 1 ms a turn.
    clock.advance(turn % 4 === 3 ? 1 : 0);
  }
  return work;
}

/** Lets everything settle that can without time. */
export async function settle(clock: ManualClock, turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await nextTurn();
    clock.advance(0);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
