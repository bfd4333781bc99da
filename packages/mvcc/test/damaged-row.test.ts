import { ChangeList, fromUtf8, type BackendRow } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { beforeEach, expect, test } from 'vitest';
import { MvccStore, unboundedEnd } from '../src/index.ts';

const all = { start: '', endExclusive: unboundedEnd };
const damaged = withCode('MVCC_DAMAGED_ROW');

let backend: MemoryBackend;
let store: MvccStore;
let row: BackendRow;

/** One row with two revisions of one key; the older one is only in the backend. */
beforeEach(async () => {
  backend = new MemoryBackend();
  store = await MvccStore.open({ backend, valueBudgetBytes: 0, tuning: { slabBytes: 64 } });
  for (const value of ['one', 'two']) {
    const txn = store.beginWrite();
    txn.put(fromUtf8('k'), new Uint8Array(100).fill(value.length), 0n);
    txn.end();
  }
  const list = new ChangeList();
  const token = store.drain(list);
  await backend.write(list.changes);
  store.markFlushed(token);
  [row] = (await Array.fromAsync(backend.scan('key'))).flat() as [BackendRow]; // It has this one row.
});

async function replaceRow(value: Uint8Array | undefined): Promise<void> {
  await backend.write([{ bucket: 'key', key: row[0], value }]);
}

test('any flipped bit of a row is noticed, by a read and at the next start, and the row is named', async () => {
  for (let at = 0; at < row[1].length; at++) {
    const flipped = row[1].slice();
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    await replaceRow(flipped);
    expect(() => store.range(all, { revision: 2 })).toThrow(damaged);
    await expect(MvccStore.open({ backend })).rejects.toThrow(/00000000000000025f0000000000000000 .*2\/0/);
  }
});

test('a row that is cut off or gone is noticed', async () => {
  for (let size = 0; size < row[1].length; size += 7) {
    await replaceRow(row[1].slice(0, size));
    expect(() => store.history({ from: 2 })).toThrow(damaged);
    await expect(MvccStore.open({ backend })).rejects.toThrow(damaged);
  }
  await replaceRow(undefined);
  expect(() => store.range(all, { revision: 2 })).toThrow(damaged);
  await expect(store.hashKv(0)).rejects.toThrow(damaged);
});

test('a whole row under the key of another is noticed', async () => {
  const key = row[0].slice();
  key[7] = 9;
  await backend.write([{ bucket: 'key', key, value: row[1] }]);
  await expect(MvccStore.open({ backend })).rejects.toThrow(damaged);
});

/** An error with this code. */
function withCode(code: string): unknown {
  return expect.objectContaining({ code });
}
