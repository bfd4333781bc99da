import { InvariantError, fromHex, fromUtf8 } from '@quorate/std';
import { expect, test } from 'vitest';
import { ReadQueue, decodePosition, encodePosition } from '../src/read-queue.ts';

const read = (name: string) => ({ from: 1n, context: fromUtf8(name) });

test('a confirmed position takes along all before it, in order', () => {
  const queue = new ReadQueue(10);
  for (const [name, index] of [
    ['a', 4],
    ['b', 5],
    ['c', 6],
  ] as const)
    queue.begin(read(name), index);
  expect(queue.takeConfirmed(2).map(({ index }) => index)).toEqual([4, 5]);
  expect(queue.takeConfirmed(2)).toEqual([]);
  expect(queue.takeConfirmed(3).map(({ index }) => index)).toEqual([6]);
});

test('no position is used twice, not even after all was dropped', () => {
  const queue = new ReadQueue(10);
  queue.begin(read('a'), 1);
  queue.clear();
  queue.begin(read('b'), 2);
  expect(queue.position).toBe(2);
  expect(queue.takeConfirmed(1)).toEqual([]);
  expect(queue.takeConfirmed(2)).toHaveLength(1);
});

test('a queue has a bound, over those that wait and those under way', () => {
  const queue = new ReadQueue(2);
  queue.wait(read('a'));
  expect(queue.full).toBe(false);
  queue.begin(read('b'), 1);
  expect(queue.full).toBe(true);
  expect(() => queue.wait(read('c'))).toThrow(InvariantError);
  expect(() => queue.begin(read('c'), 1)).toThrow(InvariantError);
  expect(queue.takeWaiting()).toHaveLength(1);
  expect(queue.full).toBe(false);
});

test('heartbeats carry a position only while a read is under way', () => {
  const queue = new ReadQueue(10);
  expect(queue.heartbeatContext).toBe(undefined);
  queue.begin(read('a'), 1);
  expect(queue.heartbeatContext).toEqual(encodePosition(1));
  queue.takeConfirmed(1);
  expect(queue.heartbeatContext).toBe(undefined);
});

test('positions are eight bytes, little-endian', () => {
  expect(encodePosition(0x0102)).toEqual(new Uint8Array([2, 1, 0, 0, 0, 0, 0, 0]));
  expect(decodePosition(encodePosition(2 ** 40 + 3))).toBe(2 ** 40 + 3);
  expect(decodePosition(fromHex('0102'))).toBe(0);
  expect(decodePosition(new Uint8Array())).toBe(0);
});
