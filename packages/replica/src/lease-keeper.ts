import type { Lessor } from '@quorate/lease';
import { raftRequestField, rpcpb } from '@quorate/wire';
import type { Proposer } from './proposer.ts';

/** How often expired leases are looked for, how many are taken a round, and how many revocations are in flight. */
const roundMs = 500;
const leasesPerRound = 500;
const revocationsInFlight = 16;

export interface LeaseKeeperOptions {
  readonly lessor: Lessor;
  readonly proposer: Proposer;
  readonly onExpired: (count: number) => void;
}

/**
 * Revokes leases that have expired, through the log, on the member that leads. What could not be revoked
 * (the proposal timed out) is handed out again by the lessor after a while: late, never early.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #nextRoundAtMs = 0;
  #queue: bigint[] = [];
  #inFlight = 0;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Called on every tick. */
  tick(nowMs: number): void {
    const { lessor } = this.#options;
    if (!lessor.isPrimary) {
      this.#queue = [];
      return;
    }
    if (nowMs >= this.#nextRoundAtMs) {
      this.#nextRoundAtMs = nowMs + roundMs;
      // The queue is bounded: nothing is taken while a whole round still waits.
      if (this.#queue.length < leasesPerRound) this.#queue.push(...lessor.expired(nowMs, leasesPerRound));
    }
    this.#revoke();
  }

  #revoke(): void {
    const { proposer, onExpired } = this.#options;
    while (this.#inFlight < revocationsInFlight && this.#queue.length > 0) {
      const ID = this.#queue.shift()!;
      this.#inFlight++;
      proposer
        .propose(raftRequestField.leaseRevoke, rpcpb.LeaseRevokeRequest.encode({ ID }).finish())
        .then(
          () => onExpired(1),
          () => {}, // Already revoked, or handed out again after the lessor's retry interval.
        )
        .finally(() => {
          this.#inFlight--;
          this.#revoke();
        });
    }
  }
}
