import type { ByteSource } from '@quorate/std';
import { frameHeadBytes, writeFrameHead, writeUint32 } from './frames.ts';
import type { Pages } from './pages.ts';

/** Small pieces are copied together; larger ones go out from where they lie. */
const copyMax = 4096;
/** Pages that are remembered until they are sent. */
const takenMax = 64;
/** To copy so few bytes one by one is cheaper than to ask for it. */
const fewBytes = 24;

/**
 * What is to be sent, in order: frames are put together here, and somebody takes all of it at once, so that a turn costs
 * one write.
 *
 * Invariants: `bytes` is how many wait; a page goes back to the others once, when all that was taken of it is sent.
 */
export class Output {
  readonly #pages: Pages;
  #parts: Uint8Array[] = [];
  /** Pages of what waits; the last one is written to. */
  #used: Buffer[] = [];
  /** Those of what was taken and is not sent yet. */
  #taken: Buffer[] = [];
  #page: Buffer = noPage;
  /** Of the page: what is in `#parts`, and what is written. */
  #partStart = 0;
  #at = 0;
  #bytes = 0;

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Begins a frame; its payload is what is added next. */
  frameHead(length: number, type: number, flags: number, streamId: number): void {
    this.#reserve(frameHeadBytes);
    writeFrameHead(this.#page, this.#at, length, type, flags, streamId);
    this.#at += frameHeadBytes;
    this.#bytes += frameHeadBytes;
  }

  /** Adds four bytes, big-endian. */
  uint32(value: number): void {
    this.#reserve(4);
    writeUint32(this.#page, this.#at, value);
    this.#at += 4;
    this.#bytes += 4;
  }

  /** Adds `bytes[from, to)`. If they are more than `copyMax` nobody may change them until they are sent. */
  push(bytes: Uint8Array, from = 0, to = bytes.length): void {
    const length = to - from;
    if (length <= copyMax) return this.#copy(bytes, from, to);
    this.#closePart();
    this.#parts.push(bytes.subarray(from, to));
    this.#bytes += length;
  }

  /** Adds the next bytes of a source, which puts them together where they are sent from. */
  read(source: ByteSource, bytes: number): void {
    for (let left = bytes; left > 0;) {
      this.#reserve(1);
      const length = Math.min(left, this.#page.length - this.#at);
      source.read(this.#page, this.#at, this.#at + length);
      this.#at += length;
      this.#bytes += length;
      left -= length;
    }
  }

  /** Adds a copy of bytes, however many. */
  copy(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += copyMax) {
      this.#copy(bytes, from, Math.min(bytes.length, from + copyMax));
    }
  }

  #copy(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(length);
    const page = this.#page;
    if (length <= fewBytes) {
      for (let index = from, at = this.#at; index < to; index++) page[at++] = bytes[index] ?? 0;
    } else if (length === bytes.length) page.set(bytes, this.#at);
    else page.set(bytes.subarray(from, to), this.#at);
    this.#at += length;
    this.#bytes += length;
  }

  /** All that waits, in pieces, which hold until `sent` is called; without that they are the caller's for good. */
  take(): readonly Uint8Array[] {
    this.#closePart();
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    // Of a connection on which something is always on its way pages are not got back.
    if (this.#taken.length > takenMax) this.#taken = [];
    for (const page of this.#used) this.#taken.push(page);
    this.#used = [];
    this.#page = noPage;
    this.#partStart = 0;
    this.#at = 0;
    return parts;
  }

  /** All that was taken has been sent, and nobody reads it any more. */
  sent(): void {
    for (const page of this.#taken) this.#pages.give(page);
    this.#taken = [];
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#page.length) return;
    this.#closePart();
    this.#page = this.#pages.take();
    this.#used.push(this.#page);
    this.#partStart = 0;
    this.#at = 0;
  }

  #closePart(): void {
    if (this.#at > this.#partStart) this.#parts.push(this.#page.subarray(this.#partStart, this.#at));
    this.#partStart = this.#at;
  }
}

const noPage = Buffer.alloc(0);
