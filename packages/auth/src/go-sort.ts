/**
 * The sort of Go's standard library since 1.19 (`sort.Sort`), a pattern-defeating quicksort (Peters, "Pattern-defeating
 * Quicksort", 2021) with limits of its own. It is not stable: where it leaves elements that compare as equal is part of
 * what members that replicate a sorted list have to agree on, so this does to a list, swap by swap, what Go does.
 */
export function goSort<T>(list: readonly T[], isLess: (a: T, b: T) => boolean): T[] {
  const sorter = new Sorter([...list], isLess);
  sorter.sort(0, list.length, bitLength(list.length));
  return sorter.items;
}

/** Runs up to this long are sorted by insertion. */
const insertionMax = 12;
/** From here on a pivot is the median of nine, and a run that is almost in order is repaired in place. */
const longRun = 50;
const repairsMax = 5;

/** What the pivot's candidates looked like. */
interface Pivot {
  readonly at: number;
  readonly order: 'increasing' | 'decreasing' | 'unknown';
}

class Sorter<T> {
  readonly items: T[];
  readonly #isLess: (a: T, b: T) => boolean;

  constructor(items: T[], isLess: (a: T, b: T) => boolean) {
    this.items = items;
    this.#isLess = isLess;
  }

  /** Sorts `[from, to)`; after `patience` unbalanced partitions it is left to a heap. */
  sort(from: number, to: number, patience: number): void {
    let isBalanced = true;
    let isPartitioned = true;
    for (;;) {
      const length = to - from;
      if (length <= insertionMax) return this.#sortByInsertion(from, to);
      if (patience === 0) return this.#sortByHeap(from, to);
      if (!isBalanced) {
        this.#scatter(from, length);
        patience--;
      }
      let { at, order } = this.#choosePivot(from, length);
      if (order === 'decreasing') {
        this.#reverse(from, to);
        at = to - 1 - (at - from);
        order = 'increasing';
      }
      if (isBalanced && isPartitioned && order === 'increasing' && this.#repair(from, to)) return;
      if (from > 0 && !this.#less(from - 1, at)) {
        // The element in front, a pivot of before, is equal to this one: so are all that are not greater.
        from = this.#partitionEqual(from, to, at);
        continue;
      }
      const partition = this.#partition(from, to, at);
      isPartitioned = partition.wasDone;
      const [left, right] = [partition.pivot - from, to - partition.pivot];
      isBalanced = Math.min(left, right) >= Math.floor(length / 8);
      if (left < right) {
        this.sort(from, partition.pivot, patience);
        from = partition.pivot + 1;
      } else {
        this.sort(partition.pivot + 1, to, patience);
        to = partition.pivot;
      }
    }
  }

  #less(a: number, b: number): boolean {
    return this.#isLess(this.items[a]!, this.items[b]!);
  }

  #swap(a: number, b: number): void {
    const { items } = this;
    [items[a], items[b]] = [items[b]!, items[a]!];
  }

  #sortByInsertion(from: number, to: number): void {
    for (let next = from + 1; next < to; next++) this.#sinkLeft(next, from);
  }

  /** Moves an element left as long as it is less than its neighbour, to `first` at most. */
  #sinkLeft(start: number, first: number): void {
    for (let at = start; at > first && this.#less(at, at - 1); at--) this.#swap(at, at - 1);
  }

  #sortByHeap(from: number, to: number): void {
    const count = to - from;
    for (let top = Math.floor((count - 1) / 2); top >= 0; top--) this.#siftDown(top, count, from);
    for (let last = count - 1; last >= 0; last--) {
      this.#swap(from, from + last);
      this.#siftDown(0, last, from);
    }
  }

  #siftDown(top: number, count: number, from: number): void {
    for (let parent = top; ;) {
      let child = 2 * parent + 1;
      if (child >= count) return;
      if (child + 1 < count && this.#less(from + child, from + child + 1)) child++;
      if (!this.#less(from + parent, from + child)) return;
      this.#swap(from + parent, from + child);
      parent = child;
    }
  }

  /** Breaks patterns that make partitions unbalanced: three elements in the middle change places with others. */
  #scatter(from: number, length: number): void {
    let random = BigInt(length);
    const mask = (1n << BigInt(bitLength(length))) - 1n;
    const middle = from + Math.floor(length / 4) * 2;
    for (let at = middle - 1; at <= middle + 1; at++) {
      random = xorShift(random);
      const other = Number(random & mask);
      this.#swap(at, from + (other >= length ? other - length : other));
    }
  }

  #choosePivot(from: number, length: number): Pivot {
    const quarter = Math.floor(length / 4);
    const candidates = [1, 2, 3].map((i) => from + i * quarter);
    let swapCount = 0;
    const median = ([a, b, c]: readonly number[]): number => {
      const order = [a!, b!, c!];
      for (const [left, right] of [
        [0, 1],
        [1, 2],
        [0, 1],
      ] as const) {
        if (!this.#less(order[right]!, order[left]!)) continue;
        [order[left], order[right]] = [order[right]!, order[left]!];
        swapCount++;
      }
      return order[1]!;
    };
    const isLong = length >= longRun;
    const at = median(isLong ? candidates.map((i) => median([i - 1, i, i + 1])) : candidates);
    const order = swapCount === 0 ? 'increasing' : swapCount === 12 ? 'decreasing' : 'unknown';
    return { at, order };
  }

  #reverse(from: number, to: number): void {
    for (let [left, right] = [from, to - 1] as [number, number]; left < right; left++, right--) {
      this.#swap(left, right);
    }
  }

  /** Puts a few elements of a long run where they belong; returns whether all are in order now. */
  #repair(from: number, to: number): boolean {
    let at = from + 1;
    for (let repair = 0; repair < repairsMax; repair++) {
      while (at < to && !this.#less(at, at - 1)) at++;
      if (at === to) return true;
      if (to - from < longRun) return false;
      this.#swap(at, at - 1);
      if (at - from >= 2) this.#sinkLeft(at - 1, 0);
      for (let right = at + 1; right < to && this.#less(right, right - 1); right++)
        this.#swap(right, right - 1);
    }
    return false;
  }

  /** Those that are less than the pivot go left of it, all others right. */
  #partition(from: number, to: number, at: number): { readonly pivot: number; readonly wasDone: boolean } {
    this.#swap(from, at);
    let [left, right, wasDone] = [from + 1, to - 1, true];
    for (;;) {
      while (left <= right && this.#less(left, from)) left++;
      while (left <= right && !this.#less(right, from)) right--;
      if (left > right) break;
      wasDone = false;
      this.#swap(left++, right--);
    }
    this.#swap(right, from);
    return { pivot: right, wasDone };
  }

  /** Those that are equal to the pivot, none being less, go left; returns where the greater ones begin. */
  #partitionEqual(from: number, to: number, at: number): number {
    this.#swap(from, at);
    let [left, right] = [from + 1, to - 1];
    for (;;) {
      while (left <= right && !this.#less(from, left)) left++;
      while (left <= right && this.#less(from, right)) right--;
      if (left > right) return left;
      this.#swap(left++, right--);
    }
  }
}

function bitLength(count: number): number {
  return 32 - Math.clz32(count);
}

/** Marsaglia's xorshift of 64 bits. */
function xorShift(seed: bigint): bigint {
  let x = seed;
  x ^= BigInt.asUintN(64, x << 13n);
  x ^= x >> 7n;
  return x ^ BigInt.asUintN(64, x << 17n);
}
