import { CompactedError, RangeRun, ReadOnlyTxnRun, type MvccStore } from '@quorate/mvcc';
import type { RangeRequest, RangeResponseParts, TxnRequest, TxnResponseParts } from '@quorate/wire';

/** How a long read is cut into slices. */
export interface Slices {
  /** What is done before others get their turn, in keys that are looked at. */
  readonly work: number;
  /** Resolves when others have had their turn. */
  nextTurn(): Promise<void>;
  /** Called at once before a slice, but for the first. @throws whatever the read shall fail with, which may not go on */
  check(): void;
}

/** Something that is read in steps, all as of the revision at which it began. */
interface Run<R> {
  /** The answer, or undefined when there is more to do. */
  next(store: MvccStore, workMax: number): R | undefined;
}

/**
 * Reads a range without holding up everybody else: a long one goes in slices, and others get their turn between two
 * slices. Whoever asks for the newest revision and is overtaken by a compaction is given a newer one; hence whether he may
 * read is looked at before every slice.
 *
 * @returns a promise of a long one only
 * @throws CompactedError, FutureRevisionError as `executeRange`; what `Slices.check` throws
 */
export function readRange(
  store: MvccStore,
  request: RangeRequest,
  slices: Slices,
): RangeResponseParts | Promise<RangeResponseParts> {
  return inSlices(store, () => new RangeRun(request), slices);
}

/** The same for a transaction that only reads. */
export function readTxn(
  store: MvccStore,
  request: TxnRequest,
  slices: Slices,
): TxnResponseParts | Promise<TxnResponseParts> {
  return inSlices(store, () => new ReadOnlyTxnRun(request), slices);
}

function inSlices<R>(store: MvccStore, begin: () => Run<R>, slices: Slices): R | Promise<R> {
  const run = begin();
  return run.next(store, slices.work) ?? goOn(store, run, begin, slices);
}

async function goOn<R>(store: MvccStore, begun: Run<R>, begin: () => Run<R>, slices: Slices): Promise<R> {
  for (let run = begun; ;) {
    await slices.nextTurn();
    slices.check();
    let response: R | undefined;
    try {
      response = run.next(store, slices.work);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      // Overtaken by a compaction: if what was asked for is gone, who begins anew finds out at once.
      run = begin();
      response = run.next(store, slices.work);
    }
    if (response !== undefined) return response;
  }
}
