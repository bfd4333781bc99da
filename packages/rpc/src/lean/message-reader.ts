import { pageBytes, type Pages } from '@quorate/http2';
import { RpcError, status } from '../errors.ts';

/** A flag and four bytes of length stand before each message of gRPC. */
export const prefixBytes = 5;

/** Takes messages as they came. */
export interface MessageSink {
  onMessage(message: Uint8Array, isCompressed: boolean): void;
}

const empty = new Uint8Array(0);

/** Of a message that is not whole, so much lies in memory that grows with it. With more it is in pages. */
const smallMax = 8 * 1024;

/**
 * Puts messages together, wherever the pieces of them begin and end. One that lies within a piece is not copied. What has
 * come of a large one is in pages, which are used again: requests that are begun and never ended leave no garbage behind.
 *
 * Invariant: `unfinishedBytes` is what is held of a message that is not whole, its prefix included; its memory is at most
 * twice that.
 */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #pages: Pages;
  /** Of a message that has begun; most come whole. */
  #prefix: Uint8Array = empty;
  #prefixFilled = 0;
  /** Of the message that has begun: how long it will be, and what came of it. */
  #length = 0;
  #small: Uint8Array = empty;
  #large: Buffer[] = [];
  #filled = 0;

  /** Takes no message of more than `maxBytes`. */
  constructor(maxBytes: number, pages: Pages) {
    this.#maxBytes = maxBytes;
    this.#pages = pages;
  }

  get unfinishedBytes(): number {
    return this.#prefixFilled + this.#filled;
  }

  /**
   * Takes the next bytes.
   * @throws RpcError for a message that is too large, as soon as it says so, or that has an unknown flag
   */
  push(bytes: Uint8Array, sink: MessageSink): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#prefixFilled === 0 && bytes.length - at >= prefixBytes) {
        const end = at + prefixBytes + this.#lengthIn(bytes, at);
        if (end <= bytes.length) {
          sink.onMessage(bytes.subarray(at + prefixBytes, end), bytes[at] === 1);
          at = end;
          continue;
        }
      }
      at = this.#collect(bytes, at, sink);
    }
  }

  #collect(bytes: Uint8Array, from: number, sink: MessageSink): number {
    let at = from;
    if (this.#prefixFilled < prefixBytes) {
      if (this.#prefix === empty) this.#prefix = new Uint8Array(prefixBytes);
      while (this.#prefixFilled < prefixBytes && at < bytes.length) {
        this.#prefix[this.#prefixFilled++] = bytes[at++] ?? 0;
      }
      if (this.#prefixFilled < prefixBytes) return at;
      this.#length = this.#lengthIn(this.#prefix, 0);
      this.#filled = 0;
    }
    const taken = Math.min(bytes.length - at, this.#length - this.#filled);
    this.#keep(bytes.subarray(at, at + taken));
    if (this.#filled < this.#length) return at + taken;
    const message = this.#whole();
    this.drop();
    sink.onMessage(message, this.#prefix[0] === 1);
    return at + taken;
  }

  #keep(piece: Uint8Array): void {
    const filled = this.#filled + piece.length;
    if (filled > smallMax) return this.#keepInPages(piece);
    if (filled > this.#small.length) {
      // To say that a megabyte follows costs nothing.
      const grown = new Uint8Array(Math.min(this.#length, 2 * filled));
      grown.set(this.#small.subarray(0, this.#filled));
      this.#small = grown;
    }
    this.#small.set(piece, this.#filled);
    this.#filled = filled;
  }

  #keepInPages(piece: Uint8Array): void {
    if (this.#large.length === 0 && this.#filled > 0) {
      const small = this.#small.subarray(0, this.#filled);
      this.#small = empty;
      this.#filled = 0;
      this.#keepInPages(small);
    }
    for (let at = 0; at < piece.length;) {
      const inPage = this.#filled % pageBytes;
      if (inPage === 0) this.#large.push(this.#pages.take());
      const part = piece.subarray(at, at + pageBytes - inPage);
      this.#large.at(-1)?.set(part, inPage);
      this.#filled += part.length;
      at += part.length;
    }
  }

  /** All of the message, which has come. */
  #whole(): Uint8Array {
    if (this.#large.length === 0) return this.#small;
    const message = new Uint8Array(this.#length);
    for (const [index, page] of this.#large.entries()) {
      const at = index * pageBytes;
      message.set(page.subarray(0, this.#length - at), at);
    }
    return message;
  }

  /** Forgets a message that is not whole. */
  drop(): void {
    for (const page of this.#large) this.#pages.give(page);
    if (this.#large.length > 0) this.#large = [];
    this.#small = empty;
    this.#filled = 0;
    this.#prefixFilled = 0;
  }

  #lengthIn(bytes: Uint8Array, at: number): number {
    const isCompressed = bytes[at] ?? 0;
    if (isCompressed > 1) {
      throw new RpcError(status.INTERNAL, `grpc: received unexpected payload format ${isCompressed}`);
    }
    const length =
      (bytes[at + 1] ?? 0) * 0x100_0000 +
      (((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
    if (length > this.#maxBytes) {
      throw new RpcError(
        status.RESOURCE_EXHAUSTED,
        `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`,
      );
    }
    return length;
  }
}

/** The prefix of a message that is sent as it is; of use until the next call, which is long enough for a stream that copies it. */
export function prefixOf(length: number): Uint8Array {
  prefix[1] = length >>> 24;
  prefix[2] = length >>> 16;
  prefix[3] = length >>> 8;
  prefix[4] = length;
  return prefix;
}

const prefix = new Uint8Array(prefixBytes);
