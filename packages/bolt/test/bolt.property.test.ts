import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, equalBytes, fromUtf8 } from '@quorate/std';
import type { BoltRow } from '../src/index.ts';
import { bucketsOf, contentsOf, describe, openBytes, write, type Contents } from './helpers.ts';

/** Sizes where something changes: pages are full, overflow, and are split; buckets are inline or not. */
const size = (largest: number) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 64 }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 1200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: largest }) },
  );

const key = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 12 }), size(5000)).map(([start, length]) => {
  const bytes = new Uint8Array(start.length + length).fill(0x61);
  bytes.set(start);
  return bytes;
});

const value = fc.tuple(size(20_000), fc.nat(255)).map(([length, fill]) => new Uint8Array(length).fill(fill));

const rows = fc
  .oneof({ weight: 2, arbitrary: fc.constant(20) }, { weight: 1, arbitrary: fc.constant(1000) })
  .chain((maxLength) => fc.array(fc.tuple(key, value), { maxLength }))
  .map((pairs): BoltRow[] => {
    const sorted = pairs.sort(([a], [b]) => compareBytes(a, b));
    return sorted.filter(([own], i) => i === 0 || !equalBytes(own, sorted[i - 1]![0]));
  });

const contents = fc.dictionary(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }), rows, {
  maxKeys: 6,
  noNullPrototype: true,
});

function sortedNames(contents: Contents): string[] {
  return Object.keys(contents).sort((a, b) => compareBytes(fromUtf8(a), fromUtf8(b)));
}

test('what is written is read, and stands the check', async () => {
  const options = fc.record({
    pageSizeBytes: fc.constantFrom(1024, 4096, 16_384),
    fillPercent: fc.constantFrom(1, 0.9, 0.5, 0.1),
  });
  await fc.assert(
    fc.asyncProperty(
      contents,
      options,
      fc.integer({ min: 1, max: 700 }),
      async (contents, options, sliceRows) => {
        const bytes = await write(bucketsOf(contents, sliceRows), options);
        const file = await openBytes(bytes);
        expect(file.sizeBytes).toBe(bytes.length);
        const names = sortedNames(contents);
        expect(await file.bucketNames()).toEqual(names);
        const read = await contentsOf(file);
        for (const name of names) expect(describe(read[name]!)).toEqual(describe(contents[name]!));
        const check = await file.check();
        expect(check.bucketCount).toBe(names.length);
        expect(check.freePageCount).toBe(0);
        expect(check.rowCount).toBe(Object.values(contents).reduce((sum, rows) => sum + rows.length, 0));
      },
    ),
    { numRuns: 150 },
  );
});
