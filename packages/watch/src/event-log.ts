import { invariant } from '@quorate/std';
import type { EventSource, LiveChange } from './event-source.ts';
import { Segment, type SegmentTotals } from './segment.ts';

/** A segment takes no more revisions than this. */
const segmentRevisionsMax = 512;

/** A segment is closed at this size, or at an eighth of the log if that is less. */
const segmentBytesMax = 256 * 1024;

/** Where a live event lies. */
export interface LogPosition {
  readonly segment: Segment;
  readonly position: number;
}

/**
 * The newest events of the store, without gaps, bounded in bytes: the oldest segments leave first. What has
 * left is read from the store again.
 *
 * Invariant: firstRevision <= nextRevision, and every revision between them is held by one segment.
 */
export class EventLog {
  readonly #source: EventSource;
  readonly #bytesMax: number;
  readonly #segmentBytesMax: number;
  readonly #total: SegmentTotals = { bytes: 0, encoded: 0 };
  #segments: Segment[] = [];
  #nextRevision: number;

  constructor(options: { source: EventSource; bytesMax: number }) {
    this.#source = options.source;
    this.#bytesMax = options.bytesMax;
    this.#segmentBytesMax = Math.min(segmentBytesMax, options.bytesMax / 8);
    this.#nextRevision = options.source.currentRevision + 1;
  }

  /** The revision that is appended next. */
  get nextRevision(): number {
    return this.#nextRevision;
  }

  /** The oldest revision held; `nextRevision` when the log is empty. */
  get firstRevision(): number {
    return this.#segments[0]?.first ?? this.#nextRevision;
  }

  /** Memory held, encodings included. */
  get bytes(): number {
    return this.#total.bytes;
  }

  /** Events of its that were encoded. */
  get encodedTotal(): number {
    return this.#total.encoded;
  }

  /** Takes the changes of one revision; returns where the first of them lies. */
  append(revision: number, changes: readonly LiveChange[]): LogPosition {
    invariant(revision === this.#nextRevision, 'revisions are appended one after the other');
    const segment = this.#openSegment();
    const position = segment.count;
    for (const change of changes) segment.add(change, revision);
    this.#nextRevision = revision + 1;
    return { segment, position };
  }

  /** A revision that nobody follows: whoever asks for it, or for one before it, reads the store. */
  pass(revision: number): void {
    invariant(revision === this.#nextRevision, 'revisions are appended one after the other');
    this.reset(revision);
  }

  /** Evicts the oldest segments until the bound is kept. A separate step, so that an append can be read first. */
  trim(): void {
    let evicted = 0;
    while (evicted < this.#segments.length && this.#total.bytes > this.#bytesMax) {
      this.#segments[evicted++]!.evict();
    }
    if (evicted > 0) this.#segments.splice(0, evicted);
  }

  /** The segment that holds a revision, if the log still does. */
  segmentAt(revision: number): Segment | undefined {
    if (revision < this.firstRevision || revision >= this.#nextRevision) return undefined;
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#segments[middle]!.first <= revision) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low];
  }

  /** Forgets all and goes on behind `revision`: the store was replaced. */
  reset(revision: number): void {
    for (const segment of this.#segments) segment.evict();
    this.#segments.length = 0;
    this.#nextRevision = revision + 1;
  }

  #openSegment(): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes < this.#segmentBytesMax) {
      if (last.next - last.first < segmentRevisionsMax) return last;
    }
    const fresh = new Segment({ first: this.#nextRevision, source: this.#source, total: this.#total });
    this.#segments.push(fresh);
    return fresh;
  }
}
