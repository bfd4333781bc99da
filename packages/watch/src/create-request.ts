import { clampCount, toLatin1 } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';
import { unboundedEnd, type Key, type KeyRange } from './event-source.ts';
import type { WatcherOptions } from './watcher.ts';

/** The client gave no ID and wants one. */
export const autoWatchId = 0n;

/** Stands in answers that belong to no watcher, or to all of a stream. */
export const invalidWatchId = -1n;

/** Texts that clients compare. */
export const cancelReasons = {
  negativeStart: 'etcdserver: mvcc: required revision has been compacted',
  emptyRange: 'mvcc: watcher range is empty',
  duplicateId: 'mvcc: duplicate watch ID provided on the WatchStream',
} as const;

const noPutFilter = 0;
const noDeleteFilter = 1;

/** A decoded create request in our own terms. A range that is empty comes out as one (`start >= endExclusive`). */
export function openCreateRequest(request: rpcpb.WatchCreateRequest): WatcherOptions {
  return {
    range: rangeOf(request.key, request.rangeEnd),
    startRevision: clampCount(request.startRevision),
    prevKv: request.prevKv,
    noPut: request.filters.includes(noPutFilter),
    noDelete: request.filters.includes(noDeleteFilter),
    fragment: request.fragment,
    progressNotify: request.progressNotify,
  };
}

/** No key means the byte 0; no range end one key; the byte 0 as range end no end. */
function rangeOf(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  const start = key.length === 0 ? '\0' : toLatin1(key);
  return { start, endExclusive: endOf(start, rangeEnd) };
}

function endOf(start: Key, rangeEnd: Uint8Array): Key {
  if (rangeEnd.length === 0) return `${start}\0`;
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return unboundedEnd;
  return toLatin1(rangeEnd);
}
