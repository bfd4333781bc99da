/**
 * Which operations a search has put in order, with a hash that follows each change in constant time: the XOR of a
 * random word for every member (Zobrist 1970), twice, so that two sets meet by chance once in 2^64.
 */
export class LinearizedSet {
  readonly words: Uint32Array;
  /** Every word before it is full. */
  #firstOpenWord = 0;
  /** Every word from it on is empty. */
  #endWord = 0;
  #hashLow = 0;
  #hashHigh = 0;

  constructor(operationCount: number) {
    this.words = new Uint32Array((operationCount >>> 5) + 1);
  }

  get firstOpenWord(): number {
    return this.#firstOpenWord;
  }

  get endWord(): number {
    return this.#endWord;
  }

  get hashLow(): number {
    return this.#hashLow;
  }

  get hashHigh(): number {
    return this.#hashHigh;
  }

  add(operation: number): void {
    const word = operation >>> 5;
    this.words[word]! |= 1 << (operation & 31);
    while (this.words[this.#firstOpenWord] === 0xffff_ffff) this.#firstOpenWord++;
    if (word >= this.#endWord) this.#endWord = word + 1;
    this.#toggle(operation);
  }

  delete(operation: number): void {
    const word = operation >>> 5;
    this.words[word]! &= ~(1 << (operation & 31));
    if (word < this.#firstOpenWord) this.#firstOpenWord = word;
    while (this.#endWord > 0 && this.words[this.#endWord - 1] === 0) this.#endWord--;
    this.#toggle(operation);
  }

  #toggle(operation: number): void {
    this.#hashLow = (this.#hashLow ^ mix(operation * 2 + 1)) | 0;
    this.#hashHigh = (this.#hashHigh ^ mix(operation * 2 + 2)) | 0;
  }
}

/** A well-spread word for a number (the finalizer of MurmurHash3 by Austin Appleby, over a golden-ratio step). */
export function mix(x: number): number {
  let h = Math.imul(x, 0x9e3779b9);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
