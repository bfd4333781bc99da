import {
  CompactedError,
  executeRange,
  hasRevisionFilters,
  keyRange,
  RangeStreamer,
  sortOrders,
  sortTargets,
  type MvccStore,
} from '@quorate/mvcc';
import { invariant } from '@quorate/std';
import type { RangeRequest, RangeResponseParts } from '@quorate/wire';

/** A range of fewer keys than this is read in one go: about a millisecond. */
const keysInOneGo = 2_000;
/** Bytes of key-values between two pauses of a longer one. */
const sliceBytes = 1024 * 1024;

/**
 * Reads a range without holding up everybody else: a long one goes in slices, all at the revision at which it
 * began, and others get their turn between two slices. One that sorts or filters needs all its keys at once and
 * is not sliced.
 *
 * @returns a promise of a long one only
 * @throws CompactedError, FutureRevisionError as `executeRange`
 */
export function readRange(
  store: MvccStore,
  request: RangeRequest,
  nextTurn: () => Promise<void>,
): RangeResponseParts | Promise<RangeResponseParts> {
  return isLong(store, request) ? readLong(store, request, nextTurn) : executeRange(store, request);
}

async function readLong(
  store: MvccStore,
  request: RangeRequest,
  nextTurn: () => Promise<void>,
): Promise<RangeResponseParts> {
  for (;;) {
    try {
      return await readInSlices(store, request, nextTurn);
    } catch (error) {
      // A compaction overtook a read of the newest revision: there is a newer one to read.
      if (!(error instanceof CompactedError) || request.revision > 0) throw error;
    }
  }
}

function isLong(store: MvccStore, request: RangeRequest): boolean {
  if (request.rangeEnd.length === 0 || request.countOnly) return false;
  if (request.limit > 0 && request.limit <= keysInOneGo) return false;
  const isInKeyOrder = request.sortTarget === sortTargets.key && request.sortOrder !== sortOrders.descend;
  if (!isInKeyOrder || hasRevisionFilters(request)) return false;
  // How many keys there are now; of an older revision about as many.
  return store.range(keyRange(request.key, request.rangeEnd), { countOnly: true }).count > keysInOneGo;
}

async function readInSlices(
  store: MvccStore,
  request: RangeRequest,
  nextTurn: () => Promise<void>,
): Promise<RangeResponseParts> {
  const streamer = new RangeStreamer(request, { maxRequestBytes: sliceBytes });
  const kvs: Uint8Array[] = [];
  for (;;) {
    const chunk = streamer.next(store);
    invariant(chunk !== undefined, 'the last chunk of a range says that it is the last');
    for (const kv of chunk.kvs) kvs.push(kv);
    // Only the last chunk has a header.
    if (chunk.header !== undefined) return { ...chunk, kvs };
    await nextTurn();
  }
}
