import type { Key, KeyRange } from '@quorate/std';
import type { EventType } from '@quorate/wire';

export { unboundedEnd, type Key, type KeyRange } from '@quorate/std';

/** How to read a range. */
export interface RangeOptions {
  /** The revision to read at; 0 (default) or less is the newest. */
  readonly revision?: number;
  /** At most so many key-values; 0 (default) is no limit. `count` is not limited by it. */
  readonly limit?: number;
  /** Only count. */
  readonly countOnly?: boolean;
  /**
   * Stop once the limit is reached, and count only what was read: for the pages behind the first one, whose
   * count is known. At an old revision a count has to visit what has changed since.
   */
  readonly countsOnlyPage?: boolean;
  /**
   * Stop after about so much work, and say where in `next`; no end by default. A key that is looked at counts as one, and a
   * value that is not in memory as many more.
   */
  readonly workMax?: number;
}

/** What a range read found. */
export interface RangeResult {
  /** Encoded mvccpb.KeyValues in key order. Views of the store's memory: read them, never write. */
  readonly kvs: readonly Uint8Array[];
  /** How many keys the range holds at that revision; with `next`, how many before that key. */
  readonly count: number;
  /** Where a read that was cut short by `workMax` goes on; undefined when it was not. */
  readonly next?: Key | undefined;
}

/** The store at a moment, writes of the open transaction included. */
export interface ReadView {
  /** The newest revision that a read sees. */
  readonly currentRevision: number;
  /** Reads below it fail; -1 when never compacted. */
  readonly compactedRevision: number;
  /**
   * @throws CompactedError when 0 < revision < compactedRevision
   * @throws FutureRevisionError when revision > currentRevision
   */
  range(range: KeyRange, options?: RangeOptions): RangeResult;
  /** The newest encoded KeyValue of a key, undefined when it is absent. A view, as in `range`. */
  latest(key: Key): Uint8Array | undefined;
}

/** One key changed by a write transaction, in the order of its sub-revisions. */
export interface Change {
  readonly type: EventType;
  readonly key: Key;
  /** Encoded KeyValue; for a delete one with only key and mod revision set. */
  readonly kv: Uint8Array;
  /** The encoded KeyValue at the revision before, undefined when the key was absent there. */
  readonly prev: Uint8Array | undefined;
}

/** One write transaction: all its changes share one main revision. There is at most one at a time. */
export interface WriteTxn extends ReadView {
  /** Sets a key; returns the encoded KeyValue before. Lease 0 attaches none and detaches the old one. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): Uint8Array | undefined;
  /** Deletes the live keys of a range; returns their encoded KeyValues before, in key order. */
  deleteRange(range: KeyRange): readonly Uint8Array[];
  /** Makes the changes visible and ends the transaction. No change, no new revision. */
  end(): { readonly revision: number; readonly changes: readonly Change[] };
}

/** Where the store tells which key hangs on which lease. */
export interface LeaseAttachments {
  attach(lease: bigint, key: Key): void;
  detach(lease: bigint, key: Key): void;
}
