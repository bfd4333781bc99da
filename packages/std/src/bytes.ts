/** No bytes; shared, so nobody needs to allocate an empty array. */
export const emptyBytes: Uint8Array = new Uint8Array(0);

const textEncoder = new TextEncoder();
// A byte-order mark in front is text like any other: without it, two names would be one.
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const strictDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

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
 * Text of bytes that should be UTF-8, so that no two byte strings become one text: a byte that belongs to no
 * character becomes the lone surrogate 0xdc00 above it, from which `fromAnyUtf8` brings it back. For names that
 * decide something and that others, who do not check, have let in.
 */
export function toAnyUtf8(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    let text = '';
    for (let at = 0; at < bytes.length;) {
      const character = characterAt(bytes, at);
      text += character ?? String.fromCharCode(loneSurrogates + bytes[at]!);
      at += character === undefined ? 1 : utf8Size(bytes[at]!);
    }
    return text;
  }
}

/** The bytes of a text of `toAnyUtf8`. Of any other text too: lone surrogates that do not come from there are U+FFFD. */
export function fromAnyUtf8(text: string): Uint8Array {
  if (text.isWellFormed()) return textEncoder.encode(text);
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const byte = character.charCodeAt(0) - loneSurrogates;
    const isEscaped = character.length === 1 && byte >= 0x80 && byte <= 0xff;
    parts.push(isEscaped ? Uint8Array.of(byte) : textEncoder.encode(character));
  }
  return concatBytes(parts);
}

const loneSurrogates = 0xdc00;

function characterAt(bytes: Uint8Array, at: number): string | undefined {
  try {
    return strictDecoder.decode(bytes.subarray(at, at + utf8Size(bytes[at]!)));
  } catch {
    return undefined;
  }
}

/** How many bytes the character has that begins with this one, if one does. */
function utf8Size(first: number): number {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
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
