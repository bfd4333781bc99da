import { emptyBytes } from '@quorate/std';
import { decodeKeyValue, encodeKeyValue, type KeyValue } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createRevisionOf,
  leaseOf,
  modRevisionOf,
  valueOf,
  versionOf,
  withoutValue,
} from '../../src/kv/encoded-key-value.ts';
import { readableKeyValue } from './requests.ts';

const count = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat());
const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.uint8Array({ maxLength: 200 }),
  createRevision: count,
  modRevision: count,
  version: count,
  value: fc.uint8Array({ maxLength: 300 }),
  lease: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
});

test('single fields are what a whole decoding finds', () => {
  fc.assert(
    fc.property(keyValue, (kv) => {
      const encoded = encodeKeyValue(kv);
      expect(createRevisionOf(encoded)).toBe(kv.createRevision);
      expect(modRevisionOf(encoded)).toBe(kv.modRevision);
      expect(versionOf(encoded)).toBe(kv.version);
      expect(Buffer.from(valueOf(encoded))).toEqual(Buffer.from(kv.value));
      expect(leaseOf(encoded)).toBe(kv.lease);
    }),
  );
});

test('without its value a KeyValue keeps all else, byte for byte as if encoded so', () => {
  fc.assert(
    fc.property(keyValue, (kv) => {
      const short = withoutValue(encodeKeyValue(kv));
      expect(Buffer.from(short)).toEqual(Buffer.from(encodeKeyValue({ ...kv, value: emptyBytes })));
      expect(readableKeyValue(decodeKeyValue(short))).toEqual(readableKeyValue({ ...kv, value: emptyBytes }));
    }),
  );
});

test('bytes that end within a field are an invariant failure', () => {
  const encoded = encodeKeyValue({
    key: Buffer.from('key'),
    createRevision: 300,
    modRevision: 300,
    version: 1,
    value: Buffer.from('value'),
    lease: 2n ** 40n,
  });
  for (const size of [2, 4, 7, 10, encoded.length - 1]) {
    expect(() => leaseOf(encoded.subarray(0, size))).toThrow('a stored KeyValue is whole');
  }
});
