/** Codes of the errors that calls of a store throw. */
export type MvccErrorCode = 'MVCC_COMPACTED' | 'MVCC_FUTURE_REVISION' | 'MVCC_DAMAGED_ROW';

/** The revision asked for is below the compacted one, or, for a compaction, not above it. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly code = 'MVCC_COMPACTED' satisfies MvccErrorCode;
  constructor(revision: number, compacted: number) {
    super(`revision ${revision} is compacted; the compaction is at ${compacted}`);
  }
}

/** The revision asked for has not been written yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  readonly code = 'MVCC_FUTURE_REVISION' satisfies MvccErrorCode;
  constructor(revision: number, current: number) {
    super(`revision ${revision} is in the future; the newest is ${current}`);
  }
}

/**
 * A row of the backend is missing or does not hold what was written to it, or a row in etcd's format is none. Not
 * to be recovered from here.
 */
export class DamagedRowError extends Error {
  override readonly name = 'DamagedRowError';
  readonly code = 'MVCC_DAMAGED_ROW' satisfies MvccErrorCode;
  constructor(row: string, reason: string, options?: ErrorOptions) {
    super(`row ${row} of bucket key is damaged: ${reason}`, options);
  }
}

/**
 * An image of the store is not whole, or not of the rows that are there. Only `open` throws it; without the image the
 * store opens as well, from the rows.
 */
export class DamagedImageError extends Error {
  override readonly name = 'DamagedImageError';
  readonly code = 'MVCC_DAMAGED_IMAGE';
  constructor(reason: string, options?: ErrorOptions) {
    super(`the image of the store is of no use: ${reason}`, options);
  }
}
