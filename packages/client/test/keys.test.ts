import { compareBytes } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prefixEnd, toKeyRange } from '../src/index.ts';

const bytes = (...values: number[]) => new Uint8Array(values);

test('the end of a prefix raises its last byte that can be raised', () => {
  expect(prefixEnd(bytes(1, 2))).toEqual(bytes(1, 3));
  expect(prefixEnd(bytes(1, 0xff, 0xff))).toEqual(bytes(2));
  expect(prefixEnd(bytes(0xff, 0xff))).toEqual(bytes(0));
});

test('a key has the prefix exactly when it lies from the prefix up to its end', () => {
  const key = fc.uint8Array({ maxLength: 6 });
  const prefix = fc.uint8Array({ minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(prefix, key, (p, k) => {
      const end = prefixEnd(p);
      const unbounded = end.length === 1 && end[0] === 0;
      const inRange = compareBytes(k, p) >= 0 && (unbounded || compareBytes(k, end) < 0);
      expect(inRange).toBe(compareBytes(k.subarray(0, p.length), p) === 0);
    }),
  );
});

test('selectors become ranges in the terms of etcd', () => {
  expect(toKeyRange({ key: 'a' })).toEqual({ key: bytes(97), rangeEnd: bytes() });
  expect(toKeyRange({ prefix: 'a' })).toEqual({ key: bytes(97), rangeEnd: bytes(98) });
  expect(toKeyRange({ prefix: '' })).toEqual({ key: bytes(0), rangeEnd: bytes(0) });
  expect(toKeyRange({ range: { from: 'a' } })).toEqual({ key: bytes(97), rangeEnd: bytes(0) });
  expect(toKeyRange({ range: { from: '', endExclusive: 'b' } })).toEqual({
    key: bytes(0),
    rangeEnd: bytes(98),
  });
});
