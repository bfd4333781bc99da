import { ChangeList, equalBytes, fromUtf8, toHex, type Bucket } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { decodeKeyValue } from '@quorate/wire';
import { beforeEach, describe, expect, test } from 'vitest';
import { keyRange, MvccStore, singleKey, unboundedEnd, type MvccStoreOptions } from '../src/index.ts';

const all = { start: '', endExclusive: unboundedEnd };
const noEnd = new Uint8Array(0);

/** Counts the reads that went to the backend. */
class CountingBackend extends MemoryBackend {
  gets = 0;
  override get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    if (bucket === 'key') this.gets++;
    return super.get(bucket, key);
  }
}

let backend: CountingBackend;
let store: MvccStore;

beforeEach(async () => {
  backend = new CountingBackend();
  store = await MvccStore.open({ backend });
});

async function reopen(options: Partial<MvccStoreOptions> = {}): Promise<MvccStore> {
  store = await MvccStore.open({ backend, ...options });
  return store;
}

function put(key: string, value: string | Uint8Array, lease = 0n): number {
  const txn = store.beginWrite();
  txn.put(fromUtf8(key), typeof value === 'string' ? fromUtf8(value) : value, lease);
  return txn.end().revision;
}

function del(key: string): number {
  const txn = store.beginWrite();
  txn.deleteRange(singleKey(key));
  return txn.end().revision;
}

async function flush(): Promise<void> {
  const list = new ChangeList();
  const token = store.drain(list);
  await backend.write(list.changes);
  store.markFlushed(token);
}

async function compact(revision: number): Promise<void> {
  const list = new ChangeList();
  store.scheduleCompaction(revision, list);
  while (store.compactSlice(list));
  await backend.write(list.changes);
  await flush();
}

async function compactRest(): Promise<void> {
  const list = new ChangeList();
  while (store.compactSlice(list));
  await backend.write(list.changes);
}

async function copyRows(from: MemoryBackend, to: MemoryBackend): Promise<void> {
  for (const bucket of ['key', 'meta'] as const) {
    for await (const rows of from.scan(bucket)) {
      await to.write(rows.map(([key, value]) => ({ bucket, key, value })));
    }
  }
}

function valueOf(kv: Uint8Array | undefined): string {
  return kv === undefined ? '' : new TextDecoder().decode(decodeKeyValue(kv).value);
}

describe('revisions', () => {
  test('a fresh store is at revision 1, was never compacted, and is empty', () => {
    expect(store).toMatchObject({ currentRevision: 1, compactedRevision: -1, keyCount: 0, sizeBytes: 0 });
    expect(store.range(all)).toEqual({ kvs: [], count: 0 });
    expect(store.latest('a')).toBeUndefined();
  });

  test('a transaction that changes nothing consumes no revision', () => {
    const txn = store.beginWrite();
    expect(txn.deleteRange(all)).toEqual([]);
    expect(txn.end()).toEqual({ revision: 1, changes: [] });
  });

  test('all changes of a transaction share one revision, and it reads what it wrote', () => {
    const txn = store.beginWrite();
    expect(txn.currentRevision).toBe(1);
    expect(txn.put(fromUtf8('a'), fromUtf8('1'), 0n)).toBeUndefined();
    expect(txn.currentRevision).toBe(2);
    expect(valueOf(txn.put(fromUtf8('a'), fromUtf8('2'), 0n))).toBe('1');
    expect(txn.range(all).count).toBe(1);
    expect(store.range(all).count).toBe(0);
    expect(store.latest('a')).toBeUndefined();
    const { revision, changes } = txn.end();
    expect(revision).toBe(2);
    // Watchers are told what was there at the revision before, which is nothing.
    expect(changes.map(({ key, prev }) => [key, prev])).toEqual([
      ['a', undefined],
      ['a', undefined],
    ]);
    expect(decodeKeyValue(store.latest('a') ?? noEnd)).toMatchObject({ version: 2, createRevision: 2 });
  });

  test('a delete ends the life of a key: the next put starts at version 1', () => {
    put('k', '1');
    put('k', '2');
    del('k');
    put('k', '3');
    const kv = decodeKeyValue(store.latest('k') ?? noEnd);
    expect(kv).toMatchObject({ createRevision: 5, modRevision: 5, version: 1 });
    expect(store.at('k', 4)).toBeUndefined();
    expect(valueOf(store.at('k', 3))).toBe('2');
  });

  test('a delete is told with key and revision only', () => {
    put('k', '1');
    const txn = store.beginWrite();
    txn.deleteRange(singleKey('k'));
    const [change] = txn.end().changes;
    expect(change).toMatchObject({ type: 1, key: 'k' });
    expect(toHex(change?.kv ?? noEnd)).toBe('0a016b1803');
    expect(valueOf(change?.prev)).toBe('1');
  });

  test('only one transaction is open at a time, and an ended one takes no more changes', () => {
    const txn = store.beginWrite();
    const invariantError = withCode('INVARIANT');
    expect(() => store.beginWrite()).toThrow(invariantError);
    expect(() => store.drain(new ChangeList())).toThrow(invariantError);
    txn.end();
    expect(() => txn.put(fromUtf8('a'), noEnd, 0n)).toThrow(invariantError);
    expect(() => txn.end()).toThrow(invariantError);
  });
});

describe('ranges', () => {
  test('an end that is not above the key selects nothing', () => {
    put('a', '1');
    expect(store.range(keyRange(fromUtf8('a'), fromUtf8('a'))).count).toBe(0);
    expect(store.range(keyRange(fromUtf8('b'), fromUtf8('a'))).count).toBe(0);
    expect(store.range(keyRange(fromUtf8('b'), fromUtf8('a')), { countOnly: true }).count).toBe(0);
    expect(store.range(keyRange(Uint8Array.of(0), Uint8Array.of(0))).count).toBe(1);
  });

  test('a limit does not limit the count, and many deleted keys are passed over', () => {
    for (let i = 0; i < 500; i++) put(`k${String(i).padStart(3, '0')}`, String(i));
    for (let i = 10; i < 490; i++) del(`k${String(i).padStart(3, '0')}`);
    expect(store.range(all, { limit: 11 })).toMatchObject({ count: 20 });
    expect(store.range(all, { limit: 11 }).kvs.map(valueOf).at(-1)).toBe('490');
    expect(store.range(all, { limit: 11, revision: 501 })).toMatchObject({ count: 500 });
    expect(store.keyCount).toBe(20);
  });

  test('a revision that is compacted or in the future is refused, the compacted one itself is not', async () => {
    put('a', '1');
    put('a', '2');
    put('a', '3');
    await compact(3);
    expect(valueOf(store.range(all, { revision: 3 }).kvs[0])).toBe('2');
    const compacted = withCode('MVCC_COMPACTED');
    const future = withCode('MVCC_FUTURE_REVISION');
    expect(() => store.range(all, { revision: 2 })).toThrow(compacted);
    expect(() => store.range(all, { revision: 5 })).toThrow(future);
    expect(() => store.scheduleCompaction(3, new ChangeList())).toThrow(compacted);
    expect(() => store.scheduleCompaction(5, new ChangeList())).toThrow(future);
    expect(store.at('a', 2)).toBeUndefined();
  });
});

describe('memory', () => {
  test('values that are in rows only are found in whatever order they are asked for', async () => {
    const txn = store.beginWrite();
    for (const key of ['a', 'b', 'c']) txn.put(fromUtf8(key), fromUtf8(`value of ${key}`), 0n);
    txn.end();
    for (const key of ['d', 'e']) put(key, `value of ${key}`);
    await flush();
    for (const key of ['f', 'g']) put(key, `value of ${key}`);
    await flush();
    await reopen({ valueBudgetBytes: 0, tuning: { slabBytes: 16 } });
    const orders = ['abcdefg', 'gfedcba', 'aabbggaa', 'afbgcdea', 'cab', 'ege'];
    for (const key of orders.join('')) {
      const found = store.latest(key);
      expect(decodeKeyValue(found!).value).toEqual(fromUtf8(`value of ${key}`));
    }
    expect(backend.gets).toBe(2);
  });

  test('what does not fit the budget is read from the backend, many values of a row with one read', async () => {
    await reopen({ valueBudgetBytes: 64 * 1024, tuning: { slabBytes: 16 * 1024 } });
    for (let i = 0; i < 2000; i++) {
      put(`k${String(i).padStart(4, '0')}`, new Uint8Array(200).fill(i));
      if (i % 50 === 49) await flush();
    }
    expect(store.valueMemoryBytes).toBeLessThanOrEqual(80 * 1024);
    backend.gets = 0;
    store.range({ start: 'k1990', endExclusive: 'k1999' });
    expect(backend.gets).toBe(0);
    const { kvs } = store.range({ start: 'k0000', endExclusive: 'k0050' });
    expect(kvs.every((kv, i) => equalBytes(decodeKeyValue(kv).value, new Uint8Array(200).fill(i)))).toBe(
      true,
    );
    expect(backend.gets).toBe(1);
    store.checkInvariants();
  });

  test('what was read stays in memory, and is not read again', async () => {
    put('cold', 'value');
    await flush();
    await reopen({ valueBudgetBytes: 0, tuning: { slabBytes: 1024 } });
    for (let i = 0; i < 20; i++) {
      put(`hot${i}`, new Uint8Array(200));
      await flush();
    }
    backend.gets = 0;
    for (let i = 0; i < 10; i++) expect(valueOf(store.latest('cold'))).toBe('value');
    expect(backend.gets).toBe(1);
  });

  test('bytes that were handed out stay as they are, whatever happens to the store', async () => {
    await reopen({ valueBudgetBytes: 2048, tuning: { slabBytes: 1024 } });
    const views: [Uint8Array, string][] = [];
    for (let round = 0; round < 30; round++) {
      for (let i = 0; i < 10; i++) put(`k${i}`, `${round}:${i}:${'x'.repeat(50)}`);
      for (const kv of store.range(all).kvs) views.push([kv, toHex(kv)]);
      await flush();
      if (round % 10 === 9) await compact(store.currentRevision - 5);
    }
    for (const [view, hex] of views) expect(toHex(view)).toBe(hex);
    store.checkInvariants();
  });

  test('memory follows what lives: overwritten values leave it', async () => {
    await reopen({ tuning: { slabBytes: 4096 } });
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 10; i++) put(`k${i}`, new Uint8Array(300));
      await flush();
    }
    expect(store.valueMemoryBytes).toBeLessThan(20 * 1024);
    store.checkInvariants();
  });
});

describe('after a crash', () => {
  test('leases are attached again to the keys that live, with what their last put said', async () => {
    put('a', '1', 7n);
    put('b', '1', 7n);
    put('b', '2');
    put('c', '1', -2n);
    del('c');
    put('d', '1', 7n);
    put('d', '2', -9n);
    await flush();
    const attached: [bigint, string][] = [];
    await reopen({
      leases: { attach: (lease, key) => attached.push([lease, key]), detach: () => expect.unreachable() },
    });
    expect(attached).toEqual([
      [7n, 'a'],
      [-9n, 'd'],
    ]);
  });

  test('the revision of a compaction survives, even when it leaves nothing', async () => {
    put('a', '1');
    del('a');
    const list = new ChangeList();
    store.scheduleCompaction(3, list);
    await backend.write(list.changes);
    await reopen();
    expect(store).toMatchObject({ currentRevision: 3, compactedRevision: 3 });
    const rest = new ChangeList();
    while (store.compactSlice(rest));
    await backend.write(rest.changes);
    await reopen();
    expect(store).toMatchObject({ currentRevision: 3, compactedRevision: 3 });
    expect(store.compactSlice(new ChangeList())).toBe(false);
    // A tombstone at the very revision of the compaction stays, for those who watch from there.
    expect(store.history({ from: 3 }).changes).toMatchObject([{ type: 1, key: 'a', revision: 3 }]);
  });

  test('a compaction that was interrupted after any slice goes on, and leaves no hash', async () => {
    for (let i = 0; i < 30; i++) {
      put(`k${i % 3}`, String(i));
      if (i % 4 === 3) await flush();
    }
    await flush();
    const tuning = { sliceKeys: 2, sliceBytes: 1, rowRevisionsMax: 4 };
    const written = backend;
    let more = true;
    for (let slices = 0; more; slices++) {
      backend = new CountingBackend();
      await copyRows(written, backend);
      await reopen({ tuning });
      const list = new ChangeList();
      store.scheduleCompaction(20, list);
      for (let slice = 0; slice < slices; slice++) more = store.compactSlice(list);
      await backend.write(list.changes);
      await reopen({ tuning });
      expect(store.compactedRevision).toBe(20);
      expect(store.range(all, { revision: 20 }).kvs.map(valueOf)).toEqual(['18', '16', '17']);
      await compactRest();
      await reopen({ tuning });
      expect(store.compactSlice(new ChangeList())).toBe(false);
      expect(store.range(all, { revision: 20 }).kvs.map(valueOf)).toEqual(['18', '16', '17']);
      expect(store.history({ from: 20 }).changes).toHaveLength(12);
      expect(await store.hashKv(20)).toMatchObject({ compactRevision: 20 });
      store.checkInvariants();
    }
  });

  test('rows of single revisions are joined by a compaction', async () => {
    for (let i = 0; i < 100; i++) {
      put(`k${i}`, 'value');
      await flush();
    }
    await compact(store.currentRevision);
    const rows = await Array.fromAsync(backend.scan('key'));
    expect(rows.flat().length).toBeLessThanOrEqual(100 / 16);
    await reopen();
    expect(store.range(all)).toMatchObject({ count: 100 });
    store.checkInvariants();
  });
});

test('a compaction waits while a hash is computed, and a compaction of the future does not change it', async () => {
  const steps: (() => void)[] = [];
  await reopen({
    tuning: { sliceKeys: 1, sliceBytes: 1 },
    yieldToLoop: async () => steps.shift()?.(),
  });
  for (let i = 0; i < 20; i++) put(`k${i % 5}`, String(i));
  const expected = await store.hashKv(15);
  const list = new ChangeList();
  steps.push(() => store.scheduleCompaction(20, list));
  for (let i = 0; i < 5; i++) steps.push(() => expect(store.compactSlice(list)).toBe(true));
  expect(await store.hashKv(15)).toEqual(expected);
  while (store.compactSlice(list));
  expect(store.compactedRevision).toBe(20);
});

test('a store whose rows were written larger than they are now goes on: reads, compactions and hashes', async () => {
  const write = (round: number): void => {
    for (let i = 0; i < 200; i++)
      if (i % (round + 1) === 0) put(`key-${(i * 77) % 200}`, `${round} `.repeat(400));
  };
  const outcome = async (): Promise<unknown[]> => {
    store.checkInvariants();
    return [store.range(all).kvs.map(toHex), await store.hashKv(0)];
  };
  await reopen({ tuning: { rowBytesMax: 64 * 1024 } });
  for (let round = 0; round < 4; round++) write(round);
  await flush();
  const larger = (await Array.fromAsync(backend.scan('key'))).flat().map(([, row]) => row.length);
  expect(Math.max(...larger)).toBeGreaterThan(48 * 1024);
  const before = await outcome();
  await reopen({ valueBudgetBytes: 0 });
  expect(await outcome()).toEqual(before);
  await compact(store.currentRevision - 20);
  write(4);
  await flush();
  const after = await outcome();
  await reopen();
  expect(await outcome()).toEqual(after);
  const rows = (await Array.fromAsync(backend.scan('key'))).flat().map(([, row]) => row.length);
  expect(rows.reduce((sum, size) => sum + size)).toBeLessThan(larger.reduce((sum, size) => sum + size));
});

/** An error with this code. */
function withCode(code: string): unknown {
  return expect.objectContaining({ code });
}
