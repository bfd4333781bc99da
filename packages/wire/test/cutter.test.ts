import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cutter } from '../src/hot/cutter.ts';

test('arrays have their size, and none shares a byte with another', () => {
  const sizes = fc.array(fc.oneof(fc.nat(600), fc.constantFrom(0, 8191, 8192, 8193, 65_536, 100_000)), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(sizes, (all) => {
      const cutter = new Cutter();
      const arrays = all.map((size, at) => cutter.cut(size).fill(at % 256));
      expect(arrays.map((array) => array.length)).toEqual(all);
      for (const [at, array] of arrays.entries()) {
        expect(array.findIndex((byte) => byte !== at % 256)).toBe(-1);
      }
    }),
    { numRuns: 50 },
  );
});

test('small arrays share memory, large ones have their own', () => {
  const cutter = new Cutter();
  expect(cutter.cut(300).buffer).toBe(cutter.cut(300).buffer);
  expect(cutter.cut(9000).buffer.byteLength).toBe(9000);
});
