import { ChangeList, fromLatin1, toLatin1 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { MvccStore } from '../src/index.ts';
import { RowMemory } from '../src/row-memory.ts';

const sheetBytes = 1024 * 1024;
const most = sheetBytes / 4;

test('memory is used again once the last batch with a row in it is stored, and not before', () => {
  const memory = new RowMemory();
  const first = memory.take(100, 1);
  const second = memory.take(100, 2);
  memory.release(1);
  const third = memory.take(100, 3);
  expect([first, second, third].map(({ byteOffset }) => byteOffset)).toEqual([0, 100, 200]);
  expect(third.buffer).toBe(first.buffer);
  memory.release(3);
  expect(memory.take(100, 4)).toEqual(first);
  expect(memory.take(100, 4).byteOffset).toBe(100);
});

test('full sheets are used again, too, those of later batches excepted', () => {
  const memory = new RowMemory();
  const sheets = Array.from({ length: 12 }, (_, i) => memory.take(most, i < 6 ? 1 : 2));
  const [a, b, c] = [sheets[0]!.buffer, sheets[4]!.buffer, sheets[8]!.buffer];
  expect(new Set([a, b, c]).size).toBe(3);
  memory.release(1);
  // The second one holds rows of both batches, and the third is only just full.
  const next = Array.from({ length: 8 }, () => memory.take(most, 3));
  expect(next[0]!.buffer).toBe(a);
  expect([b, c]).not.toContain(next[4]!.buffer);
});

test('a giant has memory of its own', () => {
  const memory = new RowMemory();
  const giant = memory.take(most + 1, 1);
  expect(giant.length).toBe(most + 1);
  expect(memory.take(1, 1).buffer).not.toBe(giant.buffer);
});

test('what was read of a row on its way to the backend stays as it was when others are on theirs', async () => {
  const backend = new MemoryBackend();
  // No value stays in memory once it is in a row.
  const store = await MvccStore.open({ backend, valueBudgetBytes: 0, tuning: { slabBytes: 64 } });
  const put = (value: string): void => {
    const txn = store.beginWrite();
    txn.put(fromLatin1('k'), fromLatin1(value), 0n);
    txn.end();
  };
  const stored = async (list: ChangeList, token: number): Promise<void> => {
    await backend.write(list.changes);
    store.markFlushed(token);
  };
  put('first');
  put('second');
  const list = new ChangeList();
  const token = store.drain(list);
  const { changes } = store.history({ from: 2 });
  const old = store.at('k', 2)!;
  const seen = [...changes.map(({ kv }) => kv), old];
  const before = seen.map((kv) => toLatin1(kv));
  await stored(list, token);
  put('others');
  const next = new ChangeList();
  const nextToken = store.drain(next);
  expect(seen.map((kv) => toLatin1(kv))).toEqual(before);
  expect(before.map((kv) => /first|second/.exec(kv)?.[0])).toEqual(['first', 'second', 'first']);
  await stored(next, nextToken);
  expect(
    store.history({ from: 2 }).changes.map(({ kv }) => /first|second|others/.exec(toLatin1(kv))?.[0]),
  ).toEqual(['first', 'second', 'others']);
});
