/** Rows are cut from stretches of this size; what is larger than a quarter of it gets memory of its own. */
const sheetBytes = 1024 * 1024;

/** Sheets that are kept for the next batches; a store that is written to fast fills two or three with each. */
const keptSheetsMax = 4;

interface Sheet {
  readonly bytes: Uint8Array;
  /** The last batch with a row in it. */
  token: number;
}

/**
 * Memory of rows on their way to the backend, used again when they are stored. Arrays made for each of them would outlive
 * the youngest of the heap, so that all of the heap would be collected more than twice as often.
 *
 * Invariant: a sheet with a row of a batch that is not stored is not cut from the start again.
 */
export class RowMemory {
  /** Full ones, oldest first. */
  #full: Sheet[] = [];
  readonly #free: Uint8Array[] = [];
  #sheet: Sheet | undefined;
  #used = 0;

  /** Memory for a row of batch `token`, whoever had it before; the caller's until `release` is told of that batch. */
  take(size: number, token: number): Uint8Array {
    if (size > sheetBytes / 4) return allocate(size);
    if (this.#sheet === undefined || this.#used + size > sheetBytes) this.#turnOver();
    const sheet = this.#sheet!; // `#turnOver` made it.
    sheet.token = token;
    const at = this.#used;
    this.#used += size;
    return sheet.bytes.subarray(at, this.#used);
  }

  /** Batches up to `token` are stored, and nobody reads their rows any more. */
  release(token: number): void {
    if (this.#sheet !== undefined && this.#sheet.token <= token) this.#used = 0;
    if (this.#full.length === 0) return;
    for (const sheet of this.#full) {
      if (sheet.token <= token && this.#free.length < keptSheetsMax) this.#free.push(sheet.bytes);
    }
    this.#full = this.#full.filter((sheet) => sheet.token > token);
  }

  #turnOver(): void {
    if (this.#sheet !== undefined) this.#full.push(this.#sheet);
    this.#sheet = { bytes: this.#free.pop() ?? allocate(sheetBytes), token: 0 };
    this.#used = 0;
  }
}

/** Uninitialised: a row fills all of it. */
function allocate(size: number): Uint8Array {
  const memory = Buffer.allocUnsafeSlow(size);
  return new Uint8Array(memory.buffer, memory.byteOffset, size);
}
