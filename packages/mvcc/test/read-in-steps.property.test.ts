import { ChangeList, fromLatin1 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import type { RangeRequest } from '@quorate/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  executeRange,
  MvccStore,
  RangeRun,
  RangeStreamer,
  unboundedEnd,
  type MvccTuning,
} from '../src/index.ts';

/** Reads that are cut into steps, and what a step costs: in keys that are looked at, since time is not for tests. */

const all = { start: '', endExclusive: unboundedEnd };
const tiny: Partial<MvccTuning> = { slabBytes: 256, rowRevisionsMax: 4, rowBytesMax: 256 };

function put(store: MvccStore, key: string, value = 'v'): void {
  const txn = store.beginWrite();
  txn.put(fromLatin1(key), fromLatin1(value), 0n);
  txn.end();
}

function remove(store: MvccStore, start: string, endExclusive: string): void {
  const txn = store.beginWrite();
  txn.deleteRange({ start, endExclusive });
  txn.end();
}

async function flush(store: MvccStore, backend: MemoryBackend): Promise<void> {
  const changes = new ChangeList();
  const token = store.drain(changes);
  await backend.write(changes.changes);
  store.markFlushed(token);
}

const keyOf = (at: number): string => `k${String(at).padStart(6, '0')}`;

const keyNumber = fc.nat(30);
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), at: keyNumber, size: fc.nat(40) }) },
  fc.record({ kind: fc.constant('delete' as const), at: keyNumber, size: fc.nat(3) }),
);
const request = fc.record({
  from: keyNumber,
  to: fc.option(keyNumber, { nil: undefined }),
  limit: fc.nat(10),
  revisionShare: fc.double({ min: 0, max: 1, noNaN: true }),
  sortOrder: fc.constantFrom(0, 1, 2),
  sortTarget: fc.constantFrom(0, 1, 2, 3, 4),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: fc.constantFrom(0, 5),
});

function apply(
  store: MvccStore,
  { kind, at, size }: { kind: 'put' | 'delete'; at: number; size: number },
): void {
  if (kind === 'put') put(store, keyOf(at), 'v'.repeat(size));
  else remove(store, keyOf(at), keyOf(at + size + 1));
}

test('a range that is read in steps is what one read is, whatever is written in between', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 60 }),
      fc.array(change, { maxLength: 20 }),
      request,
      fc.integer({ min: 1, max: 40 }),
      async (before, between, asked, workMax) => {
        const backend = new MemoryBackend();
        const store = await MvccStore.open({ backend, tuning: tiny, valueBudgetBytes: 512 });
        for (const each of before) apply(store, each);
        await flush(store, backend);
        const range = rangeRequest(asked, store.currentRevision);
        const whole = executeRange(store, range);
        const run = new RangeRun(range);
        let response = run.next(store, workMax);
        for (let step = 0; response === undefined; step++) {
          const each = between[step];
          if (each !== undefined) apply(store, each);
          response = run.next(store, workMax);
        }
        expect(response).toEqual(whole);
        store.checkInvariants();
      },
    ),
    { numRuns: 300 },
  );
});

describe('what a step costs', () => {
  const count = 20_000;
  /** A leaf has at most 64 keys, and both ends of a range are looked at. */
  const few = 300;
  let store: MvccStore;
  let backend: MemoryBackend;

  beforeEach(async () => {
    backend = new MemoryBackend();
    store = await MvccStore.open({ backend });
    for (let at = 0; at < count; at++) put(store, keyOf(at));
  });

  test('a count and a page of the newest revision cost their results', () => {
    expect(store.range(all, { countOnly: true, workMax: 0 })).toEqual({ kvs: [], count });
    const page = store.range(all, { limit: 100, workMax: 101 });
    expect([page.kvs.length, page.count, page.next]).toEqual([100, count, undefined]);
  });

  test('a count and a page of an older revision cost what has changed since', () => {
    const revision = store.currentRevision;
    for (let at = 0; at < 3; at++) put(store, `${keyOf(at * 5_000)}x`);
    remove(store, keyOf(7_000), keyOf(7_010));
    const start = keyOf(100);
    const range = { start, endExclusive: unboundedEnd };
    const counted = store.range(range, { revision, countOnly: true, workMax: 5 * few });
    expect([counted.count, counted.next]).toEqual([count - 100, undefined]);
    const page = store.range(range, { revision, limit: 100, workMax: 5 * few + 100 });
    expect([page.kvs.length, page.count, page.next]).toEqual([100, count - 100, undefined]);
  });

  test('a store that was opened finds out once what has changed when', async () => {
    await flush(store, backend);
    const opened = await MvccStore.open({ backend });
    const revision = opened.currentRevision;
    put(opened, 'later');
    const first = opened.range(all, { revision, countOnly: true, workMax: few });
    expect(first.next).toBeDefined();
    expect(opened.range(all, { revision, countOnly: true })).toEqual({ kvs: [], count });
    expect(opened.range(all, { revision, countOnly: true, workMax: few })).toMatchObject({
      count,
      next: undefined,
    });
  });

  test('values that are not in memory count for many keys', async () => {
    await flush(store, backend);
    const poor = await MvccStore.open({ backend, tuning: tiny, valueBudgetBytes: 1 });
    const warm = store.range(all, { workMax: 1_000 });
    const cold = poor.range(all, { workMax: 1_000 });
    expect(warm.kvs.length).toBe(1_000);
    expect(cold.kvs.length).toBeGreaterThan(0);
    expect(cold.kvs.length).toBeLessThan(200);
    expect(cold.next).toBe(keyOf(cold.count));
  });

  test('a stream of such values comes in smaller chunks, and is whole', async () => {
    remove(store, keyOf(2_000), keyOf(19_000));
    await flush(store, backend);
    const poor = await MvccStore.open({ backend, tuning: tiny, valueBudgetBytes: 1 });
    const asked = { from: 0, to: undefined, limit: 0, sortOrder: 0, sortTarget: 0, keysOnly: false };
    const request = rangeRequest({ ...asked, countOnly: false, minModRevision: 0, revisionShare: 0 }, 0);
    for (const revision of [0, count]) {
      const whole = executeRange(poor, { ...request, revision });
      const streamer = new RangeStreamer({ ...request, revision }, { maxRequestBytes: 1_000_000 });
      const kvs: Uint8Array[] = [];
      let most = 0;
      for (let chunk = streamer.next(poor); chunk !== undefined; chunk = streamer.next(poor)) {
        kvs.push(...chunk.kvs);
        most = Math.max(most, chunk.kvs.length);
      }
      expect([kvs.length, most < 1_000]).toEqual([whole.kvs.length, true]);
      expect(Buffer.concat(kvs).equals(Buffer.concat(whole.kvs))).toBe(true);
    }
  });
});

function rangeRequest(
  asked: {
    from: number;
    to: number | undefined;
    limit: number;
    revisionShare: number;
    sortOrder: number;
    sortTarget: number;
    keysOnly: boolean;
    countOnly: boolean;
    minModRevision: number;
  },
  current: number,
): RangeRequest {
  const { from, to, revisionShare, ...others } = asked;
  return {
    ...others,
    key: fromLatin1(keyOf(from)),
    rangeEnd: to === undefined ? new Uint8Array([0]) : fromLatin1(keyOf(to)),
    revision: Math.floor(revisionShare * current),
    serializable: false,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}
