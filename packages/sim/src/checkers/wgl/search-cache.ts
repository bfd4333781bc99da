import { mix, type LinearizedSet } from './linearized-set.ts';

/** Which state of the store a search has reached. */
export interface StateNumbers {
  readonly history: number;
  readonly meta: number;
}

const columns = 6;

/**
 * Where a search has been: pairs of a set of operations and a state, in an open-addressing table. Of a set only the
 * part between its first gap and its last member is kept; everything is compared in full, a hash alone proves nothing.
 */
export class SearchCache {
  /** Rows of hashLow, history, meta, first word, position and length of the kept words. */
  #rows = new Int32Array(columns * 1024);
  #rowCount = 0;
  #table = new Int32Array(4096).fill(-1);
  #words = new Uint32Array(4096);
  #wordCount = 0;

  /** How many places there are. */
  get size(): number {
    return this.#rowCount;
  }

  /** Adds where the search is; false when it was there before. */
  add(set: LinearizedSet, state: StateNumbers): boolean {
    const hash = set.hashLow ^ mix(set.hashHigh ^ state.history) ^ mix(state.meta ^ 0x5bd1e995);
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    for (; this.#table[slot] !== -1; slot = (slot + 1) & mask) {
      if (this.#isAt(this.#table[slot]!, hash, set, state)) return false;
    }
    this.#table[slot] = this.#append(hash, set, state);
    if (this.#rowCount * 2 > this.#table.length) this.#growTable();
    return true;
  }

  #isAt(row: number, hash: number, set: LinearizedSet, state: StateNumbers): boolean {
    const at = row * columns;
    const rows = this.#rows;
    const first = Math.min(set.firstOpenWord, set.endWord);
    const length = set.endWord - first;
    if (rows[at] !== hash || rows[at + 1] !== state.history || rows[at + 2] !== state.meta) return false;
    if (rows[at + 3] !== first || rows[at + 5] !== length) return false;
    const from = rows[at + 4]!;
    for (let i = 0; i < length; i++) {
      if (this.#words[from + i] !== set.words[first + i]) return false;
    }
    return true;
  }

  #append(hash: number, set: LinearizedSet, state: StateNumbers): number {
    const first = Math.min(set.firstOpenWord, set.endWord);
    const length = set.endWord - first;
    const row = this.#rowCount++;
    if ((row + 1) * columns > this.#rows.length)
      this.#rows = grown(this.#rows, new Int32Array(this.#rows.length * 2));
    while (this.#wordCount + length > this.#words.length) {
      this.#words = grown(this.#words, new Uint32Array(this.#words.length * 2));
    }
    this.#rows.set([hash, state.history, state.meta, first, this.#wordCount, length], row * columns);
    this.#words.set(set.words.subarray(first, set.endWord), this.#wordCount);
    this.#wordCount += length;
    return row;
  }

  #growTable(): void {
    const table = new Int32Array(this.#table.length * 2).fill(-1);
    const mask = table.length - 1;
    for (let row = 0; row < this.#rowCount; row++) {
      let slot = this.#rows[row * columns]! & mask;
      while (table[slot] !== -1) slot = (slot + 1) & mask;
      table[slot] = row;
    }
    this.#table = table;
  }
}

function grown<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
