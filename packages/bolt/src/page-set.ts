const chunkBits = 1 << 15;

/** A set of page ids: a bit each, in chunks that exist where there are members, so that holes of a file cost nothing. */
export class PageSet {
  readonly #chunks = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(page: number): boolean {
    const chunk = this.#chunks.get(Math.floor(page / chunkBits));
    const bit = page % chunkBits;
    return chunk !== undefined && (chunk[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }

  /** Adds a page; false when it was in the set before. */
  add(page: number): boolean {
    const index = Math.floor(page / chunkBits);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) this.#chunks.set(index, (chunk = new Uint8Array(chunkBits / 8)));
    const bit = page % chunkBits;
    const mask = 1 << (bit & 7);
    if ((chunk[bit >> 3]! & mask) !== 0) return false;
    chunk[bit >> 3]! |= mask;
    this.#size++;
    return true;
  }
}
