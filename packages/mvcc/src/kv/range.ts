import { compareBytes, invariant, keyRange } from '@quorate/std';
import type { RangeRequest, RangeResponseParts } from '@quorate/wire';
import type { KeyRange, RangeResult, ReadView } from '../types.ts';
import { createRevisionOf, modRevisionOf, valueOf, versionOf, withoutValue } from './encoded-key-value.ts';
import { revisionHeader } from './revision-header.ts';

/** etcdserverpb.RangeRequest.SortOrder. */
export const sortOrders = { none: 0, ascend: 1, descend: 2 } as const;

/** etcdserverpb.RangeRequest.SortTarget. */
export const sortTargets = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

/**
 * Answers a Range from a view. The header holds only the revision (the view's newest, not the requested one);
 * `kvs` are the view's own bytes: read them, never write.
 *
 * @throws CompactedError, FutureRevisionError as `ReadView.range` does
 */
export function executeRange(view: ReadView, request: RangeRequest): RangeResponseParts {
  const response = new RangeRun(request).next(view);
  invariant(response !== undefined, 'a range that nobody interrupts comes to its end');
  return response;
}

/**
 * A Range that goes on where it stopped, for a view of one store that may change in between: all of the answer is as of the
 * revision at which it began.
 */
export class RangeRun {
  readonly #request: RangeRequest;
  readonly #limit: number;
  #range: KeyRange;
  /** What is read and what the header says, from the first step on. */
  #readRevision: number;
  #headerRevision: number;
  /** What each step has found. */
  readonly #found: (readonly Uint8Array[])[] = [];
  /** How many were read, those included that were left out. */
  #readCount = 0;
  #count = 0;

  /** What asks for the newest revision reads `revision`; by default that of the view at the first step. */
  constructor(request: RangeRequest, revision = 0) {
    this.#request = request;
    this.#range = keyRange(request.key, request.rangeEnd);
    this.#readRevision = request.revision > 0 ? request.revision : revision;
    this.#headerRevision = revision;
    this.#limit = readLimit(request);
  }

  /**
   * Goes on for about so much work (see `RangeOptions`), without end by default. The answer, or undefined when there is
   * more to do.
   *
   * @throws CompactedError, FutureRevisionError as `ReadView.range` does
   */
  next(view: ReadView, workMax = Infinity): RangeResponseParts | undefined {
    const isFull = this.#limit > 0 && this.#readCount >= this.#limit;
    const found = view.range(this.#range, {
      revision: this.#readRevision,
      limit: isFull ? 0 : Math.max(0, this.#limit - this.#readCount),
      countOnly: this.#request.countOnly || isFull,
      workMax,
    });
    if (this.#headerRevision === 0) this.#headerRevision = view.currentRevision;
    this.#take(found);
    if (found.next === undefined) return this.#answer();
    if (this.#readRevision === 0) this.#readRevision = this.#headerRevision;
    this.#range = { ...this.#range, start: found.next };
    return undefined;
  }

  #take({ kvs, count }: RangeResult): void {
    const request = this.#request;
    this.#count += count;
    this.#readCount += kvs.length;
    const filtered = hasRevisionFilters(request) ? applyFilters(kvs, request) : kvs;
    this.#found.push(this.#dropsValues ? filtered.map(withoutValue) : filtered);
  }

  /** Whether the values can go at once. */
  get #dropsValues(): boolean {
    return this.#request.keysOnly && this.#request.sortTarget !== sortTargets.value;
  }

  #answer(): RangeResponseParts {
    const request = this.#request;
    const [first = [], ...others] = this.#found;
    const sorted = applySort(others.length === 0 ? first : this.#found.flat(), request);
    const more = request.limit > 0 && sorted.length > request.limit;
    const kvs = more ? sorted.slice(0, request.limit) : sorted;
    return {
      header: revisionHeader(this.#headerRevision),
      kvs: request.keysOnly && !this.#dropsValues ? kvs.map(withoutValue) : kvs,
      more,
      count: this.#count,
    };
  }
}

/** Whether the answer leaves out key-values by their revisions. */
export function hasRevisionFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/**
 * How many key-values to read: one more than asked for, to learn whether there are more, or all of them when
 * what is asked for is known only after filtering and sorting.
 *
 * etcd decides by the order alone. A sort target without an order therefore sorts just the first `limit + 1`
 * keys, and so do we, since clients see it.
 */
function readLimit(request: RangeRequest): number {
  if (request.limit <= 0) return 0;
  if (request.sortOrder !== sortOrders.none || hasRevisionFilters(request)) return 0;
  return request.limit + 1;
}

function applyFilters(kvs: readonly Uint8Array[], request: RangeRequest): readonly Uint8Array[] {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return kvs.filter((kv) => {
    const modRevision = modRevisionOf(kv);
    if (maxModRevision !== 0 && modRevision > maxModRevision) return false;
    if (minModRevision !== 0 && modRevision < minModRevision) return false;
    const createRevision = createRevisionOf(kv);
    if (maxCreateRevision !== 0 && createRevision > maxCreateRevision) return false;
    return minCreateRevision === 0 || createRevision >= minCreateRevision;
  });
}

/** Equals stay in key order, whichever way the others go. */
function applySort(kvs: readonly Uint8Array[], request: RangeRequest): readonly Uint8Array[] {
  const descending = request.sortOrder === sortOrders.descend;
  switch (request.sortTarget) {
    case sortTargets.key:
      return descending ? kvs.toReversed() : kvs;
    case sortTargets.version:
      return sortByNumber(kvs, versionOf, descending);
    case sortTargets.create:
      return sortByNumber(kvs, createRevisionOf, descending);
    case sortTargets.mod:
      return sortByNumber(kvs, modRevisionOf, descending);
    case sortTargets.value:
      return sortByValue(kvs, descending);
    default:
      // No such target passes the shape checks; whoever gets here reads in key order.
      return kvs;
  }
}

function sortByNumber(
  kvs: readonly Uint8Array[],
  read: (kv: Uint8Array) => number,
  descending: boolean,
): readonly Uint8Array[] {
  const rows = kvs.map((kv) => ({ kv, by: read(kv) }));
  rows.sort(descending ? (a, b) => b.by - a.by : (a, b) => a.by - b.by);
  return rows.map((row) => row.kv);
}

function sortByValue(kvs: readonly Uint8Array[], descending: boolean): readonly Uint8Array[] {
  const rows = kvs.map((kv) => ({ kv, by: valueOf(kv) }));
  rows.sort(descending ? (a, b) => compareBytes(b.by, a.by) : (a, b) => compareBytes(a.by, b.by));
  return rows.map((row) => row.kv);
}
