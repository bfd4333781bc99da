import { wholeBytes } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RangeResponseSource } from '../src/hot/range-response-source.ts';
import { encodeRangeResponse, packRangeResponse, type RangeResponseParts } from '../src/index.ts';
import { count, responseHeader } from './support/arbitraries.ts';

/** Answers that are put together as they are sent, against those that are made at once. */

const parts: fc.Arbitrary<RangeResponseParts> = fc.record({
  header: fc.option(responseHeader, { nil: undefined }),
  kvs: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
  more: fc.boolean(),
  count,
});
/** Sizes of the pieces that are read, over and over. */
const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });

test('an answer that is read in pieces of any size is the answer', () => {
  fc.assert(
    fc.property(parts, pieces, (response, sizes) => {
      const source = new RangeResponseSource(response);
      expect(readInPieces(source, sizes)).toEqual(encodeRangeResponse(response));
    }),
  );
});

test('an answer that is detached on the way goes on, whatever becomes of the key-values', () => {
  fc.assert(
    fc.property(parts, pieces, fc.double({ min: 0, max: 1, noNaN: true }), (response, sizes, share) => {
      const expected = encodeRangeResponse(response);
      const source = new RangeResponseSource(response);
      const first = new Uint8Array(Math.floor(share * source.length));
      source.read(first, 0, first.length);
      source.detach();
      for (const kv of response.kvs) kv.fill(0);
      const rest = readInPieces(source, sizes, source.length - first.length);
      expect(Buffer.concat([first, rest])).toEqual(Buffer.from(expected));
    }),
  );
});

test('nothing outside of the place for a piece is written', () => {
  const source = new RangeResponseSource({ ...empty, kvs: [new Uint8Array(40).fill(7)] });
  const target = new Uint8Array(64).fill(255);
  source.read(target, 10, 30);
  expect([...target.subarray(0, 10), ...target.subarray(30)].every((byte) => byte === 255)).toBe(true);
});

test('more than there is is not read', () => {
  const source = new RangeResponseSource({ ...empty, kvs: [new Uint8Array(40)] });
  expect(() => source.read(new Uint8Array(100), 0, source.length + 1)).toThrow('no more is read');
});

test('small answers are arrays, large ones sources of the same bytes', () => {
  const small = { ...empty, kvs: [new Uint8Array(100)] };
  const large = { ...empty, kvs: [new Uint8Array(10_000).fill(1), new Uint8Array(10_000).fill(2)] };
  expect(packRangeResponse(small)).toEqual(encodeRangeResponse(small));
  const packed = packRangeResponse(large);
  expect(packed).toBeInstanceOf(RangeResponseSource);
  expect(new Uint8Array(wholeBytes(packed))).toEqual(encodeRangeResponse(large));
});

const empty: RangeResponseParts = { header: undefined, kvs: [], more: false, count: 0 };

function readInPieces(
  source: RangeResponseSource,
  sizes: readonly number[],
  length = source.length,
): Uint8Array {
  const whole = new Uint8Array(length);
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const end = Math.min(whole.length, at + (sizes[turn % sizes.length] ?? 1));
    source.read(whole, at, end);
    at = end;
  }
  return whole;
}
