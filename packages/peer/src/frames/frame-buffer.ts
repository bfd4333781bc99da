import { PeerError } from '../errors.ts';

/** Finds where one frame ends, in bytes that come bit by bit. */
export interface FrameScanner {
  /**
   * Where the frame that begins at `start` ends, or -1 when more bytes are needed to tell or to have all of it.
   * Called again with the same frame further in, so what was learnt may be kept until it is found.
   *
   * @throws PeerError when no frame begins so
   */
  scan(bytes: Uint8Array, start: number, endExclusive: number): number;
}

const firstCapacity = 128 * 1024;
/** Room beyond this is given back once the frame that needed it is complete. */
const keptCapacity = 1024 * 1024;

/**
 * Cuts a stream of chunks into frames. A length that a frame claims allocates nothing: room grows with the
 * bytes that have come. A frame that lies whole in a chunk is found there without a copy.
 *
 * Invariant: 0 <= heldCount <= held.length; the held bytes are the beginning of one frame
 */
export class FrameBuffer {
  readonly #scanner: FrameScanner;
  #held = new Uint8Array(0);
  #heldCount = 0;

  constructor(scanner: FrameScanner) {
    this.#scanner = scanner;
  }

  /**
   * Takes a chunk and gives every frame that is now complete to `onFrame`, as bytes of its own: nothing else
   * keeps or changes them. @throws PeerError, WireError; the stream is then of no more use
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    if (this.#heldCount === 0) {
      this.#hold(chunk, this.#takeFrames(chunk, 0, chunk.length, onFrame), chunk.length);
      return;
    }
    this.#hold(chunk, 0, chunk.length);
    const all = this.#held;
    const count = this.#heldCount;
    const start = this.#takeFrames(all, 0, count, onFrame);
    if (start === 0) return;
    this.#heldCount = 0;
    if (this.#held.length > keptCapacity) this.#held = new Uint8Array(0);
    this.#hold(all, start, count);
  }

  /** How many bytes of a frame that is not complete are held. */
  get heldBytes(): number {
    return this.#heldCount;
  }

  #takeFrames(
    bytes: Uint8Array,
    from: number,
    endExclusive: number,
    onFrame: (frame: Uint8Array) => void,
  ): number {
    let start = from;
    while (start < endExclusive) {
      const end = this.#scanner.scan(bytes, start, endExclusive);
      if (end < 0) break;
      onFrame(ownCopy(bytes, start, end));
      start = end;
    }
    return start;
  }

  #hold(bytes: Uint8Array, start: number, endExclusive: number): void {
    const count = this.#heldCount + endExclusive - start;
    if (count > this.#held.length) {
      const larger = new Uint8Array(Math.max(count, this.#held.length * 2, firstCapacity));
      larger.set(this.#held.subarray(0, this.#heldCount));
      this.#held = larger;
    }
    if (bytes.buffer === this.#held.buffer) this.#held.copyWithin(this.#heldCount, start, endExclusive);
    else this.#held.set(bytes.subarray(start, endExclusive), this.#heldCount);
    this.#heldCount = count;
  }
}

/** `Uint8Array.prototype.slice`, whatever kind of array was given: on a Buffer the name means a view. */
function ownCopy(bytes: Uint8Array, start: number, endExclusive: number): Uint8Array {
  const copy = new Uint8Array(endExclusive - start);
  copy.set(bytes.subarray(start, endExclusive));
  return copy;
}

const twoTo32 = 0x1_0000_0000;

/** A length of 8 bytes, big-endian. Nobody sends 2^53 bytes, so what is beyond may be inexact: it is too much anyway. */
export function readLength(bytes: Uint8Array, offset: number): number {
  const high =
    bytes[offset]! * 0x100_0000 +
    ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!);
  const low =
    bytes[offset + 4]! * 0x100_0000 +
    ((bytes[offset + 5]! << 16) | (bytes[offset + 6]! << 8) | bytes[offset + 7]!);
  return high * twoTo32 + low;
}

/** Writes a count as 8 bytes, big-endian; returns the offset behind it. */
export function writeLength(value: number, target: Uint8Array, offset: number): number {
  let high = Math.floor(value / twoTo32);
  let low = value >>> 0;
  for (let i = 3; i >= 0; i--) {
    target[offset + i] = high & 0xff;
    target[offset + 4 + i] = low & 0xff;
    high >>>= 8;
    low >>>= 8;
  }
  return offset + 8;
}

/** Something that a member of ours or etcd's never sends. */
export function badFrame(reason: string): PeerError {
  return new PeerError('PEER_BAD_ANSWER', { reason });
}
