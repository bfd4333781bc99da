/** No bytes; shared, so nobody needs to allocate an empty array. */
export const emptyBytes: Uint8Array = new Uint8Array(0);

const textEncoder = new TextEncoder();
// A byte-order mark in front is text like any other: without it, two names would be one.
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A `Buffer` over the same memory: for its fast native methods, never to leave the function that asked. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Order of two byte strings, as etcd compares keys: unsigned bytes, a prefix sorts before what extends it. */
export function compareBytes(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
  return Buffer.compare(a, b);
}

/** Whether two byte strings hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** One new array with the bytes of all parts, in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A copy that shares no memory with `bytes`: for what is kept of a received chunk. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}

/** Bytes of a hex text; spaces and line breaks are skipped. @throws RangeError for anything else. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (!/^([0-9a-fA-F]{2})*$/.test(digits))
    throw new RangeError('hex text has an odd length or a foreign character');
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/** UTF-8 bytes of a text. */
export function fromUtf8(text: string): Uint8Array {
  return textEncoder.encode(text);
}

/** Text of UTF-8 bytes; broken sequences become U+FFFD. */
export function toUtf8(bytes: Uint8Array): string {
  return textDecoder.decode(bytes);
}

/**
 * A byte string as a JavaScript string with one char code a byte. Such strings compare with `<` exactly as
 * `compareBytes` compares their bytes, hash well, and cost one byte a byte in V8: they are our keys.
 */
export function toLatin1(bytes: Uint8Array, start = 0, endExclusive = bytes.length): string {
  // `latin1Slice` skips the parsing of an encoding name in `toString`; the type declarations leave it out.
  return (asBuffer(bytes) as Buffer & Latin1Slice).latin1Slice(start, endExclusive);
}

interface Latin1Slice {
  latin1Slice(start: number, endExclusive: number): string;
}

/** The bytes of a latin1 string made by `toLatin1`. */
export function fromLatin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Eight bytes, big-endian, of an unsigned 64-bit integer. */
export function uint64ToBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value));
  return bytes;
}

/** The unsigned 64-bit integer in eight big-endian bytes. @throws RangeError when there are fewer. */
export function uint64FromBytes(bytes: Uint8Array, offset = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset);
}
