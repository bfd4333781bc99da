import { uint64ToBytes } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReadIndexRounds } from '../src/read-index.ts';

function newRounds() {
  const asked: Uint8Array[] = [];
  const time = { nowMs: 0 };
  let next = 0n;
  const rounds = new ReadIndexRounds({
    ask: (context) => asked.push(context),
    newContext: () => uint64ToBytes(++next),
    now: () => time.nowMs,
    timeoutMs: 7_000,
  });
  return { rounds, asked, time };
}

test('reads that join before a round starts share it', async () => {
  const { rounds, asked } = newRounds();
  const [a, b] = [rounds.join(), rounds.join()];
  rounds.startRound();
  expect(asked).toHaveLength(1);
  rounds.onReadState(5, asked[0]!, 5);
  await Promise.all([a, b]);
});

test('a read that begins while a round is under way waits for a round of its own', async () => {
  const { rounds, asked } = newRounds();
  const first = rounds.join();
  rounds.startRound();
  let isSecondDone = false;
  const second = rounds.join().then(() => (isSecondDone = true));
  rounds.onReadState(5, asked[0]!, 5);
  await first;
  expect(isSecondDone).toBe(false);
  rounds.startRound();
  rounds.onReadState(6, asked[1]!, 6);
  await second;
});

test('a read is released only when the applied index has reached the round’s', async () => {
  const { rounds, asked } = newRounds();
  let isDone = false;
  const read = rounds.join().then(() => (isDone = true));
  rounds.startRound();
  rounds.onReadState(9, asked[0]!, 7);
  rounds.onApplied(8);
  await Promise.resolve();
  expect(isDone).toBe(false);
  rounds.onApplied(9);
  await read;
});

test('a round that gets no answer asks again with a new context, and takes the answer to any of them', async () => {
  const { rounds, asked, time } = newRounds();
  const read = rounds.join();
  rounds.startRound();
  time.nowMs = 499;
  rounds.tick();
  expect(asked).toHaveLength(1);
  time.nowMs = 500;
  rounds.tick();
  expect(asked).toHaveLength(2);
  expect(asked[1]).not.toEqual(asked[0]);
  rounds.onReadState(3, asked[0]!, 3);
  await read;
});

test('a round that is never answered fails with a time-out, and later rounds live', async () => {
  const { rounds, asked, time } = newRounds();
  const read = rounds.join();
  rounds.startRound();
  time.nowMs = 7_000;
  rounds.tick();
  await expect(read).rejects.toMatchObject({ code: 'REPLICA_TIMEOUT' });
  rounds.onReadState(3, asked[0]!, 3);
  const next = rounds.join();
  rounds.startRound();
  rounds.onReadState(4, asked.at(-1)!, 4);
  await next;
});

test('under any order of joins, answers and applies, no read is released below its round’s index', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.constant('join' as const),
          fc.constant('start' as const),
          fc.constant('answer' as const),
          fc.constant('apply' as const),
        ),
        { maxLength: 40 },
      ),
      async (steps) => {
        const { rounds, asked } = newRounds();
        let commit = 1;
        let applied = 1;
        let answered = 0;
        const checks: Promise<void>[] = [];
        for (const step of steps) {
          if (step === 'join') {
            // The read must see everything committed when it began.
            const committedAtBegin = commit;
            checks.push(rounds.join().then(() => expect(applied).toBeGreaterThanOrEqual(committedAtBegin)));
          } else if (step === 'start') rounds.startRound();
          else if (step === 'answer' && answered < asked.length)
            rounds.onReadState(++commit, asked[answered++]!, applied);
          else if (step === 'apply' && applied < commit) rounds.onApplied(++applied);
          await Promise.resolve();
        }
        rounds.startRound();
        while (answered < asked.length) rounds.onReadState(commit, asked[answered++]!, applied);
        while (applied < commit) rounds.onApplied(++applied);
        await Promise.all(checks);
      },
    ),
  ));
