import { Later, SettleQueue } from '@quorate/std';
import { ReplicaError } from './errors.ts';

/** Reads that wait for the same. */
type Group = Later<void>[];

interface Round {
  readonly group: Group;
  readonly deadlineMs: number;
  resendAtMs: number;
  /** The index that the applied one must reach, once the leader said it. */
  index: number | undefined;
}

/** What the rounds need of raft and of time. */
export interface ReadIndexOptions {
  /** Asks raft; the answer comes back through `onReadState`. */
  readonly ask: (context: Uint8Array) => void;
  /** A context that was never used before. */
  readonly newContext: () => Uint8Array;
  readonly now: () => number;
  readonly timeoutMs: number;
}

/** How long a round waits before it asks again (reference: linearizable read). */
const resendMs = 500;

/**
 * Linearizable reads (Raft thesis §6.4): all reads that begin in one turn share one ReadIndex round, and are
 * released when the applied index has reached the round's. A round that begins while another is under way
 * is a round of its own, since the earlier one may have been answered before its reads began.
 */
export class ReadIndexRounds {
  readonly #options: ReadIndexOptions;
  #next: Group | undefined;
  /** Reads go on behind the work in which their index was found or reached. */
  readonly #settled = new SettleQueue();
  /** Rounds under way, by the text of each context they have sent. */
  readonly #byContext = new Map<string, Round>();
  #waitingForApply: Round[] = [];
  #slowCount = 0;
  #failedCount = 0;

  constructor(options: ReadIndexOptions) {
    this.#options = options;
  }

  /** How often a round was asked for again. */
  get slowCount(): number {
    return this.#slowCount;
  }

  /** How many rounds were given up because no answer came in time. */
  get failedCount(): number {
    return this.#failedCount;
  }

  /** Whether reads wait for `startRound`. */
  get hasNext(): boolean {
    return this.#next !== undefined;
  }

  /**
   * Settled when a read of this member's state sees every write acknowledged before the call.
   *
   * It fails with ReplicaError REPLICA_TIMEOUT, REPLICA_LEADER_CHANGED, REPLICA_STOPPED.
   */
  join(): Later<void> {
    const read = new Later<void>();
    this.#next ??= [];
    this.#next.push(read);
    return read;
  }

  /** Asks for all that joined since the last round. */
  startRound(): void {
    const group = this.#next;
    if (group === undefined) return;
    this.#next = undefined;
    const nowMs = this.#options.now();
    this.#ask({ group, deadlineMs: nowMs + this.#options.timeoutMs, resendAtMs: 0, index: undefined });
  }

  /** The leader's answer; one to a context of no round under way is dropped. */
  onReadState(index: number, context: Uint8Array, applied: number): void {
    const round = this.#byContext.get(contextKey(context));
    if (round === undefined) return;
    this.#forget(round);
    round.index = index;
    if (applied >= index) this.#release(round.group);
    else this.#waitingForApply.push(round);
  }

  /** Releases the rounds whose index is now applied. */
  onApplied(applied: number): void {
    if (this.#waitingForApply.length === 0) return;
    const still: Round[] = [];
    for (const round of this.#waitingForApply) {
      if (applied >= (round.index ?? Infinity)) this.#release(round.group);
      else still.push(round);
    }
    this.#waitingForApply = still;
  }

  /** Asks again where no answer came, and gives up where time is over. */
  tick(): void {
    const nowMs = this.#options.now();
    for (const round of new Set(this.#byContext.values())) {
      if (round.deadlineMs <= nowMs) {
        this.#failedCount++;
        this.#forget(round);
        this.#reject(round.group, new ReplicaError('REPLICA_TIMEOUT'));
      } else if (round.resendAtMs <= nowMs) {
        this.#slowCount++;
        this.#ask(round);
      }
    }
  }

  /**
   * There is another leader: what the one before was asked may never be answered. Reads whose index is known
   * only wait for it to be applied, and those that have not been asked for go to the new leader.
   */
  onLeaderChanged(): void {
    const rounds = new Set(this.#byContext.values());
    this.#byContext.clear();
    for (const { group } of rounds) this.#reject(group, new ReplicaError('REPLICA_LEADER_CHANGED'));
  }

  rejectAll(error: unknown): void {
    const rounds = new Set([...this.#byContext.values(), ...this.#waitingForApply]);
    this.#byContext.clear();
    this.#waitingForApply = [];
    for (const { group } of rounds) this.#reject(group, error);
    if (this.#next !== undefined) this.#reject(this.#next, error);
    this.#next = undefined;
  }

  #release(group: Group): void {
    for (const read of group) this.#settled.resolve(read, undefined);
  }

  #reject(group: Group, error: unknown): void {
    for (const read of group) this.#settled.reject(read, error);
  }

  #ask(round: Round): void {
    const context = this.#options.newContext();
    round.resendAtMs = this.#options.now() + resendMs;
    this.#byContext.set(contextKey(context), round);
    this.#options.ask(context);
  }

  #forget(round: Round): void {
    for (const [context, other] of this.#byContext) {
      if (other === round) this.#byContext.delete(context);
    }
  }
}

function contextKey(context: Uint8Array): string {
  return Buffer.from(context.buffer, context.byteOffset, context.byteLength).toString('latin1');
}
