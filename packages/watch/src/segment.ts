import { invariant } from '@quorate/std';
import { decodeKeyValue, encodeEvent, type EventType } from '@quorate/wire';
import type { EventSource, Key, KeyRange } from './event-source.ts';

/** Rough cost of the objects around an event, so that a log of tiny events is bounded too. */
const eventOverheadBytes = 160;

/** A segment that was searched this often gets an index; before that a scan is cheaper. */
const scansBeforeIndex = 2;

/** Below this many events a scan is always as good. */
const indexEventsMin = 16;

/** What a group of segments counts. */
export interface SegmentTotals {
  /** Memory that they hold. */
  bytes: number;
  /** Events that were encoded, in all. */
  encoded: number;
}

/**
 * One change. Its two encodings are made when the first watcher asks and shared by all. `prev` is null while
 * nobody has looked it up.
 */
interface StoredEvent {
  readonly type: EventType;
  readonly key: Key;
  readonly revision: number;
  readonly kv: Uint8Array;
  prev: Uint8Array | undefined | null;
  plain: Uint8Array | undefined;
  withPrev: Uint8Array | undefined;
}

/**
 * A run of consecutive revisions with their events, in order: a piece of the live log, or a stretch of history
 * read from the store. Events are named by their position in it.
 *
 * Invariant: events are ordered by revision, and all lie in `first <= revision < next`.
 */
export class Segment {
  /** The first revision that it covers. */
  readonly first: number;
  #next: number;
  #events: StoredEvent[] = [];
  #bytes = 0;
  #evicted = false;
  readonly #source: EventSource;
  readonly #total: SegmentTotals;
  #searches = 0;
  /** Positions ordered by key, then position; undefined until it pays off, or while events are added. */
  #byKey: Uint32Array | undefined;

  constructor(options: { first: number; source: EventSource; total: SegmentTotals }) {
    this.first = options.first;
    this.#next = options.first;
    this.#source = options.source;
    this.#total = options.total;
  }

  /** The first revision that it does not cover any more. */
  get next(): number {
    return this.#next;
  }

  /** How many events it holds. */
  get count(): number {
    return this.#events.length;
  }

  /** Memory that it accounts for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether its events are gone; who still refers to it must read them elsewhere. */
  get evicted(): boolean {
    return this.#evicted;
  }

  /** Adds an event; `prev` is null when it is not known yet. */
  add(
    event: { type: EventType; key: Key; kv: Uint8Array; prev: Uint8Array | undefined | null },
    revision: number,
  ): void {
    invariant(revision >= this.#next - 1, 'events are added in revision order');
    invariant(revision >= this.first, 'an event lies in its segment');
    const { type, key, kv, prev } = event;
    this.#events.push({ type, key, revision, kv, prev, plain: undefined, withPrev: undefined });
    this.#count(kv.length + key.length + (prev?.length ?? 0) + eventOverheadBytes);
    this.#next = revision + 1;
    this.#byKey = undefined;
    this.#searches = 0;
  }

  /** Says that all revisions below `next` are covered, those without an event included. */
  coverTo(next: number): void {
    invariant(next >= this.#next, 'coverage only grows');
    this.#next = next;
  }

  /** Lets the events go. */
  evict(): void {
    this.#total.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#evicted = true;
    this.#events = [];
    this.#byKey = undefined;
  }

  revisionOf(position: number): number {
    return this.#eventAt(position).revision;
  }

  typeOf(position: number): EventType {
    return this.#eventAt(position).type;
  }

  /** The bytes of an mvccpb.Event, shared by all who ask. */
  encoded(position: number, withPrev: boolean): Uint8Array {
    const event = this.#eventAt(position);
    if (withPrev) {
      const prev = this.#prevOf(event);
      if (prev !== undefined) return (event.withPrev ??= this.#encode(event, prev));
    }
    return (event.plain ??= this.#encode(event, undefined));
  }

  /** Positions of the events of a range, from a revision on, ascending. */
  select(range: KeyRange, from: number): readonly number[] {
    const start = this.#positionOf(from);
    if (this.#byKey === undefined) {
      if (this.#events.length < indexEventsMin || this.#searches++ < scansBeforeIndex) {
        return this.#scan(range, start);
      }
      this.#byKey = this.#indexed();
    }
    return this.#lookUp(this.#byKey, range, start);
  }

  #scan(range: KeyRange, start: number): number[] {
    const hits: number[] = [];
    for (let i = start; i < this.#events.length; i++) {
      const { key } = this.#eventAt(i);
      if (key >= range.start && key < range.endExclusive) hits.push(i);
    }
    return hits;
  }

  #lookUp(byKey: Uint32Array, range: KeyRange, start: number): number[] {
    const hits: number[] = [];
    const end = this.#lowerBound(byKey, range.endExclusive);
    for (let i = this.#lowerBound(byKey, range.start); i < end; i++) {
      const position = byKey[i]!;
      if (position >= start) hits.push(position);
    }
    return hits.length > 1 ? hits.sort(ascending) : hits;
  }

  #lowerBound(byKey: Uint32Array, key: Key): number {
    let low = 0;
    let high = byKey.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#eventAt(byKey[middle]!).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexed(): Uint32Array {
    const events = this.#events;
    return new Uint32Array(events.length)
      .map((_, i) => i)
      .sort((a, b) => {
        const keyA = events[a]!.key;
        const keyB = events[b]!.key;
        if (keyA === keyB) return a - b;
        return keyA < keyB ? -1 : 1;
      });
  }

  /** Position of the first event of a revision or a later one. */
  #positionOf(revision: number): number {
    if (revision <= this.first) return 0;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#eventAt(middle).revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A put that creates its key has none, even where its transaction deleted the key before. */
  #prevOf(event: StoredEvent): Uint8Array | undefined {
    if (event.type === 0 && decodeKeyValue(event.kv).createRevision === event.revision) return undefined;
    if (event.prev === null) {
      event.prev = this.#source.at(event.key, event.revision - 1);
      if (event.prev !== undefined) this.#count(event.prev.length);
    }
    return event.prev;
  }

  #encode(event: StoredEvent, prev: Uint8Array | undefined): Uint8Array {
    const bytes = encodeEvent(event.type, event.kv, prev);
    this.#total.encoded++;
    this.#count(bytes.length);
    return bytes;
  }

  #eventAt(position: number): StoredEvent {
    const event = this.#events[position];
    invariant(event !== undefined, 'a position names an event of the segment');
    return event;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}
