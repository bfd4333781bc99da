import { describe, expect, test } from 'vitest';
import { BatchPool } from '../src/batch-pool.ts';
import { rocksAvailable } from '../src/index.ts';

const key = new Uint8Array([1]);
const mib = 1024 * 1024;

/** The batch that is lent after one that held `bytes` was given back, and that one. */
function lentAfter(bytes: number): { readonly first: object; readonly second: object } {
  const pool = new BatchPool();
  const batch = pool.take();
  batch.put(key, new Uint8Array(bytes));
  pool.give(batch);
  return { first: batch.engine, second: pool.take().engine };
}

describe.skipIf(!rocksAvailable())('BatchPool', () => {
  test('a batch of the size that a burst of puts makes is used again', () => {
    const { first, second } = lentAfter(3.5 * mib);
    expect(second).toBe(first);
  });

  test('a giant is not kept', () => {
    const { first, second } = lentAfter(5 * mib);
    expect(second).not.toBe(first);
  });

  test("a batch on loan is nobody else's", () => {
    const pool = new BatchPool();
    expect(pool.take().engine).not.toBe(pool.take().engine);
  });
});
