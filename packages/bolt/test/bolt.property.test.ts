import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, equalBytes, fromUtf8 } from '@quorate/std';
import type { BoltRow } from '../src/index.ts';
import { bucketsOf, contentsOf, openBytes, write, type Contents } from './helpers.ts';

/** Sizes where something changes: pages are full, overflow, and are split; buckets are inline or not. */
const size = (largest: number) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 64 }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 1200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: largest }) },
  );

/** Rows whose keys share their first byte, and which are all of a like size. */
interface Run {
  readonly count: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Values have up to so many bytes more, some of them. */
  readonly spread: number;
}

const run: fc.Arbitrary<Run> = fc.record({
  count: fc.oneof(fc.nat(12), fc.nat(400), fc.nat(4000)),
  keySize: size(5000),
  valueSize: size(20_000),
  spread: fc.constantFrom(0, 1, 100, 3000),
});

const runSizeMax = 1 << 20;

/** Keys ascend from run to run and within each. */
const rows = fc.array(run, { maxLength: 4 }).map((runs) =>
  runs.flatMap(({ count, keySize, valueSize, spread }, run) => {
    const fits = Math.min(count, Math.floor(runSizeMax / (keySize + valueSize + spread + 1)));
    return Array.from({ length: fits }, (_, i): BoltRow => {
      const key = new Uint8Array(4 + keySize).fill(0x61);
      key.set([run, i >> 16, i >> 8, i]);
      return [key, new Uint8Array(valueSize + ((i * 7919) % (spread + 1))).fill(i)];
    });
  }),
);

const contents = fc.dictionary(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }), rows, {
  maxKeys: 6,
  noNullPrototype: true,
});

function sortedNames(contents: Contents): string[] {
  return Object.keys(contents).sort((a, b) => compareBytes(fromUtf8(a), fromUtf8(b)));
}

/** Faster than `toEqual`, which goes byte by byte. */
function sameRows(a: readonly BoltRow[], b: readonly BoltRow[]): boolean {
  return (
    a.length === b.length &&
    a.every(([key, value], i) => equalBytes(key, b[i]![0]) && equalBytes(value, b[i]![1]))
  );
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
        for (const name of names) expect(sameRows(read[name]!, contents[name]!), name).toBe(true);
        const check = await file.check();
        expect(check.bucketCount).toBe(names.length);
        expect(check.freePageCount).toBe(0);
        expect(check.rowCount).toBe(Object.values(contents).reduce((sum, rows) => sum + rows.length, 0));
      },
    ),
    { numRuns: 100 },
  );
});
