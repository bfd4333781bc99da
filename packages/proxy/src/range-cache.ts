import { copyBytes, prefixEnd, toLatin1, unboundedEnd, type KeyRange } from '@quorate/std';
import { LRUCache } from 'lru-cache';

/** As in etcd's proxy. */
const entriesMax = 2_048;
/** Of all answers together; what is larger than a sixteenth of it is not kept. */
const bytesMax = 64 * 1024 * 1024;

/** Told of what comes and goes, for metrics. */
export interface RangeCacheObserver {
  onHit(): void;
  onMiss(): void;
}

/** What is kept of an answer. */
export interface CachedRange {
  readonly response: Uint8Array;
  /** Of the store when it was given. */
  readonly revision: bigint;
}

interface Entry extends CachedRange {
  readonly range: KeyRange;
  /** At which the request wanted to read; 0 for the current one. */
  readonly atRevision: bigint;
}

/** A read on its way, which a write may overtake. */
export interface ReadUnderWay {
  readonly range: KeyRange;
  isStale: boolean;
}

/**
 * Answers to serializable reads, for whoever asks the same with the same credentials. A write through the proxy
 * removes those it touches before its own answer goes out; one that goes past it is seen when an answer is `ttlMs` old.
 */
export class RangeCache {
  readonly #entries: LRUCache<string, Entry>;
  readonly #underWay = new Set<ReadUnderWay>();
  readonly #observer: RangeCacheObserver;

  constructor({
    ttlMs,
    now,
    observer,
  }: {
    readonly ttlMs: number;
    readonly now: () => number;
    readonly observer: RangeCacheObserver;
  }) {
    this.#observer = observer;
    this.#entries = new LRUCache<string, Entry>({
      max: entriesMax,
      maxSize: bytesMax,
      maxEntrySize: bytesMax / 16,
      sizeCalculation: ({ response }, key) => response.length + key.length + 1,
      ttl: ttlMs,
      ttlResolution: 0,
      perf: { now },
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer that is kept for this; undefined when there is none. */
  get(key: string): CachedRange | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#observer.onMiss();
    else this.#observer.onHit();
    return entry;
  }

  /** To be called before the member is asked. */
  begin(range: KeyRange): ReadUnderWay {
    const read = { range, isStale: false };
    this.#underWay.add(read);
    return read;
  }

  /** The read has ended without an answer. Harmless after `add`. */
  end(read: ReadUnderWay): void {
    this.#underWay.delete(read);
  }

  /** Keeps the answer, unless a write has touched the range meanwhile. */
  add(key: string, read: ReadUnderWay, answer: CachedRange & { readonly atRevision: bigint }): void {
    this.#underWay.delete(read);
    if (read.isStale) return;
    // A copy: what was received is part of a larger piece of memory.
    const { response, revision, atRevision } = answer;
    this.#entries.set(key, { response: copyBytes(response), revision, atRevision, range: read.range });
  }

  /** Something was written, or may have been, in these ranges. */
  invalidate(ranges: readonly KeyRange[]): void {
    if (ranges.length === 0) return;
    const isTouched = (kept: KeyRange): boolean => ranges.some((range) => overlaps(range, kept));
    for (const read of this.#underWay) if (isTouched(read.range)) read.isStale = true;
    for (const [key, { range }] of this.#entries.entries()) {
      if (isTouched(range)) this.#entries.delete(key);
    }
  }

  /** Anything may have been written, or permitted to others. */
  clear(): void {
    this.invalidate([everything]);
  }

  /** What is before this revision cannot be read any more. */
  compact(revision: bigint): void {
    for (const [key, { atRevision }] of this.#entries.entries()) {
      if (atRevision > 0n && atRevision < revision) this.#entries.delete(key);
    }
  }
}

const everything: KeyRange = { start: '', endExclusive: unboundedEnd };

/** Whether there may be a key that is in both. */
function overlaps(a: KeyRange, b: KeyRange): boolean {
  return a.start < b.endExclusive && b.start < a.endExclusive;
}

/** All keys that begin with this text. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  const start = toLatin1(prefix);
  return { start, endExclusive: prefixEnd(start) };
}
