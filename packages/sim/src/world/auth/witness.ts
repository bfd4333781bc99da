import type { AuthStore } from '@quorate/auth';
import type { Replica } from '@quorate/replica';
import type { MessageContext } from '../../history/types.ts';
import type { Judge } from '../judge.ts';
import type { Machine } from '../machine.ts';
import type { SimProcess } from '../process.ts';
import type { World } from '../world.ts';
import type { Token } from './token.ts';

/** So long after a change was applied every watcher was looked at again, if its process was awake. */
const lookMs = 1;

/** What a member that is in touch and awake must know after so long: what issue and README promise. */
const knownWithinMs = 1_000;

/** What a process has applied of users and roles, and when. */
interface Applied {
  readonly index: number;
  readonly atMs: number;
}

/** When a member loaded the users that it has now: what tokens were given out before, it may not know. */
interface Loaded {
  readonly committed: number;
  readonly revision: number;
}

/**
 * Knows, from outside, what members know: how far they had applied the log when somebody asked, whether they may have
 * forgotten a token, and since when all of them must know everything.
 */
export class Witness {
  readonly #world: World;
  readonly #judge: Judge;
  readonly #applied = new WeakMap<SimProcess, Applied[]>();
  readonly #pauses = new WeakMap<SimProcess, { readonly fromMs: number; untilMs: number }>();
  readonly #loaded = new WeakMap<AuthStore, Loaded>();
  readonly #leaderChangedMs = new WeakMap<SimProcess, number>();
  readonly #tokenTtlMs: number;
  readonly #wallsJump: boolean;
  readonly #keepsPace: boolean;
  /** When some member heard of another leader last. */
  #newLeaderMs = 0;
  /** Since when there are no faults and all members agree. */
  calmSinceMs = Infinity;

  constructor(
    world: World,
    judge: Judge,
    options: {
      readonly tokenTtlMs: number;
      readonly wallsJump: boolean;
      /** Whether a member that gets one message at a time gets as much as is written. */
      readonly keepsPace: boolean;
    },
  ) {
    this.#world = world;
    this.#judge = judge;
    this.#tokenTtlMs = options.tokenTtlMs;
    this.#wallsJump = options.wallsJump;
    this.#keepsPace = options.keepsPace;
    world.listen({
      onUp: (_machine, replica) => this.#load(replica),
      onPaused: ({ process }) =>
        process && this.#pauses.set(process, { fromMs: this.#nowMs, untilMs: Infinity }),
      onResumed: ({ process }) => {
        const pause = process && this.#pauses.get(process);
        if (pause !== undefined) pause.untilMs = this.#nowMs;
      },
      observer: (machine) => ({
        onApplied: ({ applied }) => this.#noteApplied(machine, applied.at(-1)?.index ?? 0),
        onSnapshotInstalled: ({ index, durationMs }) => {
          this.#noteSnapshot(machine, index, durationMs);
          this.#noteApplied(machine, index);
        },
        onLeaderChange: () => {
          this.#newLeaderMs = this.#nowMs;
          if (machine.process !== undefined) this.#leaderChangedMs.set(machine.process, this.#nowMs);
        },
      }),
    });
  }

  get #nowMs(): number {
    return this.#world.timeline.nowMs;
  }

  /** Up to here some member has applied the log. */
  get committed(): number {
    return this.#judge.truth.lastIndex;
  }

  /** Up to here a member has applied the log, or must have. */
  knownBy(replica: Replica): number {
    const { applied } = replica.raftStatus;
    return Math.max(applied, this.#mustBeKnown());
  }

  /** Counts what is rare about the arrival of a call. */
  noteArrival(replica: Replica, token: Token | undefined): void {
    if (token === undefined || !('index' in token.proof)) return;
    if (token.proof.index > replica.raftStatus.applied)
      this.#world.tally.note('token used at a member that had not applied its login');
  }

  /** Whether the member may not know the token any more, or may take it for ended. */
  mayHaveForgotten(replica: Replica, token: Token | undefined): boolean {
    if (token === undefined) return false;
    const { proof, loggedInAtMs } = token;
    const loaded = this.#load(replica);
    if ('revision' in proof) return this.#wallsJump || proof.revision < loaded.revision;
    // A clock that runs fast by a twentieth is the fastest.
    const mayBeOver = this.#nowMs - loggedInAtMs > this.#tokenTtlMs * 0.9;
    return mayBeOver || proof.index <= loaded.committed;
  }

  /** Whether the member on a machine may have had no leader, or lost a question to one, since then. */
  mayHaveLackedLeader({ process, replica }: Machine, sinceMs: number): boolean {
    if (process === undefined || replica?.hasLeader !== true) return true;
    // Nobody waits longer for an answer than this.
    if (this.#nowMs - sinceMs > 5_000) return true;
    return (this.#leaderChangedMs.get(process) ?? 0) >= sinceMs;
  }

  /** What a message that leaves a member now must take into account. */
  ofMessage(process: SimProcess): MessageContext {
    const pause = this.#pauses.get(process);
    const hasJustSlept = pause !== undefined && this.#nowMs <= pause.untilMs + lookMs;
    const untilMs = hasJustSlept ? pause.fromMs - lookMs : this.#nowMs - lookMs;
    const seen = this.#applied.get(process)?.findLast(({ atMs }) => atMs <= untilMs);
    return { known: Math.max(seen?.index ?? 0, this.#mustBeKnown()), committed: this.committed };
  }

  /** A watcher that stood was ended. */
  noteWatchCancelled(): void {
    this.#world.tally.note('watch cancelled by a revocation');
  }

  /** How a login is rare. */
  noteLogin(calledAtMs: number): void {
    if (this.#newLeaderMs >= calledAtMs) this.#world.tally.note('login across a change of leader');
  }

  /** In calm all members know what is a second old, where more than an entry at a time goes to them. */
  #mustBeKnown(): number {
    if (!this.#keepsPace) return 0;
    const sinceMs = this.#nowMs - knownWithinMs;
    return sinceMs < Math.max(this.calmSinceMs, this.#newLeaderMs) ? 0 : this.#changedBy(sinceMs);
  }

  #noteApplied({ process }: Machine, index: number): void {
    if (process === undefined) return;
    const changed = this.#lastChangeUpTo(index);
    let applied = this.#applied.get(process);
    if (applied === undefined) this.#applied.set(process, (applied = []));
    if (changed > (applied.at(-1)?.index ?? 0)) applied.push({ index: changed, atMs: this.#nowMs });
  }

  #noteSnapshot({ process }: Machine, index: number, durationMs: number): void {
    const known = (process && this.#applied.get(process)?.at(-1)?.index) ?? 0;
    if (this.#lastChangeUpTo(index) > known) this.#world.tally.note('users changed by a snapshot');
    const newest = this.#judge.truth.appliedAuth.at(-1)?.at ?? -Infinity;
    // Somebody's clock measured the time, another one's the change: a little more counts, too.
    if (newest >= this.#nowMs - durationMs - 10)
      this.#world.tally.note('users changed while a snapshot was installed');
  }

  #load(replica: Replica): Loaded {
    const { auth } = replica.state;
    let loaded = this.#loaded.get(auth);
    if (loaded === undefined) {
      loaded = { committed: this.committed, revision: auth.revision };
      this.#loaded.set(auth, loaded);
    }
    return loaded;
  }

  #lastChangeUpTo(index: number): number {
    return this.#judge.truth.appliedAuth.findLast((entry) => entry.index <= index)?.index ?? 0;
  }

  #changedBy(timeMs: number): number {
    return this.#judge.truth.appliedAuth.findLast(({ at }) => at <= timeMs)?.index ?? 0;
  }
}
