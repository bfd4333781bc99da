import { compressionError } from '../errors.ts';

/**
 * The Huffman code of HPACK (RFC 7541 appendix B). It is canonical: within a length, codes rise with their symbols, and each
 * length goes on where the shorter one ended. So the lengths, in bits, of all 256 symbols say everything; the end of
 * string, 30 ones, is the one code that is left, and never comes.
 */
const codeLengths = Uint8Array.of(
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
);
const lengthMax = 30;
/** Codes of at most so many bits are found by one look; they are those of almost all text. */
const shortBits = 8;

const codes = new Uint32Array(256);
/** Of each length: its first code, how many it has, and where its symbols begin in `symbolsByCode`. */
const firstCodes = new Uint32Array(lengthMax + 1);
const counts = new Uint16Array(lengthMax + 1);
const offsets = new Uint16Array(lengthMax + 1);
const symbolsByCode = new Uint8Array(256);
/** By the next eight bits: length << 8 | symbol, 0 when the code is longer. */
const shortCodes = new Uint16Array(1 << shortBits);

{
  let code = 0;
  let position = 0;
  for (let length = 1; length <= lengthMax; length++) {
    code <<= 1;
    firstCodes[length] = code;
    offsets[length] = position;
    for (let symbol = 0; symbol < 256; symbol++) {
      if (codeLengths[symbol] !== length) continue;
      codes[symbol] = code;
      symbolsByCode[position++] = symbol;
      if (length <= shortBits) {
        const spare = shortBits - length;
        shortCodes.fill((length << 8) | symbol, code << spare, (code + 1) << spare);
      }
      code++;
    }
    counts[length] = code - (firstCodes[length] ?? 0);
  }
}

let scratch = Buffer.allocUnsafe(256);

/**
 * The text, a character for each byte, that `bytes[start, end)` encodes.
 * @throws ConnectionError COMPRESSION_ERROR for the end of string, or a padding that is long or not of ones (§5.2)
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string {
  const mostSymbols = Math.ceil(((end - start) * 8) / 5);
  if (scratch.length < mostSymbols) scratch = Buffer.allocUnsafe(mostSymbols);
  const endBit = end * 8;
  let bit = start * 8;
  let count = 0;
  while (bit < endBit) {
    const found = shortCodes[nextBits(bytes, bit, end)] ?? 0;
    if (found !== 0 && bit + (found >> 8) <= endBit) {
      scratch[count++] = found & 0xff;
      bit += found >> 8;
      continue;
    }
    if (isPadding(bytes, bit, endBit)) break;
    const length = longCodeLength(bytes, bit, endBit);
    scratch[count++] = symbolsByCode[(offsets[length] ?? 0) + lastCode - (firstCodes[length] ?? 0)] ?? 0;
    bit += length;
  }
  return scratch.toString('latin1', 0, count);
}

/** Eight bits from there on, ones behind the end. */
function nextBits(bytes: Uint8Array, bit: number, end: number): number {
  const index = bit >> 3;
  const next = index + 1 < end ? (bytes[index + 1] ?? 0) : 0xff;
  return ((((bytes[index] ?? 0) << 8) | next) >> (8 - (bit & 7))) & 0xff;
}

function isPadding(bytes: Uint8Array, bit: number, endBit: number): boolean {
  const left = endBit - bit;
  if (left > 7) return false;
  const ones = (1 << left) - 1;
  return ((bytes[bit >> 3] ?? 0) & ones) === ones;
}

/** The code that `longCodeLength` found last. */
let lastCode = 0;

function longCodeLength(bytes: Uint8Array, from: number, endBit: number): number {
  let code = 0;
  for (let length = 1; length <= lengthMax && from + length <= endBit; length++) {
    const bit = from + length - 1;
    code = (code << 1) | (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1);
    if (code - (firstCodes[length] ?? 0) < (counts[length] ?? 0)) {
      lastCode = code;
      return length;
    }
  }
  throw compressionError('a string of a header ends within a Huffman code');
}

/** How many bytes a text takes in the code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += codeLengths[text.charCodeAt(index) & 0xff] ?? 0;
  return (bits + 7) >> 3;
}

/** Writes a text, of which each character is a byte, in the code; returns where it ends. */
export function encodeHuffman(text: string, into: Uint8Array, at: number): number {
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff;
    const code = codes[symbol] ?? 0;
    let left = codeLengths[symbol] ?? 0;
    // At most seven bits wait, so that eight of a code at a time never overflow.
    while (left > 0) {
      const take = Math.min(left, 8);
      left -= take;
      pending = (pending << take) | ((code >>> left) & ((1 << take) - 1));
      pendingBits += take;
      if (pendingBits >= 8) {
        pendingBits -= 8;
        into[at++] = (pending >> pendingBits) & 0xff;
        pending &= (1 << pendingBits) - 1;
      }
    }
  }
  if (pendingBits > 0) into[at++] = ((pending << (8 - pendingBits)) | ((1 << (8 - pendingBits)) - 1)) & 0xff;
  return at;
}
