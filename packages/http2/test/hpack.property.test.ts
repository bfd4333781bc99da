import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HpackDecoder, HpackEncoder, PreparedHeader } from '../src/index.ts';

const field = fc.record({
  name: fc.oneof(
    fc.constantFrom(':status', ':path', 'content-type', 'grpc-status', 'x'),
    fc.string({
      minLength: 1,
      unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    }),
  ),
  value: fc.oneof(
    fc.constantFrom('200', '', 'application/grpc', '0'),
    fc.string({
      maxLength: 300,
      unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    }),
  ),
  isRepeated: fc.boolean(),
});
const step = fc.oneof(
  { weight: 6, arbitrary: fc.array(field, { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
);

test('what is decoded is what was encoded, over any sizes of the table', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(field, { maxLength: 4 }), (steps, repeated) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 1e6, maxFields: 1e3 });
      const prepared = new PreparedHeader(repeated);
      for (const one of steps) {
        if (typeof one === 'number') {
          encoder.setMaxTableSize(one);
          continue;
        }
        for (const header of [one, prepared, prepared]) {
          const block = Buffer.from(encoder.encode(header));
          const wanted = header instanceof PreparedHeader ? header.fields : header;
          expect(decoder.decode(block).fields.map(({ name, value }) => [name, value])).toEqual(
            wanted.map(({ name, value }) => [name, value]),
          );
        }
      }
    }),
  );
});

test('no bytes break a decoder but by its own error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (blocks) => {
      const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 2_000, maxFields: 20 });
      try {
        for (const block of blocks) {
          const list = decoder.decode(block);
          expect(list.isTooLarge || list.size <= 2_000).toBe(true);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'HTTP2_CONNECTION', errorCode: 0x9 });
      }
    }),
  );
});

test('of a list that is too large as much is checked and counted as of one that is kept', () => {
  const blocks = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 });
  const headers = fc.array(fc.array(field, { maxLength: 6 }), { maxLength: 6 }).map((lists) => {
    const encoder = new HpackEncoder();
    return lists.map((list) => Buffer.from(encoder.encode(list)));
  });
  fc.assert(
    fc.property(fc.oneof(blocks, headers), (some) => {
      const sizes = (maxFields: number): (number | string)[] => {
        const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 1e6, maxFields });
        const told: (number | string)[] = [];
        try {
          for (const block of some) told.push(decoder.decode(block).size);
        } catch (error) {
          told.push(String(error));
        }
        return told;
      };
      expect(sizes(0)).toEqual(sizes(1e3));
    }),
    { numRuns: 500 },
  );
});
