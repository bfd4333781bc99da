import { expect, test } from 'vitest';
import { Cadence } from '../src/cadence.ts';
import { CheckQueue } from '../src/check-queue.ts';
import { pollPeers } from '../src/poll-peers.ts';

test('a cadence is due an interval after it was first asked, and stays due until it is restarted', () => {
  const cadence = new Cadence(10);
  expect([5, 14, 15, 99].map((nowMs) => cadence.isDue(nowMs))).toEqual([false, false, true, true]);
  cadence.restart(100);
  expect([109, 110].map((nowMs) => cadence.isDue(nowMs))).toEqual([false, true]);
  cadence.restart(110);
  cadence.hasten(111);
  expect(cadence.isDue(111)).toBe(true);
});

test('a cadence of 0 is never due', () => {
  const cadence = new Cadence(0);
  cadence.hasten(0);
  expect([0, 1e9].map((nowMs) => cadence.isDue(nowMs))).toEqual([false, false]);
});

test('an idle queue starts a check at once, and the next one when it has ended', async () => {
  const queue = new CheckQueue(1_000);
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = queue.run(async () => {
    order.push('first begins');
    await gate.promise;
    order.push('first ends');
  });
  const second = queue.run(async () => void order.push('second'));
  expect(order).toEqual(['first begins']);
  expect(queue.isBusy).toBe(true);
  gate.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(['first begins', 'first ends', 'second']);
  expect(queue.isBusy).toBe(false);
});

test('a check that fails does not keep the next one from running', async () => {
  const queue = new CheckQueue(1_000);
  const failed = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(async () => 'yes');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('yes');
  await queue.idle();
});

/** Ends when it is told to. */
function untilAborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted');
    signal.addEventListener('abort', () => resolve('aborted'));
  });
}

test('a check is told when its time is over, counted from the first tick that sees it', async () => {
  const queue = new CheckQueue(1_000);
  const check = queue.run(untilAborted);
  queue.tick(500);
  queue.tick(1_499);
  await Promise.resolve();
  expect(queue.isBusy).toBe(true);
  queue.tick(1_500);
  expect(await check).toBe('aborted');
  const next = queue.run(untilAborted);
  queue.tick(2_000);
  await Promise.resolve();
  expect(queue.isBusy).toBe(true);
  queue.tick(3_000);
  expect(await next).toBe('aborted');
});

test('a queue that is closed ends the check under way and those behind it', async () => {
  const queue = new CheckQueue(1_000);
  const checks = [queue.run(untilAborted), queue.run(untilAborted)];
  await queue.close();
  expect(await Promise.all(checks)).toEqual(['aborted', 'aborted']);
  expect(await queue.run(untilAborted)).toBe('aborted');
});

test('peers that fail are missing in the answers', async () => {
  const ask = (peer: bigint): Promise<string> =>
    peer === 2n ? Promise.reject(new Error('down')) : Promise.resolve(`I am ${peer}`);
  const answers = await pollPeers([1n, 2n, 3n], ask, new AbortController().signal);
  expect([...answers]).toEqual([
    [1n, 'I am 1'],
    [3n, 'I am 3'],
  ]);
});

test('a peer that throws at once is missing too', async () => {
  const ask = (): Promise<string> => {
    throw new Error('no such peer');
  };
  expect((await pollPeers([1n], ask, new AbortController().signal)).size).toBe(0);
});

test('when the signal is aborted, the answers so far count, though a peer hangs for ever', async () => {
  const controller = new AbortController();
  const ask = (peer: bigint): Promise<bigint> =>
    peer === 2n ? new Promise<never>(() => {}) : Promise.resolve(peer);
  const polled = pollPeers([1n, 2n], ask, controller.signal);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  controller.abort();
  expect([...(await polled).keys()]).toEqual([1n]);
  expect((await pollPeers([1n], ask, controller.signal)).size).toBe(0);
});
