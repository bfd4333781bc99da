import type { KeyValue } from '../../history/types.ts';
import type { KeyInterval } from './key-interval.ts';

/** What a range of keys holds. */
export interface Selection {
  /** In key order, at most as many as asked for. */
  readonly kvs: readonly KeyValue[];
  /** All keys of the range. */
  readonly count: number;
}

/** Which key-values to select. */
export interface SelectOptions {
  readonly interval: KeyInterval;
  /** 0 is now, changes under way included. */
  readonly revision: number;
  /** 0 is no limit. */
  readonly limit: number;
}

/**
 * A model of the store as the rules of requests need it. There are two: one that remembers every revision, for
 * histories whose order is known, and one that can take steps back, for searches.
 */
export interface ModelState {
  /** The newest complete revision. */
  readonly revision: number;
  /** -1 when never compacted. */
  readonly compactedRevision: number;
  /** The key-value of now, changes under way included. */
  latest(key: string): KeyValue | undefined;
  select(options: SelectOptions): Selection;
  hasLease(id: bigint): boolean;
  /** Sorted. */
  keysOfLease(id: bigint): readonly string[];
  /** Sets a key within the revision under way. */
  put(kv: KeyValue): void;
  /** Deletes a live key within the revision under way. */
  delete(key: string): void;
  /** Ends the revision under way; there is a new one only if something changed. */
  commit(): void;
  compact(revision: number): void;
  grant(id: bigint, ttlSeconds: number): void;
  /** Forgets a lease that has no keys any more. */
  dropLease(id: bigint): void;
}
