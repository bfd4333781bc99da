import { invariant } from '@quorate/std';
import type { EventType } from '@quorate/wire';
import type { Audience } from './audience.ts';
import type { Roster } from './roster.ts';
import type { Segment } from './segment.ts';

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
  /** Deliveries of it that wait in live queues. */
  deliveries = 0;

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

/** The events of one revision on their way to an audience as it was then. */
export interface Delivery {
  readonly audience: Audience;
  readonly subset: EventSubset;
  readonly roster: Roster;
  /** How many of them are dealt with. */
  done: number;
}

/** What waits in the live queue. */
export type LiveEntry = Delivery | ProgressMark;

/**
 * The live queue of a stream. Entries have positions that only grow: those from `head` on wait.
 *
 * Invariant: `size` is how many watchers the deliveries still have to deal with, and how many marks there are. Its bound
 * is kept by the stream, which knows what to do there.
 */
export class LiveQueue {
  readonly #entries = new Fifo<LiveEntry>();
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The position of the first entry. */
  get head(): number {
    return this.#head;
  }

  /** The position behind the last entry. */
  get end(): number {
    return this.#head + this.#entries.size;
  }

  get first(): LiveEntry | undefined {
    return this.#entries.first;
  }

  /** Adds a revision for the members that an audience has now. */
  deliver(audience: Audience, subset: EventSubset): void {
    const roster = audience.lend();
    subset.deliveries++;
    this.#entries.push({ audience, subset, roster, done: 0 });
    this.#size += roster.members.length;
  }

  mark(mark: ProgressMark): void {
    this.#entries.push(mark);
    this.#size++;
  }

  /** Members of the first delivery were dealt with: it goes on with the one at `done`. */
  goOn(delivery: Delivery, done: number): void {
    this.#size -= done - delivery.done;
    delivery.done = done;
  }

  /** Takes out the first entry, a delivery whose members are dealt with or a mark. */
  shift(): void {
    const entry = this.#entries.shift();
    if (entry === undefined) return;
    this.#head++;
    if (!isDelivery(entry)) {
      this.#size--;
      return;
    }
    invariant(entry.done === entry.roster.members.length, 'a delivery leaves when all have got it');
    entry.subset.deliveries--;
  }
}

/** Whether an entry is of events. */
export function isDelivery(entry: LiveEntry): entry is Delivery {
  return 'subset' in entry;
}

/** A first-in, first-out queue. Its bound is kept by who has it. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
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
