import type { RaftNode } from '@quorate/raft';
import { Later, type Clock } from '@quorate/std';
import { ApplyWaits } from './apply-waits.ts';
import { ReplicaError } from './errors.ts';
import { ReadIndexRounds } from './read-index.ts';

export interface ReadsOptions {
  readonly node: Pick<RaftNode, 'readIndex' | 'commit'>;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  /** A context of a round that was never used before. */
  readonly newContext: () => Uint8Array;
  /** The last entry that was applied. */
  readonly applied: () => number;
  /** Makes sure that the rounds begin. */
  readonly wake: () => void;
  /** Set once the member can't go on. */
  readonly stoppedBecause: () => Error | undefined;
}

/** Whoever waits until this member has applied enough: as much as the cluster has committed, or as it knows to be. */
export class Reads {
  readonly rounds: ReadIndexRounds;
  readonly #options: ReadsOptions;
  readonly #applyWaits = new ApplyWaits();

  constructor(options: ReadsOptions) {
    const { node, clock, requestTimeoutMs, newContext } = options;
    this.#options = options;
    this.rounds = new ReadIndexRounds({
      ask: (context) => node.readIndex(context),
      now: () => clock.now(),
      timeoutMs: requestTimeoutMs,
      newContext,
    });
  }

  /** Settled when a read of the store sees every write acknowledged before this call, or fails with a ReplicaError. */
  linearizable(): Later<void> {
    const { stoppedBecause, wake } = this.#options;
    const cause = stoppedBecause();
    if (cause !== undefined) return Later.failed(new ReplicaError('REPLICA_STOPPED', { cause }));
    const joined = this.rounds.join();
    wake();
    return joined;
  }

  /** Resolves when all is applied that this member knows to be committed. @throws ReplicaError REPLICA_APPLY_TIMEOUT */
  caughtUp(): Promise<void> {
    const { node, applied, clock } = this.#options;
    const { commit } = node;
    return applied() >= commit ? Promise.resolve() : this.#applyWaits.until(commit, clock.now());
  }

  onApplied(index: number): void {
    this.rounds.onApplied(index);
    this.#applyWaits.onApplied(index);
  }

  /** Called on every tick. */
  tick(nowMs: number): void {
    this.#applyWaits.tick(nowMs);
    this.rounds.tick();
  }

  rejectAll(error: unknown): void {
    this.#applyWaits.rejectAll(error);
    this.rounds.rejectAll(error);
  }
}
