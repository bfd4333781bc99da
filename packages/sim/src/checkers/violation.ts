/** Which promise was broken. */
export type Rule =
  // Keys, transactions, leases and compaction, in one order (I11, I16-I18).
  | 'wrong-answer'
  | 'real-time-order'
  | 'lost-write'
  | 'double-write'
  | 'shared-revision'
  | 'write-by-nobody'
  | 'refused-but-executed'
  | 'wrong-refusal'
  | 'connection-order'
  | 'not-linearizable'
  | 'truth-disagrees'
  // Compaction (I18, I20).
  | 'read-below-compaction'
  | 'false-compacted'
  | 'compaction-order'
  // Watches (I21-I32).
  | 'watch-order'
  | 'watch-duplicate'
  | 'watch-atomicity'
  | 'watch-lost-event'
  | 'watch-foreign-event'
  | 'watch-wrong-event'
  | 'watch-filter'
  | 'watch-prev-kv'
  | 'watch-before-start'
  | 'watch-bookmark'
  | 'watch-header'
  | 'watch-created'
  | 'watch-compacted'
  | 'watch-after-cancel'
  | 'watch-unsettled'
  // Leases (I33-I36).
  | 'lease-early'
  | 'lease-forgotten'
  | 'lease-keys'
  | 'lease-after-revoke'
  | 'lease-dead-attach'
  | 'lease-ttl'
  | 'lease-false-not-found'
  // Users, roles and permissions (I38, I39).
  | 'auth-after-revocation'
  | 'auth-false-refusal'
  | 'auth-identity'
  | 'auth-lost-change'
  | 'auth-wrong-answer'
  | 'auth-state';

/** One broken promise, with what a person needs to see it. */
export interface Violation {
  readonly rule: Rule;
  readonly message: string;
  /** Ids of the operations concerned. */
  readonly operations: readonly number[];
  readonly revision?: number;
  readonly watch?: number;
  readonly lease?: bigint;
}

/** What a checker found. */
export interface Verdict {
  /** In the order found; at most as many as asked for. */
  readonly violations: readonly Violation[];
  /** How many there are, those left out included. */
  readonly violationCount: number;
  /**
   * What could be neither proved nor refuted with what was given (say, an order that only the log knows). A campaign
   * that proves something has none.
   */
  readonly unresolved: readonly string[];
  /** How many operations, events or leases were looked at. */
  readonly checkedCount: number;
}

/** How much a checker reports. */
export interface ReportOptions {
  /** Default 100. */
  readonly violationsMax?: number;
}

/** Collects what a checker finds. */
export class Report {
  readonly #violations: Violation[] = [];
  readonly #unresolved: string[] = [];
  readonly #violationsMax: number;
  #violationCount = 0;
  checkedCount = 0;

  constructor({ violationsMax = 100 }: ReportOptions = {}) {
    this.#violationsMax = violationsMax;
  }

  get violationCount(): number {
    return this.#violationCount;
  }

  add(violation: Violation): void {
    this.#violationCount++;
    if (this.#violations.length < this.#violationsMax) this.#violations.push(violation);
  }

  /** Takes over what another report has. */
  addAll(other: Report): void {
    this.#violationCount += other.#violationCount - other.#violations.length;
    for (const violation of other.#violations) this.add(violation);
    this.#unresolved.push(...other.#unresolved);
  }

  unresolved(what: string): void {
    this.#unresolved.push(what);
  }

  verdict(): Verdict {
    return {
      violations: this.#violations,
      violationCount: this.#violationCount,
      unresolved: this.#unresolved,
      checkedCount: this.checkedCount,
    };
  }
}

/** A history that cannot have been recorded so: the recorder is wrong, not the store. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  readonly code = 'SIM_HISTORY';
}
