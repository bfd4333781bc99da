import type { Lessor } from '@quorate/lease';
import type { RaftNode } from '@quorate/raft';
import { raftRequestField, rpcpb } from '@quorate/wire';
import type { Leadership } from './leadership.ts';
import type { Proposer } from './proposer.ts';
import { storesLeaseCheckpoints } from './versions.ts';

/** How often expired leases are looked for, how many are taken a round, and how many revocations are in flight. */
const roundMs = 500;
const leasesPerRound = 500;
const revocationsInFlight = 16;
/** Checkpoints that go into one proposal. */
const checkpointsPerRound = 1_000;

export interface LeaseKeeperOptions {
  readonly lessor: Lessor;
  readonly proposer: Proposer;
  readonly node: RaftNode;
  readonly leadership: Leadership;
  readonly clusterVersion: () => string | undefined;
  readonly onExpired: (count: number) => void;
}

/**
 * Revokes leases that have expired, through the log, on the member that leads. It acts only while that member
 * has no doubt that it leads, and a proposal counts only in the term it was made in: a leader that stood still
 * revokes nothing that its successor has prolonged. What could not be revoked is handed out again by the lessor
 * after a while: late, never early.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #nextRoundAtMs = 0;
  #queue: bigint[] = [];
  #inFlight = 0;
  /** Leases of checkpoints that were proposed and whose outcome is not known yet. */
  readonly #checkpointing = new Set<bigint>();

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Whether a checkpoint of this lease may come out of the log yet. */
  isCheckpointing(id: bigint): boolean {
    return this.#checkpointing.size > 0 && this.#checkpointing.has(id);
  }

  /** Called on every tick. */
  tick(nowMs: number): void {
    const { lessor, leadership, node } = this.#options;
    if (!lessor.isPrimary || !node.isLeader) {
      this.#queue = [];
      return;
    }
    if (!leadership.isCertain) {
      this.#queue = [];
      leadership.confirm().catch(() => {}); // The next tick asks again.
      return;
    }
    if (nowMs >= this.#nextRoundAtMs) {
      this.#nextRoundAtMs = nowMs + roundMs;
      // The queue is bounded: nothing is taken while a whole round still waits.
      if (this.#queue.length < leasesPerRound) this.#queue.push(...lessor.expired(nowMs, leasesPerRound));
      this.#checkpoint(nowMs);
    }
    this.#revoke();
  }

  #revoke(): void {
    const { proposer, node, leadership, onExpired } = this.#options;
    while (this.#inFlight < revocationsInFlight && this.#queue.length > 0 && leadership.isCertain) {
      const ID = this.#queue.shift()!;
      this.#inFlight++;
      proposer
        .propose(raftRequestField.leaseRevoke, rpcpb.LeaseRevokeRequest.encode({ ID }).finish(), {
          onlyInTerm: node.term,
        })
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

  #checkpoint(nowMs: number): void {
    const { lessor, proposer, node, clusterVersion } = this.#options;
    if (!storesLeaseCheckpoints(clusterVersion())) return; // They would not count.
    const due = lessor.dueCheckpoints(nowMs, checkpointsPerRound);
    if (due.length === 0) return;
    const checkpoints = due.map(({ id, remainingTtlSeconds }) => ({
      ID: id,
      remainingTTL: BigInt(remainingTtlSeconds),
    }));
    for (const { ID } of checkpoints) this.#checkpointing.add(ID);
    const request = rpcpb.LeaseCheckpointRequest.encode({ checkpoints }).finish();
    proposer
      .propose(raftRequestField.leaseCheckpoint, request, { onlyInTerm: node.term })
      .catch(() => {}) // It is due again after the interval.
      .finally(() => {
        for (const { ID } of checkpoints) this.#checkpointing.delete(ID);
      });
  }
}
