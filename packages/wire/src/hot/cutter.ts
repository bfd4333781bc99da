import { allocate } from './writer.ts';

const sheetBytes = 64 * 1024;

/** Larger arrays are their own, so that little of a sheet is wasted. */
const cutSizeMax = sheetBytes / 8;

/**
 * Cuts arrays one behind the other out of larger sheets, since memory from outside V8's heap is dear for a small array: a
 * request of 300 bytes takes a tenth of the time, and the garbage collector has one object less to see to. A sheet lives as long as
 * any array cut out of it, so this is for what is let go of in about the order in which it was made.
 */
export class Cutter {
  #sheet: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** An array that nobody else writes to. The caller must overwrite all of it: what it holds is arbitrary. */
  cut(size: number): Uint8Array {
    if (size > cutSizeMax) return allocate(size);
    if (this.#used + size > this.#sheet.length) {
      this.#sheet = allocate(sheetBytes);
      this.#used = 0;
    }
    const { buffer, byteOffset } = this.#sheet;
    const start = byteOffset + this.#used;
    this.#used += size;
    return new Uint8Array(buffer, start, size);
  }
}
