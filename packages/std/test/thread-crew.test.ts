import { expect, test } from 'vitest';
import { ThreadCrew } from '../src/thread-crew.ts';

/** A thread that answers with what it was sent, and that can be made to fail. */
const module = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', (order) => {
      if (order === 'throw') throw new Error('thrown');
      if (order === 'exit') process.exit(3);
      if (order === 'environment') order = JSON.stringify([process.env, process.execArgv]);
      parentPort.postMessage(order);
      if (order === 'last') setImmediate(() => process.exit());
    });
  `)}`,
);

const errors = {
  closedError: () => new Error('closed'),
  failedError: (cause: unknown) => new Error('the thread has ended', { cause }),
};

function crew(threadsMax = 1): ThreadCrew<string, string> {
  return new ThreadCrew({ module, threadsMax, name: 'echo', ...errors });
}

test('a thread that dies fails the order it had, and the next one gets a new thread', async () => {
  await using threads = crew();
  for (const death of ['throw', 'exit']) {
    const failing = threads.run(death);
    const next = threads.run('next');
    await expect(failing).rejects.toThrow('the thread has ended');
    expect(await next).toBe('next');
  }
  expect(threads.running + threads.waiting).toBe(0);
});

test('a thread that dies when it has nothing to do is not given the next order', async () => {
  await using threads = crew();
  expect(await threads.run('last')).toBe('last');
  while (threads.threads > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await threads.run('next')).toBe('next');
});

test('a module that cannot run fails every order, and none waits for ever', async () => {
  const broken = new URL('data:text/javascript,throw new Error("broken")');
  await using threads = new ThreadCrew<string, string>({
    ...{ module: broken, threadsMax: 2, name: 'broken' },
    ...errors,
  });
  const orders = await Promise.allSettled(['a', 'b', 'c', 'd'].map((order) => threads.run(order)));
  expect(orders.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
});

test('a thread knows nothing of the environment and the flags of the process', async () => {
  await using threads = crew();
  expect(await threads.run('environment')).toBe('[{},[]]');
});

test('orders that wait when a crew is closed are refused, and those after it', async () => {
  const threads = crew();
  const orders = [threads.run('exit'), threads.run('next')];
  const ends = Promise.allSettled(orders);
  await threads[Symbol.asyncDispose]();
  expect((await ends).map((end) => end.status === 'rejected' && String(end.reason))).toEqual([
    'Error: closed',
    'Error: closed',
  ]);
  await expect(threads.run('late')).rejects.toThrow('closed');
});
