import { invariant } from '@quorate/std';
import { viewOf } from './page.ts';

const chunkSizeMin = 128 * 1024;

/** Where a page is to be written: at `start` of some memory. */
export interface PageRoom {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
}

/**
 * Bytes of the file on their way out, in chunks of 128 KiB, or of one page if pages are larger. What is longer than the
 * room left in a chunk waits as it is, and is copied only when its chunk is asked for: a large value is never held
 * twice.
 *
 * Invariant: as long as nothing waits, the room left in the chunk is a multiple of the page size.
 */
export class ChunkQueue {
  readonly #chunkSize: number;
  readonly #full: Uint8Array[] = [];
  #chunk: Uint8Array;
  #view: DataView;
  #used = 0;
  #waiting: Uint8Array[] = [];

  constructor(pageSizeBytes: number) {
    this.#chunkSize = Math.max(chunkSizeMin, pageSizeBytes);
    this.#chunk = new Uint8Array(this.#chunkSize);
    this.#view = viewOf(this.#chunk);
  }

  /** Whether `take` would give something. */
  get isFull(): boolean {
    return this.#full.length > 0 || this.#waiting.length > 0;
  }

  /** Room for a page, all zeros, to be filled before the next call. */
  page(sizeBytes: number): PageRoom {
    if (this.#waiting.length > 0) {
      const bytes = new Uint8Array(sizeBytes);
      this.#waiting.push(bytes);
      return { bytes, view: viewOf(bytes), start: 0 };
    }
    invariant(this.#used + sizeBytes <= this.#chunkSize, 'a page must not cross the end of a chunk');
    const page = { bytes: this.#chunk, view: this.#view, start: this.#used };
    this.#advance(sizeBytes);
    return page;
  }

  /** Appends parts that together are a number of whole pages. Nobody may change them before they are taken. */
  append(parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#waiting.push(part);
  }

  /** All chunks that are full. */
  *take(): Generator<Uint8Array> {
    yield* this.#full.splice(0);
    for (const part of this.#waiting) {
      for (let from = 0; from < part.length;) {
        const size = Math.min(part.length - from, this.#chunkSize - this.#used);
        this.#chunk.set(part.subarray(from, from + size), this.#used);
        from += size;
        this.#advance(size);
        yield* this.#full.splice(0);
      }
    }
    this.#waiting = [];
  }

  /** The last chunk, which need not be full. */
  rest(): Uint8Array {
    return this.#chunk.subarray(0, this.#used);
  }

  #advance(sizeBytes: number): void {
    this.#used += sizeBytes;
    if (this.#used < this.#chunkSize) return;
    this.#full.push(this.#chunk);
    this.#chunk = new Uint8Array(this.#chunkSize);
    this.#view = viewOf(this.#chunk);
    this.#used = 0;
  }
}
