/**
 * How much the store may hold. Counted are the bytes of keys, values and their history, not those of a file:
 * compaction gives space back at once, and no defragmentation is needed to get out of an alarm (etcd counts
 * the file, which only defragmentation shrinks).
 */
export class Quota {
  readonly limitBytes: number;
  readonly #usedBytes: () => number;

  /** A limit below 0 is none. */
  constructor(options: { readonly limitBytes: number; readonly usedBytes: () => number }) {
    this.limitBytes = options.limitBytes;
    this.#usedBytes = options.usedBytes;
  }

  /** Whether a request of that cost fits; what costs nothing always does. */
  allows(costBytes: number): boolean {
    if (costBytes === 0 || this.limitBytes < 0) return true;
    return this.#usedBytes() + costBytes < this.limitBytes;
  }
}

/** What granting a lease counts against the quota (reference: limits). */
export const leaseGrantCostBytes = 64;
