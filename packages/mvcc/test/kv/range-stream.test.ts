import fc from 'fast-check';
import type { RangeRequest, RangeResponseParts } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { executeRange } from '../../src/kv/range.ts';
import { RangeStreamer } from '../../src/kv/range-stream.ts';
import { ModelStore } from './model-store.ts';
import { bytes, expectCode, fill, keysOf, putNow, putRequest, rangeRequest, readable } from './requests.ts';

/** `count` keys k000, k001, ... with values of `valueSize` bytes, all put at revision 2. */
function storeOf(count: number, valueSize = 1): ModelStore {
  const store = new ModelStore();
  const txn = store.begin();
  for (let i = 0; i < count; i++) {
    txn.put(bytes(`k${String(i).padStart(3, '0')}`), bytes('v'.repeat(valueSize)), 0n);
  }
  txn.end();
  return store;
}

function streamAll(
  store: ModelStore,
  request: RangeRequest,
  maxRequestBytes = 1 << 20,
): RangeResponseParts[] {
  const streamer = new RangeStreamer(request, { maxRequestBytes });
  const chunks: RangeResponseParts[] = [];
  for (let chunk = streamer.next(store); chunk !== undefined; chunk = streamer.next(store))
    chunks.push(chunk);
  return chunks;
}

describe('RangeStreamer', () => {
  test('small chunks double from 10 keys, and only the last one has header, more and count', () => {
    const chunks = streamAll(storeOf(100), rangeRequest('k', 'l'));
    expect(chunks.map((chunk) => chunk.kvs.length)).toEqual([10, 20, 40, 30]);
    expect(chunks.slice(0, -1)).toMatchObject(
      Array.from({ length: 3 }, () => ({ header: undefined, more: false, count: 0 })),
    );
    expect(chunks.at(-1)).toMatchObject({ header: { revision: 2 }, more: false, count: 100 });
  });

  test('chunks far beyond the size halve, down to one key', () => {
    const sizes = (maxRequestBytes: number): number[] =>
      streamAll(storeOf(40, 100), rangeRequest('k', 'l'), maxRequestBytes).map((chunk) => chunk.kvs.length);
    expect(sizes(400)).toEqual([10, 5, 5, 5, 5, 5, 5]);
    expect(sizes(10).slice(0, 6)).toEqual([10, 5, 2, 1, 1, 1]);
    expect(sizes(1200)).toEqual([10, 10, 10, 10]);
  });

  test('a limit bounds the chunks and sets more', () => {
    const chunks = streamAll(storeOf(50), rangeRequest('k', 'l', { limit: 15 }));
    expect(chunks.map((chunk) => chunk.kvs.length)).toEqual([10, 5]);
    expect(chunks.at(-1)).toMatchObject({ more: true, count: 50 });
    expect(streamAll(storeOf(15), rangeRequest('k', 'l', { limit: 15 })).at(-1)).toMatchObject({
      more: false,
    });
    expect(streamAll(storeOf(50), rangeRequest('k', 'l', { limit: 3 }))).toMatchObject([
      { more: true, count: 50, header: { revision: 2 } },
    ]);
  });

  test('an empty range is one message', () => {
    expect(streamAll(storeOf(3), rangeRequest('x', 'z'))).toMatchObject([
      { kvs: [], more: false, count: 0, header: { revision: 2 } },
    ]);
  });

  test('count_only is one message with a count', () => {
    expect(streamAll(storeOf(30), rangeRequest('k', 'l', { countOnly: true, limit: 5 }))).toMatchObject([
      { kvs: [], more: false, count: 30, header: { revision: 2 } },
    ]);
  });

  test('what changes between the chunks is not seen', () => {
    const store = storeOf(25);
    const streamer = new RangeStreamer(rangeRequest('k', 'l'), { maxRequestBytes: 1 << 20 });
    const first = streamer.next(store)!;
    putNow(store, putRequest('k015', 'changed'));
    putNow(store, putRequest('k0155', 'new'));
    const last = streamer.next(store)!;
    expect(streamer.next(store)).toBeUndefined();
    expect([...first.kvs, ...last.kvs].map(readable)).toEqual(
      executeRange(store, rangeRequest('k', 'l', { revision: 2 })).kvs.map(readable),
    );
    expect(last).toMatchObject({ header: { revision: 2 }, count: 25 });
  });

  test('a compaction beyond its revision ends it with an error', () => {
    const store = storeOf(25);
    const streamer = new RangeStreamer(rangeRequest('k', 'l'), { maxRequestBytes: 1 << 20 });
    streamer.next(store);
    fill(store, [['x', '']]);
    store.compactedRevision = 3;
    expectCode(() => streamer.next(store), 'MVCC_COMPACTED');
  });

  test('the joined chunks are the answer of the range', () => {
    fc.assert(
      fc.property(
        fc.record({
          keys: fc.nat({ max: 70 }),
          limit: fc.integer({ min: -1, max: 80 }),
          keysOnly: fc.boolean(),
          countOnly: fc.boolean(),
          revision: fc.integer({ min: -1, max: 2 }),
          maxRequestBytes: fc.integer({ min: 1, max: 4000 }),
        }),
        ({ keys, maxRequestBytes, ...fields }) => {
          const store = storeOf(keys, 20);
          if (keys === 0) fields.revision = 0;
          const request = rangeRequest('k', 'l', fields);
          const chunks = streamAll(store, request, maxRequestBytes);
          const whole = executeRange(store, request);
          expect(keysOf(chunks.flatMap((chunk) => chunk.kvs))).toEqual(keysOf(whole.kvs));
          expect(chunks.at(-1)).toMatchObject({ header: whole.header, more: whole.more, count: whole.count });
        },
      ),
    );
  });
});
