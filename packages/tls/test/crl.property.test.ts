import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCrl } from '../src/crl.ts';
import { CertificateAuthority } from '../src/testing/index.ts';

const ca = await CertificateAuthority.create();
const pem = await ca.crl(['0102', 'ff']);
const der = Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64');

test('a list is read as it was made', () => {
  expect([...parseCrl(der).serials]).toEqual(['102', 'ff']);
});

test('a list that is cut off, or longer than it says, is an error', () => {
  for (let length = 0; length < der.length; length++) {
    expect(() => parseCrl(der.subarray(0, length))).toThrow();
  }
  expect(() => parseCrl(Buffer.concat([der, Buffer.from([0])]))).toThrow();
});

test('whatever bytes are in a list, it is read or an error, and nothing else', () => {
  const change = fc.record({ at: fc.nat(der.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
      const bytes = Uint8Array.from(der);
      for (const { at, to } of changes) bytes[at] = to;
      try {
        expect(parseCrl(bytes).serials.size).toBeLessThan(der.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});
