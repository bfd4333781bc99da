import type { LoggedRequest, Operation, WatchEvent } from '../../history/types.ts';

/** A change of the store's state: of its keys (a new revision), its leases or its compacted revision. */
export interface Point {
  /** The store's revision after it. */
  readonly revision: number;
  /** Whether it made that revision. */
  readonly writes: boolean;
  /** What was carried out; undefined when only the events are known. */
  readonly request: LoggedRequest | undefined;
  readonly events?: readonly WatchEvent[];
  /** Who asked for it; undefined for the server itself, or nobody that we know of. */
  readonly owner: Operation | undefined;
}

/** All changes in the order in which they happened. */
export interface Course {
  readonly points: readonly Point[];
  /**
   * Whether the order is the log's, all of it. If not, only points that write are in order with everything: between
   * two of these the order of compactions is known by what they ask for, that of leases is open.
   */
  readonly complete: boolean;
  /**
   * Operations without effect whose place in the log is known: after so many points.
   */
  readonly placed: ReadonlyMap<number, number>;
}

/** How a course is found. */
export interface CourseOptions {
  /** Whether the server may end leases by itself. */
  readonly leasesExpire: boolean;
}
