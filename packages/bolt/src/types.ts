/** Random access to a file; `DiskFile` of @quorate/wal is one. */
export interface BoltSource {
  /** Reads up to `size` bytes at `offset`; fewer only at the end of the file. Owned by the caller. */
  read(offset: number, size: number): Promise<Uint8Array>;
  /** How many bytes there are. */
  size(): Promise<number>;
}

/** A row of a bucket. */
export type BoltRow = readonly [key: Uint8Array, value: Uint8Array];

/** A bucket to be written. */
export interface BoltBucket {
  readonly name: string;
  /** All rows in strictly ascending order of their keys. Called twice, and must give the same both times. */
  rows(): AsyncIterable<readonly BoltRow[]>;
}

/**
 * Lets the event loop turn. Whoever passes one is asked for it after each half millisecond or so of work; without it
 * long work pauses only where it waits for its source or its consumer.
 */
export type YieldToLoop = () => Promise<void>;
