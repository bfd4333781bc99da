import { noNode, type RaftNode } from '@quorate/raft';
import type { Clock } from '@quorate/std';
import { ReplicaError, type ReplicaErrorCode } from './errors.ts';

export interface LeadershipOptions {
  readonly node: RaftNode;
  readonly memberId: bigint;
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  /** Resolves when a read of the state sees everything committed before; it needs a quorum. */
  readonly linearizable: () => Promise<void>;
  /** Whether messages flow between this member and that one. */
  readonly isConnected: (id: bigint) => boolean;
}

/** Without a leader for so many election timeouts, those who asked for one are told. */
const leaderlessTimeouts = 3;
/** A tick older than so many heartbeats means that this process stood still (reference: leadership confirmation). */
const freshHeartbeats = 3;

/**
 * What this member knows of who leads, and since when. A process that stood still, for whatever reason, may
 * lead no more without knowing it: it asks a quorum before it speaks for the cluster.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #listeners = new Set<() => void>();
  #leader = noNode;
  #leaderSinceMs: number;
  #leaderlessSinceMs: number;
  #lastTickMs: number;
  #isDoubtful = false;
  #confirming: Promise<void> | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#leaderSinceMs = this.#leaderlessSinceMs = this.#lastTickMs = options.clock.now();
  }

  /** Raft named another leader, or none. Says whether there is a new one. */
  onLeader(leader: bigint): boolean {
    const nowMs = this.#options.clock.now();
    const isNew = leader !== noNode && leader !== this.#leader;
    if (isNew) this.#leaderSinceMs = nowMs;
    if (leader === noNode) this.#leaderlessSinceMs = nowMs;
    else this.#leader = leader;
    return isNew;
  }

  /** Called on every tick. */
  tick(nowMs: number): void {
    if (!this.#isFreshAt(nowMs)) this.#isDoubtful = true;
    this.#lastTickMs = nowMs;
    if (this.#options.node.leader !== noNode || this.#listeners.size === 0) return;
    if (nowMs - this.#leaderlessSinceMs < this.#leaderlessMs) return;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** See `Member.onLeaderLost` of the gRPC services. */
  onLeaderLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether this member leads and has no reason to doubt it. */
  get isCertain(): boolean {
    const { node, clock } = this.#options;
    return node.isLeader && !this.#isDoubtful && this.#isFreshAt(clock.now());
  }

  /**
   * Resolves when this member leads, for certain.
   *
   * @throws ReplicaError REPLICA_NOT_LEADER; REPLICA_LEADER_CHANGED when it turned out that another one does;
   *   those of a linearizable read
   */
  async confirm(): Promise<void> {
    const { node } = this.#options;
    if (this.isCertain) return;
    if (!node.isLeader) throw new ReplicaError('REPLICA_NOT_LEADER');
    const { term } = node;
    this.#confirming ??= this.#options.linearizable().finally(() => {
      this.#confirming = undefined;
    });
    await this.#confirming;
    if (!node.isLeader || node.term !== term) throw new ReplicaError('REPLICA_LEADER_CHANGED');
    this.#isDoubtful = false;
  }

  /** Why a proposal that began then was not applied in time (reference: timeouts). */
  timeoutCode(startedAtMs: number): ReplicaErrorCode {
    const { electionTimeoutMs, node, memberId, isConnected } = this.#options;
    const isAfter = startedAtMs > this.#leaderSinceMs - 2 * electionTimeoutMs;
    if (isAfter && startedAtMs < this.#leaderSinceMs) return 'REPLICA_TIMEOUT_LEADER_FAIL';
    if (node.leader !== noNode && node.leader !== memberId && !isConnected(node.leader)) {
      return 'REPLICA_TIMEOUT_CONNECTION_LOST';
    }
    return 'REPLICA_TIMEOUT';
  }

  get #leaderlessMs(): number {
    return leaderlessTimeouts * this.#options.electionTimeoutMs;
  }

  #isFreshAt(nowMs: number): boolean {
    return nowMs - this.#lastTickMs <= freshHeartbeats * this.#options.heartbeatIntervalMs;
  }
}
