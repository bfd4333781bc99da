import { fromLatin1, toHex } from '@quorate/std';
import { encodeKeyValue } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  KeyValueFields,
  keyOf,
  putSize,
  storedSize,
  tombstoneSize,
  writePut,
  writeTombstone,
} from '../src/key-value-bytes.ts';

const count = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);
const key = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }),
  fc.constant(new Uint8Array(300).fill(97)),
);
const counts = fc.record({ createRevision: count, modRevision: count, version: count });
const lease = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));

test('a put is written as the codec of wire writes it, and read back', () => {
  fc.assert(
    fc.property(
      key,
      fc.uint8Array({ maxLength: 200 }),
      counts,
      lease,
      fc.nat(5),
      (k, value, c, l, offset) => {
        const target = new Uint8Array(offset + putSize(k, value, c, l));
        expect(writePut(k, value, c, l, target, offset)).toBe(target.length);
        expect(toHex(target.subarray(offset))).toBe(toHex(encodeKeyValue({ key: k, value, ...c, lease: l })));
        const fields = new KeyValueFields();
        fields.read(target, offset, target.length);
        expect(fields).toMatchObject(c);
        expect(fields.lease()).toBe(l);
        expect(fields.hasLease).toBe(l !== 0n);
        expect(keyOf(target, offset)).toBe(Buffer.from(k).toString('latin1'));
      },
    ),
  );
});

test('a tombstone starts with what the backend of etcd would hold of it', () => {
  fc.assert(
    fc.property(key, count, (k, modRevision) => {
      const empty = { createRevision: 0, version: 0, value: new Uint8Array(0), lease: 0n };
      const target = new Uint8Array(tombstoneSize(k.length, modRevision));
      writeTombstone(Buffer.from(k).toString('latin1'), modRevision, target, 0);
      expect(toHex(target)).toBe(toHex(encodeKeyValue({ key: k, modRevision, ...empty })));
      const stored = target.subarray(0, storedSize(target.length, true, modRevision));
      expect(toHex(stored)).toBe(toHex(encodeKeyValue({ key: k, modRevision: 0, ...empty })));
    }),
  );
});

test('bytes that are no KeyValue are refused', () => {
  const fields = new KeyValueFields();
  const cut = encodeKeyValue({
    key: fromLatin1('key'),
    createRevision: 1,
    modRevision: 1,
    version: 1,
    value: new Uint8Array(9),
    lease: 0n,
  }).subarray(0, -1);
  expect(() => fields.read(cut, 0, cut.length)).toThrow(RangeError);
  expect(() => fields.read(Uint8Array.of(0x3a), 0, 1)).toThrow(RangeError);
  expect(() => keyOf(Uint8Array.of(0x10, 1), 0)).toThrow(RangeError);
});
