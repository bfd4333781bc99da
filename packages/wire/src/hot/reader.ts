import { emptyBytes, toAnyUtf8 } from '@quorate/std';
import { joinHalves } from './varint.ts';
import { WireError } from './wire-error.ts';

const twoTo32 = 0x1_0000_0000;

/** High half of the largest count, 2^53 - 1. */
const highHalfMax = 0x1f_ffff;

/** Messages inside messages, as far as a decoder follows them. */
export const nestingMax = 512;

/**
 * Walks over the fields of a message. Every read is checked against `end`, the end of the innermost message
 * that was entered, and throws a WireError rather than leave it.
 *
 * Invariant: start <= position <= end <= bytes.length
 */
export class WireReader {
  position: number;
  end: number;
  private readonly bytes: Uint8Array;
  private depth = 0;

  // The halves of the last long varint, unsigned: a way to return two numbers without an object.
  private low = 0;
  private high = 0;

  constructor(bytes: Uint8Array, start: number | undefined, endExclusive: number | undefined) {
    this.bytes = bytes;
    this.position = start ?? 0;
    this.end = endExclusive ?? bytes.length;
    if (!(this.position >= 0 && this.position <= this.end && this.end <= bytes.length)) {
      throw new RangeError(`range ${this.position} .. ${this.end} lies outside ${bytes.length} bytes`);
    }
  }

  /** Whether the message entered last has more fields. */
  get hasMore(): boolean {
    return this.position < this.end;
  }

  /** The next field's number and wire type, as one number: `number << 3 | type`. */
  tag(): number {
    const at = this.position;
    // Reads below `end` are inside the array, here and in the methods below.
    const first = at < this.end ? this.bytes[at]! : 0x80;
    if (first < 0x80 && first > 7) {
      this.position = at + 1;
      return first;
    }
    this.longVarint();
    if (this.high !== 0) throw new WireError(at, 'field number is too large');
    if (this.low < 8) throw new WireError(at, 'field number is 0');
    return this.low;
  }

  /** An unsigned count; beyond 2^53 - 1 it becomes that. */
  count(): number {
    const short = this.shortVarint();
    if (short >= 0) return short;
    this.longVarint();
    return this.high > highHalfMax ? Number.MAX_SAFE_INTEGER : this.high * twoTo32 + this.low;
  }

  /** A signed count; beyond +-(2^53 - 1) it becomes that. */
  signedCount(): number {
    const short = this.shortVarint();
    if (short >= 0) return short;
    this.longVarint();
    const high = this.high | 0;
    if (high > highHalfMax) return Number.MAX_SAFE_INTEGER;
    if (high < -highHalfMax - 1) return -Number.MAX_SAFE_INTEGER;
    return Math.max(high * twoTo32 + this.low, -Number.MAX_SAFE_INTEGER);
  }

  /** A number of an enum: the low 32 bits, signed, as every protobuf reader takes them. */
  enumNumber(): number {
    const short = this.shortVarint();
    if (short >= 0) return short;
    this.longVarint();
    return this.low | 0;
  }

  flag(): boolean {
    const short = this.shortVarint();
    if (short >= 0) return short !== 0;
    this.longVarint();
    return this.low !== 0 || this.high !== 0;
  }

  unsignedId(): bigint {
    this.longVarint();
    return this.high === 0 && this.low === 0 ? 0n : joinHalves(this.low, this.high);
  }

  signedId(): bigint {
    const value = this.unsignedId();
    return this.high > 0x7fff_ffff ? BigInt.asIntN(64, value) : value;
  }

  /** Reads an unsigned 64-bit ID of which `lastLow` and `lastHigh` are then the halves. */
  idHalves(): void {
    this.longVarint();
  }

  get lastLow(): number {
    return this.low;
  }

  get lastHigh(): number {
    return this.high;
  }

  /** A view of a byte string. */
  bytesView(): Uint8Array {
    const size = this.size();
    if (size === 0) return emptyBytes;
    const start = this.position;
    this.position = start + size;
    return this.viewOf(start, start + size);
  }

  /** Other bytes make another text, UTF-8 or not: members of etcd do not check it. */
  text(): string {
    const bytes = this.bytesView();
    return bytes.length === 0 ? '' : toAnyUtf8(bytes);
  }

  /** Goes into a message; returns what `leave` needs to come out of it again. */
  enter(): number {
    const at = this.position;
    const size = this.size();
    if (++this.depth > nestingMax) throw new WireError(at, `nested deeper than ${nestingMax} messages`);
    const outerEnd = this.end;
    this.end = this.position + size;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.depth--;
    this.end = outerEnd;
  }

  /** A view of the given range, as a plain Uint8Array whatever the reader was given. */
  viewOf(start: number, endExclusive: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, endExclusive - start);
  }

  /**
   * Passes over a field that the decoder has no case for. One whose number it does know, being at most
   * `lastKnownField` or `alsoKnown`, has come with a wrong wire type.
   */
  skip(tag: number, lastKnownField: number, alsoKnown = 0): void {
    const field = tag >>> 3;
    const at = this.position;
    if (field <= lastKnownField || field === alsoKnown) {
      throw new WireError(at, `field ${field} has wire type ${tag & 7}`);
    }
    switch (tag & 7) {
      case 0:
        this.longVarint();
        return;
      case 1:
        this.pass(8);
        return;
      case 2:
        this.pass(this.size());
        return;
      case 5:
        this.pass(4);
        return;
      default:
        throw new WireError(at, `field ${field} has wire type ${tag & 7}, a group or none at all`);
    }
  }

  /** The length of what follows, which must lie inside the message entered last. */
  private size(): number {
    const at = this.position;
    const size = this.count();
    if (size > this.end - this.position) {
      throw new WireError(at, `length ${size} reaches beyond the end`);
    }
    return size;
  }

  private pass(size: number): void {
    if (size > this.end - this.position) throw new WireError(this.position, 'cut short');
    this.position += size;
  }

  /**
   * Reads a varint of up to four bytes, or returns -1 and moves nothing. Nearly all counts, flags and lengths
   * are that short, and this way they cost half.
   */
  private shortVarint(): number {
    const { bytes, position, end } = this;
    if (position >= end) return -1;
    const first = bytes[position]!;
    if (first < 0x80) {
      this.position = position + 1;
      return first;
    }
    if (end - position < 4) return -1;
    const second = bytes[position + 1]!;
    if (second < 0x80) {
      this.position = position + 2;
      return (first & 0x7f) | (second << 7);
    }
    const third = bytes[position + 2]!;
    if (third < 0x80) {
      this.position = position + 3;
      return (first & 0x7f) | ((second & 0x7f) << 7) | (third << 14);
    }
    const fourth = bytes[position + 3]!;
    if (fourth >= 0x80) return -1;
    this.position = position + 4;
    return (first & 0x7f) | ((second & 0x7f) << 7) | ((third & 0x7f) << 14) | (fourth << 21);
  }

  /** Reads a varint of any length into `low` and `high`. */
  private longVarint(): void {
    const { bytes, end } = this;
    let at = this.position;
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end) throw new WireError(at, 'varint is cut short');
      const byte = bytes[at++]!;
      if (shift < 28) {
        low |= (byte & 0x7f) << shift;
      } else if (shift === 28) {
        low |= (byte & 0x0f) << 28;
        high = (byte & 0x7f) >>> 4;
      } else {
        // The tenth byte has room for one bit, the last of 64.
        if (shift === 63 && byte > 1) throw new WireError(at - 1, 'varint has more than 64 bits');
        high |= (byte & 0x7f) << (shift - 32);
      }
      if (byte < 0x80) break;
    }
    this.position = at;
    this.low = low >>> 0;
    this.high = high >>> 0;
  }
}
