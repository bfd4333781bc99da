import { ChangeList, fromLatin1, toHex, type BackendReader } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  MvccStore,
  unboundedEnd,
  type ImageBlock,
  type MvccTuning,
  type RangeOptions,
  type RangeResult,
} from '../src/index.ts';

/** Values that are in rows only: what reads of them answer, and how many rows they get. */

const all = { start: '', endExclusive: unboundedEnd };
const tiny: Partial<MvccTuning> = { slabBytes: 256, rowRevisionsMax: 4, rowBytesMax: 256 };
const keyOf = (at: number): string => `k${String(at).padStart(6, '0')}`;

/** Each number below `count` once, in no order. */
function shuffled(count: number): number[] {
  const at = (i: number): number => Math.imul(i + 1, 0x9e37_79b1) >>> 0;
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => at(a) - at(b));
}

function put(store: MvccStore, key: string, size: number): void {
  const txn = store.beginWrite();
  txn.put(fromLatin1(key), new Uint8Array(size).fill(size), 0n);
  txn.end();
}

function remove(store: MvccStore, key: string): void {
  const txn = store.beginWrite();
  txn.deleteRange({ start: key, endExclusive: `${key}\0` });
  txn.end();
}

async function flush(store: MvccStore, backend: MemoryBackend): Promise<void> {
  const list = new ChangeList();
  const token = store.drain(list);
  await backend.write(list.changes);
  store.markFlushed(token);
}

/** The same store with all of its values in rows only, and what it gets from the backend counted. */
async function opened(
  store: MvccStore,
  backend: BackendReader,
  options: { readonly budget?: number; readonly tuning?: Partial<MvccTuning> } = {},
): Promise<{ cold: MvccStore; gets: () => number }> {
  const blocks = [...(store.image([]) ?? [])].map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }));
  let count = 0;
  const counting: BackendReader = {
    get(bucket, key) {
      count++;
      return backend.get(bucket, key);
    },
    scan: (bucket, range) => backend.scan(bucket, range),
  };
  const cold = await MvccStore.open({
    backend: counting,
    image: streamOf(blocks),
    ...(options.budget === undefined ? {} : { valueBudgetBytes: options.budget }),
    ...(options.tuning === undefined ? {} : { tuning: options.tuning }),
  });
  count = 0;
  return { cold, gets: () => count };
}

async function* streamOf(blocks: readonly ImageBlock[]): AsyncGenerator<ImageBlock> {
  yield* blocks;
}

/** A store of `count` values in an order that is not that of their keys. */
async function stored(
  count: number,
  size: number,
): Promise<{ store: MvccStore; backend: MemoryBackend; rows: number }> {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend });
  for (const at of shuffled(count)) put(store, keyOf(at), size);
  await flush(store, backend);
  const rows = (await Array.fromAsync(backend.scan('key'))).flat().length;
  return { store, backend, rows };
}

/** The range in steps, joined. */
function inSteps(store: MvccStore, options: RangeOptions): { kvs: string[]; steps: number } {
  const kvs: string[] = [];
  let range = all;
  for (let steps = 1; ; steps++) {
    const found: RangeResult = store.range(range, options);
    kvs.push(...found.kvs.map(toHex));
    if (found.next === undefined) return { kvs, steps };
    range = { ...all, start: found.next };
  }
}

const change = fc.record({
  at: fc.nat(40),
  size: fc.nat(60),
  isPut: fc.constantFrom(true, true, true, false),
});
const read = fc.record({
  from: fc.nat(40),
  length: fc.nat(40),
  limit: fc.nat(12),
  age: fc.nat(30),
  workMax: fc.constantFrom(1, 50, 200, Infinity),
  between: fc.option(change, { freq: 3, nil: undefined }),
});

test('whatever is in memory and what is not, a range answers the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 150, size: 'max' }),
      fc.array(read, { maxLength: 25 }),
      fc.constantFrom(0, 300, 1_000, 100_000),
      fc.boolean(),
      async (changes, reads, budget, isCompacted) => {
        const backend = new MemoryBackend();
        const store = await MvccStore.open({ backend, tuning: tiny });
        const apply = (to: MvccStore, { at, size, isPut }: (typeof changes)[0]): void => {
          if (isPut) put(to, keyOf(at), size);
          else remove(to, keyOf(at));
        };
        for (const each of changes) apply(store, each);
        await flush(store, backend);
        if (isCompacted && store.currentRevision > 10) {
          const list = new ChangeList();
          store.scheduleCompaction(store.currentRevision - 5, list);
          while (store.compactSlice(list));
          await backend.write(list.changes);
          await flush(store, backend);
        }
        const { cold } = await opened(store, backend, { budget, tuning: tiny });
        for (const { from, length, limit, age, workMax, between } of reads) {
          const range = { start: keyOf(from), endExclusive: keyOf(from + length) };
          const oldest = Math.max(1, store.compactedRevision);
          const revision = age === 0 ? 0 : Math.max(oldest, store.currentRevision - age);
          const whole = store.range(range, { revision, limit });
          const found = cold.range(range, { revision, limit, workMax });
          expect(found.kvs.map(toHex)).toEqual(whole.kvs.slice(0, found.kvs.length).map(toHex));
          if (found.next === undefined)
            expect([found.kvs.length, found.count]).toEqual([whole.kvs.length, whole.count]);
          if (between === undefined) continue;
          apply(store, between);
          apply(cold, between);
        }
        cold.checkInvariants();
      },
    ),
    { numRuns: 300 },
  );
});

test('a list gets a row once, in whatever order its values were written, in one read and in steps', async () => {
  // Three times the rows that are kept for their neighbours.
  const { store, backend, rows } = await stored(3_000, 1_000);
  const wanted = store.range(all).kvs.map(toHex);
  expect(rows).toBeGreaterThan(180);
  for (const workMax of [Infinity, 2_000]) {
    const { cold, gets } = await opened(store, backend);
    const { kvs, steps } = inSteps(cold, { workMax });
    expect(kvs).toEqual(wanted);
    expect(gets()).toBe(rows);
    expect(steps).toBeLessThan(60);
  }
});

test('a list larger than the memory for values reads ahead no further than that reaches', async () => {
  const { store, backend } = await stored(3_000, 1_000);
  const wanted = store.range(all).kvs.map(toHex);
  const ample = await opened(store, backend, { budget: 4_000_000 });
  const scarce = await opened(store, backend, { budget: 800_000, tuning: { slabBytes: 16_384 } });
  const none = await opened(store, backend, { budget: 0, tuning: { slabBytes: 16_384 } });
  for (const { cold } of [ample, scarce, none]) expect(inSteps(cold, { workMax: 2_000 }).kvs).toEqual(wanted);
  expect(ample.gets()).toBeLessThan(scarce.gets());
  expect(scarce.gets()).toBeLessThan(none.gets() / 2);
  // Nothing was dropped before it was asked for.
  expect(scarce.cold.valueMemoryBytes).toBeLessThanOrEqual(800_000 + 16_384);
});

test('a page takes of its rows what lies on it, and no more', async () => {
  const { store, backend } = await stored(3_000, 200);
  const { cold } = await opened(store, backend, { tuning: { slabBytes: 1_024 } });
  expect(cold.range(all, { limit: 20 }).kvs.length).toBe(20);
  expect(cold.valueMemoryBytes).toBeLessThanOrEqual(20 * 256 + 1_024);
});

test('values that were read from rows do not keep the rows in memory', async () => {
  const { store, backend } = await stored(3_000, 100);
  const revision = store.currentRevision;
  for (let at = 0; at < 3_000; at += 2) put(store, keyOf(at), 1);
  await flush(store, backend);
  for (const asOf of [0, revision]) {
    const { cold } = await opened(store, backend, { budget: 0, tuning: { slabBytes: 4_096 } });
    const { kvs } = cold.range(all, { revision: asOf });
    const sizes = kvs.reduce((sum, kv) => sum + kv.length, 0);
    const memories = new Set(kvs.map((kv) => kv.buffer));
    const kept = [...memories].reduce((sum, memory) => sum + memory.byteLength, 0);
    expect(kvs.length).toBe(3_000);
    expect(kept).toBeLessThan(sizes * 1.5);
  }
});

test('of older revisions, a megabyte of rows is kept for the values around those that were read', async () => {
  for (const [size, isWithin] of [
    [200, true],
    [1_000, false],
  ] as const) {
    const { store, backend } = await stored(3_000, size);
    const revision = store.currentRevision;
    const wanted = store.range(all).kvs.map(toHex);
    for (let at = 0; at < 3_000; at++) put(store, keyOf(at), 1);
    await flush(store, backend);
    const { cold, gets } = await opened(store, backend);
    expect(inSteps(cold, { revision, workMax: 2_000 }).kvs).toEqual(wanted);
    const rows = Math.ceil((3_000 * (size + 20)) / 16_384);
    if (isWithin) expect(gets()).toBeLessThan(rows * 1.5);
    else expect(gets()).toBeGreaterThan(rows * 2);
  }
});

test('a damaged row is noticed by every list that comes to it, and hurts none once it is mended', async () => {
  const { store, backend } = await stored(500, 200);
  const wanted = store.range(all).kvs.map(toHex);
  const damaged = expect.objectContaining({ code: 'MVCC_DAMAGED_ROW' }) as Error;
  for (const [key, value] of (await Array.fromAsync(backend.scan('key'))).flat()) {
    const { cold } = await opened(store, backend);
    const flipped = value.slice();
    flipped[value.length >> 1]! ^= 4;
    await backend.write([{ bucket: 'key', key, value: flipped }]);
    for (let time = 0; time < 2; time++) expect(() => cold.range(all)).toThrow(damaged);
    cold.range(all, { countOnly: true });
    await backend.write([{ bucket: 'key', key, value }]);
    expect(cold.range(all).kvs.map(toHex)).toEqual(wanted);
    cold.checkInvariants();
  }
});
