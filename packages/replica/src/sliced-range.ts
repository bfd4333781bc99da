import { CompactedError, RangeRun, ReadOnlyTxnRun, type MvccStore } from '@quorate/mvcc';
import type { RangeRequest, RangeResponseParts, TxnRequest, TxnResponseParts } from '@quorate/wire';

/** What is done before others get their turn, in keys that are looked at: less than a millisecond. */
const sliceWork = 2_000;

/** Something that is read in steps, all as of the revision at which it began. */
interface Run<R> {
  /** The answer, or undefined when there is more to do. */
  next(store: MvccStore, workMax: number): R | undefined;
}

/**
 * Reads a range without holding up everybody else: a long one goes in slices, and others get their turn between two
 * slices. Whoever asks for the newest revision and is overtaken by a compaction is given a newer one.
 *
 * @returns a promise of a long one only
 * @throws CompactedError, FutureRevisionError as `executeRange`
 */
export function readRange(
  store: MvccStore,
  request: RangeRequest,
  nextTurn: () => Promise<void>,
): RangeResponseParts | Promise<RangeResponseParts> {
  return inSlices(store, () => new RangeRun(request), nextTurn);
}

/** The same for a transaction that only reads. */
export function readTxn(
  store: MvccStore,
  request: TxnRequest,
  nextTurn: () => Promise<void>,
): TxnResponseParts | Promise<TxnResponseParts> {
  return inSlices(store, () => new ReadOnlyTxnRun(request), nextTurn);
}

function inSlices<R>(store: MvccStore, begin: () => Run<R>, nextTurn: () => Promise<void>): R | Promise<R> {
  const run = begin();
  return run.next(store, sliceWork) ?? goOn(store, run, begin, nextTurn);
}

async function goOn<R>(
  store: MvccStore,
  begun: Run<R>,
  begin: () => Run<R>,
  nextTurn: () => Promise<void>,
): Promise<R> {
  for (let run = begun; ;) {
    await nextTurn();
    let response: R | undefined;
    try {
      response = run.next(store, sliceWork);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      // Overtaken by a compaction: if what was asked for is gone, who begins anew finds out at once.
      run = begin();
      response = run.next(store, sliceWork);
    }
    if (response !== undefined) return response;
  }
}
