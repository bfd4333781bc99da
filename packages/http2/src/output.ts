/** Small pieces are copied together; larger ones go out from where they lie. */
const copyMax = 4096;
const pageBytes = 16_384;

/**
 * What is to be sent, in order: frames are put together here, and somebody takes all of it at once, so that a turn costs
 * one write.
 *
 * Invariant: `bytes` is how many wait.
 */
export class Output {
  #parts: Uint8Array[] = [];
  #page = Buffer.allocUnsafe(pageBytes);
  /** Of the page: what is in `#parts`, and what is written. */
  #partStart = 0;
  #at = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Room for so many bytes, at most a page, to be written at `at` of `page` at once; `wrote` says how many were. */
  reserve(bytes: number): { readonly page: Uint8Array; readonly at: number } {
    if (this.#at + bytes > pageBytes) this.#turnPage();
    return { page: this.#page, at: this.#at };
  }

  wrote(bytes: number): void {
    this.#at += bytes;
    this.#bytes += bytes;
  }

  /** Adds bytes, which nobody may change until they are sent. */
  push(bytes: Uint8Array): void {
    if (bytes.length <= copyMax) {
      const { page, at } = this.reserve(bytes.length);
      page.set(bytes, at);
      return this.wrote(bytes.length);
    }
    this.#closePart();
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  /** All that waits, in pieces; from now on it is the caller's. */
  take(): readonly Uint8Array[] {
    this.#closePart();
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    return parts;
  }

  #closePart(): void {
    if (this.#at > this.#partStart) this.#parts.push(this.#page.subarray(this.#partStart, this.#at));
    this.#partStart = this.#at;
  }

  #turnPage(): void {
    this.#closePart();
    this.#page = Buffer.allocUnsafe(pageBytes);
    this.#partStart = 0;
    this.#at = 0;
  }
}
