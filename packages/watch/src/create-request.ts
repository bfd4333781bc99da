import { clampCount, keyRange, type KeyRange } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';
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
    range: watchRange(request),
    startRevision: clampCount(request.startRevision),
    prevKv: request.prevKv,
    noPut: request.filters.includes(noPutFilter),
    noDelete: request.filters.includes(noDeleteFilter),
    fragment: request.fragment,
    progressNotify: request.progressNotify,
  };
}

/** What a create request watches: ranges are as everywhere, but that no key means the byte 0. */
export function watchRange({ key, rangeEnd }: Pick<rpcpb.WatchCreateRequest, 'key' | 'rangeEnd'>): KeyRange {
  return keyRange(key.length === 0 ? zeroByte : key, rangeEnd);
}

const zeroByte = Uint8Array.of(0);
