import { compareBytes, keyRange } from '@quorate/std';
import type { RangeRequest, RangeResponseParts } from '@quorate/wire';
import type { ReadView } from '../types.ts';
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
  const found = view.range(keyRange(request.key, request.rangeEnd), {
    revision: request.revision,
    limit: readLimit(request),
    countOnly: request.countOnly,
  });
  const filtered = hasRevisionFilters(request) ? applyFilters(found.kvs, request) : found.kvs;
  const sorted = applySort(filtered, request);
  const more = request.limit > 0 && sorted.length > request.limit;
  const kvs = more ? sorted.slice(0, request.limit) : sorted;
  return {
    header: revisionHeader(view.currentRevision),
    kvs: request.keysOnly ? kvs.map(withoutValue) : kvs,
    more,
    count: found.count,
  };
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
