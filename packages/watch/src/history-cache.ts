import { invariant } from '@quorate/std';
import type { EventSource } from './event-source.ts';
import { Segment, type SegmentTotals } from './segment.ts';

/** One read of history covers at most this many revisions and ends at a multiple of it, so that watchers meet. */
const blockRevisions = 512;

/** One read of history asks for at most this many bytes: about a millisecond of work. */
const readBytesMax = 256 * 1024;

/**
 * The stretches of history read last, shared by all watchers that catch up. Watchers that stand near each other
 * read each stretch from the store once.
 *
 * Bound: `bytesMax`; the stretch that was not used for longest leaves first, the newest always stays.
 */
export class HistoryCache {
  readonly #source: EventSource;
  readonly #bytesMax: number;
  readonly #total: SegmentTotals = { bytes: 0, encoded: 0 };
  /** Used last comes last. */
  #segments: Segment[] = [];
  #reads = 0;

  constructor(options: { source: EventSource; bytesMax: number }) {
    this.#source = options.source;
    this.#bytesMax = options.bytesMax;
  }

  /** Memory held, encodings included. */
  get bytes(): number {
    return this.#total.bytes;
  }

  /** Events of its that were encoded. */
  get encodedTotal(): number {
    return this.#total.encoded;
  }

  /** How often the store was read. */
  get reads(): number {
    return this.#reads;
  }

  /** The cached stretch with a revision, if there is one. */
  find(revision: number): Segment | undefined {
    const at = this.#segments.findLastIndex(({ first, next }) => first <= revision && revision < next);
    const segment = this.#segments[at];
    if (segment === undefined || at === this.#segments.length - 1) return segment;
    this.#segments.splice(at, 1);
    this.#segments.push(segment);
    return segment;
  }

  /** Reads the stretch that starts with `revision`; it holds nothing above `lastRevision`. */
  read(revision: number, lastRevision: number): Segment {
    invariant(revision <= lastRevision, 'history is read up to the last revision');
    this.#reads++;
    const segment = new Segment({ first: revision, source: this.#source, total: this.#total });
    const maxRevisions = blockRevisions - (revision % blockRevisions);
    const slice = this.#source.history({
      from: revision,
      to: lastRevision,
      maxRevisions,
      maxBytes: readBytesMax,
    });
    invariant(slice.next > revision, 'a read of history makes progress');
    for (const change of slice.changes) {
      if (change.revision > lastRevision) break;
      segment.add({ type: change.type, key: change.key, kv: change.kv, prev: null }, change.revision);
    }
    segment.coverTo(Math.min(slice.next, lastRevision + 1));
    this.#segments.push(segment);
    this.#trim();
    return segment;
  }

  /** Forgets all: the store was replaced. */
  clear(): void {
    for (const segment of this.#segments) segment.evict();
    this.#segments = [];
  }

  #trim(): void {
    let evicted = 0;
    while (evicted < this.#segments.length - 1 && this.#total.bytes > this.#bytesMax) {
      this.#segments[evicted++]!.evict();
    }
    if (evicted > 0) this.#segments.splice(0, evicted);
  }
}
