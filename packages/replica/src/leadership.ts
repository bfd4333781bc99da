import { quorum } from '@quorate/membership';
import { noNode, type RaftNode } from '@quorate/raft';
import type { Clock } from '@quorate/std';
import { ReplicaError, type ReplicaErrorCode } from './errors.ts';

export interface LeadershipOptions {
  readonly node: Pick<RaftNode, 'isLeader' | 'term' | 'leader'>;
  readonly memberId: bigint;
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  /** Resolves when a read of the state sees everything committed before; it needs a quorum. */
  readonly linearizable: () => Promise<void>;
  /** Whether messages have been flowing between this member and that one ever since. */
  readonly isConnectedSince: (id: bigint, sinceMs: number) => boolean;
  readonly voters: () => readonly bigint[];
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
  /** When this process was last seen at work, by a tick or by a question. */
  #lastSeenMs: number;
  /** How often it was found to have stood still. */
  #doubtCount = 0;
  #isDoubtful = false;
  #isStopped = false;
  #confirming: { readonly doubtCount: number; readonly round: Promise<void> } | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#lastTickMs = this.#lastSeenMs = options.clock.now();
    this.#leaderSinceMs = this.#leaderlessSinceMs = this.#lastTickMs;
  }

  /** Raft named a leader, or none. Says whether there is a new one; one that is elected again is. */
  onLeader(leader: bigint): boolean {
    const nowMs = this.#options.clock.now();
    if (leader === this.#leader) return false;
    this.#leader = leader;
    if (leader === noNode) this.#leaderlessSinceMs = nowMs;
    else this.#leaderSinceMs = nowMs;
    return leader !== noNode;
  }

  /** Called on every tick. */
  tick(nowMs: number): void {
    this.#look(nowMs);
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

  /** This member speaks for nobody any more. */
  stop(): void {
    this.#isStopped = true;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Whether this member leads and has no reason to doubt it. */
  get isCertain(): boolean {
    return this.#isCertainAt(this.#options.clock.now());
  }

  /** Whether `confirm` has nobody to ask: this member leads, for certain. */
  confirmNow(): boolean {
    const nowMs = this.#options.clock.now();
    this.#look(nowMs);
    return this.#isCertainAt(nowMs);
  }

  /**
   * Resolves when this member leads, for certain.
   *
   * @throws ReplicaError REPLICA_NOT_LEADER; REPLICA_LEADER_CHANGED when it turned out that another one does;
   *   those of a linearizable read
   */
  async confirm(): Promise<void> {
    const { node, clock } = this.#options;
    const { term } = node;
    this.#look(clock.now());
    while (!this.isCertain) {
      if (this.#isStopped) throw new ReplicaError('REPLICA_STOPPED');
      if (!node.isLeader) throw new ReplicaError('REPLICA_NOT_LEADER');
      const doubtCount = this.#doubtCount;
      await this.#askQuorum(doubtCount);
      if (!node.isLeader || node.term !== term) throw new ReplicaError('REPLICA_LEADER_CHANGED');
      this.#look(clock.now());
      // If this process stood still meanwhile, the answers were perhaps given before that.
      if (doubtCount !== this.#doubtCount) continue;
      this.#isDoubtful = false;
      return;
    }
  }

  /** Why a proposal that began then was not applied in time (reference: timeouts). */
  timeoutCode(startedAtMs: number): ReplicaErrorCode {
    const { electionTimeoutMs, node } = this.#options;
    const isAfter = startedAtMs > this.#leaderSinceMs - 2 * electionTimeoutMs;
    if (isAfter && startedAtMs < this.#leaderSinceMs) return 'REPLICA_TIMEOUT_LEADER_FAIL';
    if (node.leader === noNode) return 'REPLICA_TIMEOUT';
    return this.#wasConnected(startedAtMs) ? 'REPLICA_TIMEOUT' : 'REPLICA_TIMEOUT_CONNECTION_LOST';
  }

  /** Whether this member was connected to the leader, or to a quorum if it leads, all the time since. */
  #wasConnected(sinceMs: number): boolean {
    const { node, memberId, voters, isConnectedSince } = this.#options;
    if (node.leader !== memberId) return isConnectedSince(node.leader, sinceMs);
    const all = voters();
    const connected = all.filter((id) => id === memberId || isConnectedSince(id, sinceMs));
    return connected.length >= quorum(all.length);
  }

  /** Shares a round that began after the newest doubt. */
  #askQuorum(doubtCount: number): Promise<void> {
    if (this.#confirming?.doubtCount === doubtCount) return this.#confirming.round;
    const round = this.#options.linearizable().finally(() => {
      if (this.#confirming?.round === round) this.#confirming = undefined;
    });
    this.#confirming = { doubtCount, round };
    return round;
  }

  /** Notes when the process has stood still. */
  #look(nowMs: number): void {
    if (nowMs - this.#lastSeenMs > freshHeartbeats * this.#options.heartbeatIntervalMs) {
      this.#doubtCount++;
      this.#isDoubtful = true;
    }
    this.#lastSeenMs = nowMs;
  }

  get #leaderlessMs(): number {
    return leaderlessTimeouts * this.#options.electionTimeoutMs;
  }

  #isCertainAt(nowMs: number): boolean {
    const isFresh = nowMs - this.#lastTickMs <= freshHeartbeats * this.#options.heartbeatIntervalMs;
    return isFresh && !this.#isDoubtful && !this.#isStopped && this.#options.node.isLeader;
  }
}
