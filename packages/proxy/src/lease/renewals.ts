/** Whoever waits for the renewal of a lease. Neither may throw. */
export interface Waiter {
  /** The member's answer, which belongs to all who wait for it. */
  answered(response: Uint8Array): void;
  failed(error: unknown): void;
}

interface Renewal {
  /** They had asked before the request was sent. */
  readonly waiters: readonly Waiter[];
  /** They have asked since, so that this one may have been too early for them: they get the next one. */
  readonly next: Waiter[];
}

/**
 * Renewals on one stream to a member. Of each lease one is under way at a time, and all who ask meanwhile share the
 * next one: an answer never tells of a renewal that was done before it was asked for.
 */
export class Renewals {
  readonly #send: (leaseId: bigint) => void;
  /** Those that were sent, in order. */
  readonly #underWay = new Map<bigint, Renewal>();

  constructor(send: (leaseId: bigint) => void) {
    this.#send = send;
  }

  /** Leases of which a renewal is under way. */
  get size(): number {
    return this.#underWay.size;
  }

  ask(leaseId: bigint, waiter: Waiter): void {
    const renewal = this.#underWay.get(leaseId);
    if (renewal === undefined) this.#start(leaseId, [waiter]);
    else renewal.next.push(waiter);
  }

  /** The member has answered for this lease. */
  answered(leaseId: bigint, response: Uint8Array): void {
    const renewal = this.#underWay.get(leaseId);
    if (renewal === undefined) return;
    this.#underWay.delete(leaseId);
    if (renewal.next.length > 0) this.#start(leaseId, renewal.next);
    for (const waiter of renewal.waiters) waiter.answered(response);
  }

  /** There is a new stream: renewing twice does no harm. */
  askAgain(): void {
    for (const leaseId of this.#underWay.keys()) this.#send(leaseId);
  }

  /** The member has refused the request that it had to answer next: it answers in order. */
  failOldest(error: unknown): void {
    for (const leaseId of this.#underWay.keys()) return this.#fail(leaseId, error);
  }

  failAll(error: unknown): void {
    for (const leaseId of [...this.#underWay.keys()]) this.#fail(leaseId, error);
  }

  #start(leaseId: bigint, waiters: readonly Waiter[]): void {
    this.#underWay.set(leaseId, { waiters, next: [] });
    this.#send(leaseId);
  }

  #fail(leaseId: bigint, error: unknown): void {
    const renewal = this.#underWay.get(leaseId);
    this.#underWay.delete(leaseId);
    for (const waiter of renewal?.waiters ?? []) waiter.failed(error);
    for (const waiter of renewal?.next ?? []) waiter.failed(error);
  }
}
