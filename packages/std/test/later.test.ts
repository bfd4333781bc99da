import { expect, test } from 'vitest';
import { Later, SettleQueue, type Outcome } from '../src/index.ts';

function recorder(): Outcome<unknown> & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    onValue: (value) => heard.push(`value ${String(value)}`),
    onError: (error) => heard.push(`error ${String(error)}`),
  };
}

test('a listener hears of a result in the call that settles it, or at once when it is there', () => {
  const early = new Later<number>();
  const listener = recorder();
  early.tell(listener);
  expect(listener.heard).toEqual([]);
  early.resolve(1);
  Later.of(2).tell(listener);
  Later.failed<number>('no').tell(listener);
  expect(listener.heard).toEqual(['value 1', 'value 2', 'error no']);
});

test('what settles it first counts', () => {
  const later = new Later<number>();
  const listener = recorder();
  later.tell(listener);
  later.reject('first');
  later.resolve(2);
  later.reject('third');
  expect(listener.heard).toEqual(['error first']);
});

test('a second listener is refused, and a promise made of it is one', async () => {
  const later = Later.of(1);
  later.tell(recorder());
  expect(() => later.tell(recorder())).toThrow('told to one listener only');
  await expect(later.then()).rejects.toThrow('told to one listener only');
});

test('a step is taken of the value, and what it throws is the failure', () => {
  const listener = recorder();
  Later.of(2)
    .map((value) => value * 21)
    .tell(listener);
  Later.of(2)
    .map(() => {
      throw new Error('of the step');
    })
    .tell(listener);
  Later.failed<number>('before')
    .map((value) => value * 21)
    .tell(listener);
  expect(listener.heard).toEqual(['value 42', 'error Error: of the step', 'error before']);
});

test('it can be awaited, and made of a promise', async () => {
  expect(await Later.of(1)).toBe(1);
  await expect(Later.failed(new Error('no')).then()).rejects.toThrow('no');
  expect(await Later.from(Promise.resolve(2)).map((value) => value + 1)).toBe(3);
  await expect(Later.from(Promise.reject(new Error('never'))).then()).rejects.toThrow('never');
});

test('a queue settles behind the work of a turn, in order', async () => {
  const queue = new SettleQueue();
  const listener = recorder();
  const results = [new Later<number>(), new Later<number>(), new Later<number>()];
  for (const later of results) later.tell(listener);
  queue.resolve(results[1]!, 1);
  queue.reject(results[0]!, 'no');
  queue.resolve(results[2]!, 2);
  expect(listener.heard).toEqual([]);
  await Promise.resolve();
  expect(listener.heard).toEqual(['value 1', 'error no', 'value 2']);
});

test('what a listener queues goes behind, in a later microtask', async () => {
  const queue = new SettleQueue();
  const heard: string[] = [];
  const second = Later.of('second');
  const first = new Later<string>();
  const third = new Later<string>();
  third.tell({ onValue: (value) => heard.push(value), onError: () => {} });
  first.tell({
    onValue: (value) => {
      heard.push(value);
      queue.resolve(third, 'third');
      second.tell({ onValue: (of) => heard.push(of), onError: () => {} });
    },
    onError: () => {},
  });
  queue.resolve(first, 'first');
  await Promise.resolve();
  await Promise.resolve();
  expect(heard).toEqual(['first', 'second', 'third']);
});
