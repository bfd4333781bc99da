import fc from 'fast-check';
import { encodeHuffman, huffmanLength } from '../../src/hpack/huffman.ts';

/** A name as HTTP takes it, that means nothing to anybody. */
export const plainName = fc
  .string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...'abcxyz019-_') })
  .map((name) => `x${name}`);
/** Letters of one byte, no control characters, no space at either end. */
export const plainValue = fc
  .string({
    maxLength: 80,
    unit: fc
      .oneof(
        { weight: 9, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
        { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
      )
      .map((byte) => String.fromCharCode(byte)),
  })
  .map((value) => value.trim());

/** A number as it stands behind some bits (RFC 7541 §5.1), with more bytes than it needs if `zeros` says so. */
function integer(pattern: number, prefixBits: number, value: number, zeros = 0): Buffer {
  const most = (1 << prefixBits) - 1;
  if (value < most) return Buffer.of(pattern | value);
  const bytes = [pattern | most];
  let left = value - most;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left & 0x7f) | 0x80);
  for (let count = 0; count < zeros; count++) {
    bytes.push(left | 0x80);
    left = 0;
  }
  return Buffer.of(...bytes, left);
}

function text(value: string, isHuffman: boolean): Buffer {
  if (!isHuffman) return Buffer.concat([integer(0, 7, value.length), Buffer.from(value, 'latin1')]);
  const bytes = Buffer.alloc(huffmanLength(value));
  encodeHuffman(value, bytes, 0);
  return Buffer.concat([integer(0x80, 7, bytes.length), bytes]);
}

/** Literal fields that are kept, not kept, and never to be kept: the pattern, and the bits that are left for an index. */
const literalForms = [
  [0x40, 6],
  [0x00, 4],
  [0x10, 4],
] as const;

const literal = fc
  .record({
    form: fc.constantFrom(...literalForms),
    name: fc.oneof(plainName, fc.integer({ min: 15, max: 64 })),
    value: plainValue,
    isNameHuffman: fc.boolean(),
    isValueHuffman: fc.boolean(),
    zeros: fc.constantFrom(0, 0, 0, 1, 2),
  })
  .map(({ form: [pattern, bits], name, value, isNameHuffman, isValueHuffman, zeros }) =>
    Buffer.concat([
      typeof name === 'number' ? integer(pattern, bits, name, zeros) : integer(pattern, bits, 0),
      ...(typeof name === 'number' ? [] : [text(name, isNameHuffman)]),
      text(value, isValueHuffman),
    ]),
  );
const indexed = fc.integer({ min: 15, max: 66 }).map((index) => integer(0x80, 7, index));
const resize = fc.integer({ min: 0, max: 4_200 }).map((size) => integer(0x20, 5, size));
/** `:method: POST`, `:scheme: http`, `:path: /`, `:authority: a`. */
const pseudoFields = Buffer.of(0x83, 0x86, 0x84, 0x01, 0x01, 0x61);

/** A header block of a request, by all the ways to write one; it refers to entries of the table that may be, or not. */
const goodBlock = fc
  .tuple(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant<Buffer[]>([]) },
      { weight: 1, arbitrary: fc.array(resize, { maxLength: 2 }) },
    ),
    fc.array(fc.oneof({ weight: 4, arbitrary: literal }, { weight: 1, arbitrary: indexed }), {
      maxLength: 5,
    }),
  )
  .map(([sizes, fields]) => Buffer.concat([...sizes, pseudoFields, ...fields]));

const change = fc.record({
  kind: fc.constantFrom('replace', 'insert', 'delete', 'flip', 'cut'),
  at: fc.nat({ max: 400 }),
  byte: fc.integer({ min: 0, max: 255 }),
});

/** Blocks of one connection, most of them right, some with a byte that is wrong. */
export const headerBlocks = fc.array(
  fc
    .tuple(goodBlock, fc.option(fc.array(change, { minLength: 1, maxLength: 3 }), { nil: [], freq: 3 }))
    .map(([block, changes]) => changes.reduce<Buffer>((bytes, one) => changed(bytes, one), block)),
  { minLength: 1, maxLength: 8 },
);

function changed(
  block: Buffer,
  { kind, at, byte }: { readonly kind: string; readonly at: number; readonly byte: number },
): Buffer {
  const index = at % Math.max(1, block.length);
  const [before, behind] = [block.subarray(0, index), block.subarray(index + 1)];
  if (kind === 'insert') return Buffer.concat([before, Buffer.of(byte), block.subarray(index)]);
  if (kind === 'delete') return Buffer.concat([before, behind]);
  if (kind === 'cut') return before;
  const value = kind === 'flip' ? (block[index] ?? 0) ^ (1 << (byte & 7)) : byte;
  return Buffer.concat([before, Buffer.of(value), behind]);
}
