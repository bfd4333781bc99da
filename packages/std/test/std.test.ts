import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  clampCount,
  compareBytes,
  concatBytes,
  crc32c,
  equalBytes,
  fromAnyUtf8,
  fromHex,
  fromLatin1,
  fromUtf8,
  idToHex,
  invariant,
  InvariantError,
  SeededRandom,
  toCount,
  toAnyUtf8,
  toHex,
  toLatin1,
  toUtf8,
  uint64FromBytes,
  uint64ToBytes,
} from '../src/index.ts';
import { ManualClock, runReadmeExample } from '../src/testing/index.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

test('the example of the README holds', () => runReadmeExample(new URL('../README.md', import.meta.url)));

test('a false condition is an InvariantError with the given message', () => {
  expect(() => invariant(false, 'two and two')).toThrow(new InvariantError('two and two'));
  invariant(true, 'never');
});

test('latin1 strings compare as their bytes do, and come back', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [s, t] = [toLatin1(a), toLatin1(b)];
      expect(s < t ? -1 : s > t ? 1 : 0).toBe(compareBytes(a, b));
      expect(equalBytes(fromLatin1(s), a)).toBe(true);
    }),
  );
});

test('a prefix sorts before what extends it, and bytes are unsigned', () => {
  expect(compareBytes(fromHex('61'), fromHex('6100'))).toBe(-1);
  expect(compareBytes(fromHex('7f'), fromHex('80'))).toBe(-1);
});

test('CRC-32C of the check string is the published value', () => {
  expect(crc32c(fromUtf8('123456789')).toString(16)).toBe('e3069283');
});

test('CRC-32C chains, at every cut and every alignment', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (all, at) => {
      const cut = Math.min(at, all.length);
      expect(crc32c(all, crc32c(all, 0, 0, cut), cut)).toBe(slowCrc(all));
    }),
  );
});

test('CRC-32C of any stretch of a view is the one bit by bit, whatever its length and place in memory', () => {
  const memory = new Uint8Array(4096).map((_, i) => Math.imul(i, 0x9e37_79b1) >>> 13);
  for (let size = 0; size < 600; size++) {
    const at = size % 37;
    expect(crc32c(memory.subarray(at), 7, 5, 5 + size)).toBe(
      slowCrc(memory.subarray(at + 5, at + 5 + size), 7),
    );
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ size: 'max', maxLength: 3000 }),
      fc.nat(40),
      fc.nat(3000),
      (all, from, cut) => {
        const view = all.subarray(Math.min(from, all.length));
        const at = Math.min(cut, view.length);
        expect(crc32c(view, crc32c(view, 0, 0, at), at)).toBe(slowCrc(view));
      },
    ),
  );
});

test('hex text round-trips and foreign text is refused', () => {
  fc.assert(fc.property(bytes, (b) => void expect(fromHex(toHex(b))).toEqual(b)));
  expect(() => fromHex('abc')).toThrow(RangeError);
  expect(() => fromHex('zz')).toThrow(RangeError);
});

test('text comes back from its UTF-8 bytes, a byte-order mark in front included', () => {
  for (const text of ['', 'm\u00fcller', '\ufeffroot', '\u{1f600}\0'])
    expect(toUtf8(fromUtf8(text))).toBe(text);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => toUtf8(fromUtf8(text)) === text));
});

test('bytes that are no UTF-8 come back from text too, and no two byte strings are one text', () => {
  const some = fc.oneof(
    bytes,
    fc
      .array(fc.constantFrom(0x00, 0x61, 0x80, 0xbf, 0xc3, 0xe2, 0x82, 0xac, 0xed, 0xb2, 0xf0, 0x9f, 0xff))
      .map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(some, (any) => {
      expect(toHex(fromAnyUtf8(toAnyUtf8(any)))).toBe(toHex(any));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(toAnyUtf8(fromUtf8(text))).toBe(text);
      expect(equalBytes(fromAnyUtf8(text), fromUtf8(text))).toBe(true);
    }),
  );
  expect(toAnyUtf8(Uint8Array.of(0xff))).toBe('\udcff');
  expect(toHex(fromAnyUtf8('\ud800'))).toBe('efbfbd');
});

test('concatBytes keeps every byte in order', () => {
  fc.assert(
    fc.property(
      fc.array(bytes),
      (parts) => void expect([...concatBytes(parts)]).toEqual(parts.flatMap((p) => [...p])),
    ),
  );
});

test('a 64-bit ID round-trips through eight big-endian bytes', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 2n ** 64n - 1n),
      (id) => void expect(uint64FromBytes(uint64ToBytes(id))).toBe(id),
    ),
  );
  expect(idToHex(-1n)).toBe('ffffffffffffffff');
  expect(idToHex(0x0abcn)).toBe('abc');
});

test('toCount takes what fits a number exactly, and names what does not', () => {
  expect(toCount(2n ** 53n - 1n, 'revision')).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => toCount(2n ** 53n, 'revision')).toThrow(/revision 9007199254740992/);
  expect(() => toCount(-1n, 'index')).toThrow(RangeError);
});

test('clampCount keeps the order of any two 64-bit integers or makes them equal', () => {
  const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
  fc.assert(
    fc.property(int64, int64, (a, b) => {
      if (a <= b) expect(clampCount(a)).toBeLessThanOrEqual(clampCount(b));
    }),
  );
});

test('one seed gives one sequence, within its bounds', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 - 1 }), (seed, limit) => {
      const [a, b] = [new SeededRandom(seed), new SeededRandom(seed)];
      for (let i = 0; i < 20; i++) {
        const x = a.below(limit);
        expect(x).toBe(b.below(limit));
        expect(x >= 0 && x < limit && Number.isInteger(x)).toBe(true);
      }
      expect(a.uint64()).toBe(b.uint64());
    }),
  );
});

test('a manual clock fires timers in order of time, then of making, those set meanwhile included', () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  clock.after(20, () => fired.push('c'));
  clock.after(10, () => {
    fired.push('a');
    clock.after(5, () => fired.push('b'));
    clock.soon(() => fired.push('a2'));
  });
  clock.after(10, () => fired.push('never')).cancel();
  clock.advance(19);
  expect(fired).toEqual(['a', 'a2', 'b']);
  expect(clock.now()).toBe(19);
  clock.advance(1);
  expect(fired.at(-1)).toBe('c');
});

function slowCrc(all: Uint8Array, crc = 0): number {
  let c = crc ^ 0xffffffff;
  for (const byte of all) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  }
  return (c ^ 0xffffffff) >>> 0;
}
