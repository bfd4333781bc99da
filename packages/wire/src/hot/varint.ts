/**
 * Varints: seven bits a byte, lowest first, the top bit saying that more follow. A negative number is written
 * as its 64-bit two's complement, which takes ten bytes.
 *
 * Up to 2^31 plain integer arithmetic does; above, a value is handled as two unsigned 32-bit halves, so that
 * no BigInt is made on the way.
 */

const twoTo32 = 0x1_0000_0000;

/** One 64-bit integer, seen as a bigint and as two halves: the fastest way to take a bigint apart. */
const scratch = new BigUint64Array(1);
const scratchHalves = new Uint32Array(scratch.buffer);
scratch[0] = 1n;
const lowHalf = scratchHalves[0] === 1 ? 0 : 1;
const highHalf = 1 - lowHalf;

/** Bytes that `writeVarint` takes for a whole number between -(2^53 - 1) and 2^53 - 1. */
export function varintSize(value: number): number {
  if (value >= 0 && value < 0x80) return 1;
  if (value >= 0 && value < twoTo32) return ((38 - Math.clz32(value)) / 7) | 0;
  return halvesSize(value >>> 0, Math.floor(value / twoTo32) >>> 0);
}

/** Writes a whole number between -(2^53 - 1) and 2^53 - 1; returns the offset behind it. */
export function writeVarint(value: number, target: Uint8Array, offset: number): number {
  if (value >= 0 && value < 0x80) {
    target[offset] = value;
    return offset + 1;
  }
  if (value >= 0 && value <= 0x7fff_ffff) return writeShortVarint(value, target, offset);
  return writeHalves(value >>> 0, Math.floor(value / twoTo32) >>> 0, target, offset);
}

/** Bytes that `writeBigVarint` takes. */
export function bigVarintSize(value: bigint): number {
  if (value === 0n) return 1;
  scratch[0] = value;
  // The scratch array has both halves.
  return halvesSize(scratchHalves[lowHalf]!, scratchHalves[highHalf]!);
}

/** Writes a 64-bit integer, signed or not (it is taken modulo 2^64); returns the offset behind it. */
export function writeBigVarint(value: bigint, target: Uint8Array, offset: number): number {
  scratch[0] = value;
  return writeHalves(scratchHalves[lowHalf]!, scratchHalves[highHalf]!, target, offset);
}

/** The unsigned 64-bit integer of two unsigned 32-bit halves. */
export function joinHalves(low: number, high: number): bigint {
  scratchHalves[lowHalf] = low;
  scratchHalves[highHalf] = high;
  return scratch[0]!;
}

/** Bytes of the varint with these unsigned 32-bit halves. */
export function halvesSize(low: number, high: number): number {
  const bits = high === 0 ? 32 - Math.clz32(low | 1) : 64 - Math.clz32(high);
  return ((bits + 6) / 7) | 0;
}

/** Writes the varint with these unsigned 32-bit halves; returns the offset behind it. */
export function writeHalves(low: number, high: number, target: Uint8Array, offset: number): number {
  let at = offset;
  while (high !== 0) {
    target[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  return writeShortVarint(low, target, at);
}

function writeShortVarint(value: number, target: Uint8Array, offset: number): number {
  let at = offset;
  while (value > 0x7f) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}
