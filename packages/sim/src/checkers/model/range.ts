import type { KeyValue, RangeRequest, RangeResponse } from '../../history/types.ts';
import { keyInterval } from './key-interval.ts';
import type { ModelState } from './model-state.ts';

/** The answer to a range that is not refused. */
export function readRange(state: ModelState, request: RangeRequest): RangeResponse {
  const limit = request.limit ?? 0;
  const found = state.select({
    interval: keyInterval(request.key, request.rangeEnd),
    revision: Math.max(0, request.revision ?? 0),
    limit: readLimit(request, limit),
  });
  if (request.countOnly === true) return { kind: 'range', kvs: [], count: found.count, more: false };
  const sorted = sort(hasRevisionFilters(request) ? filter(found.kvs, request) : found.kvs, request);
  const more = limit > 0 && sorted.length > limit;
  const kvs = more ? sorted.slice(0, limit) : sorted;
  return {
    kind: 'range',
    kvs: request.keysOnly === true ? kvs.map((kv) => ({ ...kv, value: '' })) : kvs,
    count: found.count,
    more,
  };
}

/** What a range is sorted by, undefined for the key. */
export function sortField(request: RangeRequest): ((kv: KeyValue) => number | string) | undefined {
  switch (request.sortTarget) {
    case 'version':
      return (kv) => kv.version;
    case 'create':
      return (kv) => kv.createRevision;
    case 'mod':
      return (kv) => kv.modRevision;
    case 'value':
      return (kv) => kv.value;
    default:
      return undefined;
  }
}

/** With no order asked for, etcd reads one key more than the limit and sorts only those; so must we. */
function readLimit(request: RangeRequest, limit: number): number {
  if (limit <= 0 || hasRevisionFilters(request)) return 0;
  return request.sortOrder === undefined || request.sortOrder === 'none' ? limit + 1 : 0;
}

function hasRevisionFilters(request: RangeRequest): boolean {
  return (
    (request.minModRevision ?? 0) !== 0 ||
    (request.maxModRevision ?? 0) !== 0 ||
    (request.minCreateRevision ?? 0) !== 0 ||
    (request.maxCreateRevision ?? 0) !== 0
  );
}

function filter(kvs: readonly KeyValue[], request: RangeRequest): readonly KeyValue[] {
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request;
  return kvs.filter(
    (kv) =>
      (minModRevision === 0 || kv.modRevision >= minModRevision) &&
      (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
      (minCreateRevision === 0 || kv.createRevision >= minCreateRevision) &&
      (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision),
  );
}

/** Equals stay in key order, whichever way the others go. */
function sort(kvs: readonly KeyValue[], request: RangeRequest): readonly KeyValue[] {
  const field = sortField(request);
  const descending = request.sortOrder === 'descend';
  if (field === undefined) return descending ? kvs.toReversed() : kvs;
  const sign = descending ? -1 : 1;
  return kvs.toSorted((a, b) => {
    const left = field(a);
    const right = field(b);
    return left < right ? -sign : left > right ? sign : 0;
  });
}
