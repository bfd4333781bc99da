import type { EventType } from '@quorate/wire';
import type { Segment } from './segment.ts';
import type { Watcher } from './watcher.ts';

/**
 * The events of one revision that lie in one range: positions of a segment, shared by all watchers of the
 * range. It does not keep the events in memory: when the segment is evicted, the watcher reads them again.
 */
export class EventSubset {
  readonly segment: Segment;
  readonly revision: number;
  readonly #first: number;
  #endExclusive: number;
  /** The positions one by one, once they are not a plain stretch any more. */
  #positions: number[] | undefined;
  puts = 0;
  deletes = 0;

  constructor(segment: Segment, revision: number, position: number, type: EventType) {
    this.segment = segment;
    this.revision = revision;
    this.#first = position;
    this.#endExclusive = position;
    this.add(position, type);
  }

  /** How many events it has. */
  get count(): number {
    return this.puts + this.deletes;
  }

  /** Adds a later event of the revision. */
  add(position: number, type: EventType): void {
    if (type === 0) this.puts++;
    else this.deletes++;
    if (this.#positions !== undefined) this.#positions.push(position);
    else if (position === this.#endExclusive) this.#endExclusive++;
    else this.#positions = [...this.#stretch(), position];
  }

  /** The position of the `index`-th event. */
  positionAt(index: number): number {
    return this.#positions === undefined ? this.#first + index : this.#positions[index]!;
  }

  #stretch(): number[] {
    return Array.from({ length: this.#endExclusive - this.#first }, (_, i) => this.#first + i);
  }
}

/**
 * A progress answer that waits behind the events it speaks of. It is void when the stream has lost its synced
 * state since (`syncLosses` has grown).
 */
export interface ProgressMark {
  readonly revision: number;
  readonly syncLosses: number;
}

/** What waits in the live queue: the events of one revision for a watcher, or a progress answer. */
export type LiveEntry =
  | { readonly watcher: Watcher; readonly subset: EventSubset }
  | { readonly watcher: undefined; readonly mark: ProgressMark };

/** A first-in, first-out queue. Its bound is kept by the stream, which knows what to do there. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head++];
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
