import { invariant } from '@quorate/std';

/** An item in a queue; it knows its place, so that it can be moved and removed in O(log n). */
export interface QueueEntry<T> {
  readonly item: T;
  readonly timeMs: number;
}

interface PlacedEntry<T> extends QueueEntry<T> {
  timeMs: number;
  /** Grows with each `add` and `move`: among equal times, who came first goes first. */
  order: number;
  /** Index in the heap, -1 outside of it. */
  index: number;
}

/**
 * Items by the time at which they are due: an indexed binary min-heap.
 *
 * Invariant: heap[i] is due no later than heap[2i + 1] and heap[2i + 2], and heap[i].index === i
 */
export class TimeQueue<T> {
  readonly #heap: PlacedEntry<T>[] = [];
  #nextOrder = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The entry that is due first. */
  first(): QueueEntry<T> | undefined {
    return this.#heap[0];
  }

  add(item: T, timeMs: number): QueueEntry<T> {
    const entry: PlacedEntry<T> = { item, timeMs, order: this.#nextOrder++, index: this.#heap.length };
    this.#heap.push(entry);
    this.#siftUp(entry);
    return entry;
  }

  /** Gives an entry of this queue another time. */
  move(moved: QueueEntry<T>, timeMs: number): void {
    const entry = this.#own(moved);
    entry.timeMs = timeMs;
    entry.order = this.#nextOrder++;
    this.#siftUp(entry);
    this.#siftDown(entry);
  }

  /** Takes an entry out of this queue. */
  remove(removed: QueueEntry<T>): void {
    const entry = this.#own(removed);
    // The heap holds `entry`, so there is a last one.
    const last = this.#heap.pop()!;
    if (last !== entry) {
      this.#place(last, entry.index);
      this.#siftUp(last);
      this.#siftDown(last);
    }
    entry.index = -1;
  }

  clear(): void {
    for (const entry of this.#heap) entry.index = -1;
    this.#heap.length = 0;
  }

  /** @throws InvariantError when the heap is out of order; O(n), for tests. */
  checkInvariants(): void {
    for (const [index, entry] of this.#heap.entries()) {
      invariant(entry.index === index, 'an entry knows its place');
      const parent = this.#heap[(index - 1) >> 1];
      invariant(parent === undefined || !isBefore(entry, parent), 'a parent is due before its children');
    }
  }

  #own(entry: QueueEntry<T>): PlacedEntry<T> {
    // All entries come from `add`; the invariant below refuses those that are not, or no longer, in this queue.
    const placed = entry as PlacedEntry<T>;
    invariant(this.#heap[placed.index] === placed, 'the entry is in this queue');
    return placed;
  }

  #place(entry: PlacedEntry<T>, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }

  #siftUp(entry: PlacedEntry<T>): void {
    let { index } = entry;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex]!; // Below `index`.
      if (!isBefore(entry, parent)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(entry, index);
  }

  #siftDown(entry: PlacedEntry<T>): void {
    let { index } = entry;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, entry)) break;
      const childIndex = child.index;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(entry, index);
  }
}

function isBefore<T>(a: PlacedEntry<T>, b: PlacedEntry<T>): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);
}
