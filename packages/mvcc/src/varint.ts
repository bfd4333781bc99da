/**
 * Unsigned varints of whole numbers below 2^53, as protobuf writes them: seven bits a byte, lowest first.
 */

/** How many bytes `writeVarint` takes. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes `value` at `offset`; returns the offset behind it. */
export function writeVarint(value: number, target: Uint8Array, offset: number): number {
  let at = offset;
  let rest = value;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}

/** Reads varints one after the other; `offset` is where the next one starts. */
export class VarintReader {
  bytes: Uint8Array;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** @throws RangeError when the bytes end within the varint or it is beyond 2^53. */
  next(): number {
    const first = this.bytes[this.offset++];
    if (first === undefined) throw new RangeError('the bytes end within a varint');
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let scale = 0x80; ; scale *= 0x80) {
      const byte = this.bytes[this.offset++];
      if (byte === undefined) throw new RangeError('the bytes end within a varint');
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a varint is beyond 2^53');
      if (byte < 0x80) return value;
    }
  }
}
