import type { Key } from '@quorate/std';
import type { EventType } from '@quorate/wire';

export { isSingleKey, unboundedEnd, type Key, type KeyRange } from '@quorate/std';

/** One key changed by a write transaction. The bytes are lent for good: nobody writes to them again. */
export interface LiveChange {
  readonly type: EventType;
  readonly key: Key;
  /** Encoded KeyValue; for a delete one with only key and mod revision set. */
  readonly kv: Uint8Array;
  /** The encoded KeyValue before, undefined when the key was absent. */
  readonly prev: Uint8Array | undefined;
}

/** A change as the store remembers it. */
export interface HistoryChange {
  readonly type: EventType;
  readonly key: Key;
  readonly revision: number;
  /** Encoded KeyValue; for a delete one with only key and mod revision set. */
  readonly kv: Uint8Array;
}

/** Which stretch of history to read. It ends at a revision boundary and holds at least one revision. */
export interface HistoryOptions {
  /** The first revision wanted; not below the compacted one and not above the current one. */
  readonly from: number;
  /** The last revision wanted; the current one by default. */
  readonly to?: number;
  readonly maxRevisions?: number;
  /** A bound on the sizes of the key-values; a single revision may exceed it. */
  readonly maxBytes?: number;
}

/** A stretch of history. */
export interface HistorySlice {
  /** In order of revision, then of sub-revision. */
  readonly changes: readonly HistoryChange[];
  /** Where to read on: all of `from` up to, not including, `next` was looked at. */
  readonly next: number;
}

/** What watchers need of the store. */
export interface EventSource {
  readonly currentRevision: number;
  /** History below it is gone; -1 when never compacted. */
  readonly compactedRevision: number;
  history(options: HistoryOptions): HistorySlice;
  /** The encoded KeyValue of a key as of a revision; undefined when it was absent or is compacted away. */
  at(key: Key, revision: number): Uint8Array | undefined;
}
