const blockKeyCountMax = 512;

/**
 * A sorted set of keys in blocks: inserting and removing move at most one block's keys, a range is found by two
 * binary searches.
 *
 * Invariant: blocks are not empty, and every key of a block sorts before every key of the next one
 */
export class OrderedKeys {
  readonly #blocks: string[][] = [];
  #size = 0;

  /** How many keys there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a key; false when it was there. */
  add(key: string): boolean {
    const blocks = this.#blocks;
    if (blocks.length === 0) {
      blocks.push([key]);
      this.#size = 1;
      return true;
    }
    const blockIndex = this.#blockOf(key);
    const block = blocks[blockIndex]!;
    const at = lowerBound(block, key);
    if (block[at] === key) return false;
    block.splice(at, 0, key);
    this.#size++;
    if (block.length > blockKeyCountMax) blocks.splice(blockIndex + 1, 0, block.splice(block.length >>> 1));
    return true;
  }

  /** Removes a key; false when it was not there. */
  delete(key: string): boolean {
    if (this.#size === 0) return false;
    const blockIndex = this.#blockOf(key);
    const block = this.#blocks[blockIndex]!;
    const at = lowerBound(block, key);
    if (block[at] !== key) return false;
    block.splice(at, 1);
    this.#size--;
    if (block.length === 0) this.#blocks.splice(blockIndex, 1);
    return true;
  }

  /** Calls `visit` for the keys in `[start, endExclusive)` in order, until it returns false. */
  forEach(start: string, endExclusive: string, visit: (key: string) => boolean): void {
    if (this.#size === 0) return;
    let at: number | undefined;
    for (let b = this.#blockOf(start); b < this.#blocks.length; b++) {
      const block = this.#blocks[b]!;
      for (let i = at ?? lowerBound(block, start); i < block.length; i++) {
        const key = block[i]!;
        if (key >= endExclusive || !visit(key)) return;
      }
      at = 0;
    }
  }

  /** How many keys are in `[start, endExclusive)`. */
  count(start: string, endExclusive: string): number {
    if (this.#size === 0 || start >= endExclusive) return 0;
    const first = this.#blockOf(start);
    const last = this.#blockOf(endExclusive);
    const before = lowerBound(this.#blocks[first]!, start);
    const within = lowerBound(this.#blocks[last]!, endExclusive);
    let count = within - before;
    for (let b = first; b < last; b++) count += this.#blocks[b]!.length;
    return count;
  }

  /** The last block whose first key is not above `key`, or the first one. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]![0]! <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The first position whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
