import { invariant } from '@quorate/std';
import { FailureCounts } from './failure-counts.ts';
import { RecentMap } from './recent-map.ts';

/** How much guessing is allowed. A "window" is the time in which what is full becomes empty, bit by bit. */
export interface LoginGuardOptions {
  /** Failures of one source with one user in a window; 10 by default. */
  readonly pairFailuresMax?: number;
  /** Failures of one source, whoever the users; 30 by default. */
  readonly sourceFailuresMax?: number;
  /** Failures with one user, whatever the sources, that mean an attack on the user; 30 by default. */
  readonly userFailuresMax?: number;
  /** Failures in all that mean an attack on the member; 120 by default. */
  readonly overallFailuresMax?: number;
  /** 60,000 by default. */
  readonly windowMs?: number;
  /** Checks that may run at once for who has not logged in from there before, half of them of one user; 32. */
  readonly strangersMax?: number;
  /** How long a source that logged in as a user is no stranger; an hour by default. */
  readonly provenMs?: number;
  /** Of how many sources, users and pairs the guard keeps count, each; 10,000 by default. */
  readonly trackedMax?: number;
}

/** Who wants to log in, and from where. */
export interface Login {
  readonly user: string;
  /** See `loginSource`. Without one, all of those without count as one source. */
  readonly source?: string;
}

/** Whether a password may be checked. */
export type Admission =
  /** It may; `end` has to be called once with what came of it. */
  | { readonly kind: 'admitted'; readonly end: EndOfLogin }
  /** It may not, since too many of its kind are being checked: it may when one of them has ended. */
  | { readonly kind: 'busy' }
  /** It may not, since too many have failed; the same login may again after this time. */
  | { readonly kind: 'refused'; readonly retryAfterMs: number };

/** Ends an admitted login; a second call changes nothing. */
export type EndOfLogin = (outcome: LoginOutcome, nowMs: number) => void;

/** `abandoned`: the password was not checked after all. */
export type LoginOutcome = 'succeeded' | 'failed' | 'abandoned';

interface Keys {
  readonly user: string;
  readonly source: string;
  readonly pair: string;
}

const everybody = '';
/** Longer names share one count, so that what the guard keeps has a bound. */
const nameLengthMax = 256;

/**
 * Decides which passwords are checked while somebody guesses. Before a password is checked, a guess and an honest login
 * differ in nothing but where they come from. So whoever fails is slowed down by source; that many sources attack a
 * user, or the member, only means that a source has to be clean to be heard, and one that logged in as the user before
 * always is heard. Nobody is locked out: all counts fall again, and no wait exceeds a window.
 *
 * Pure: time comes in as monotonic milliseconds. Invariant: every count has at most `trackedMax` keys, each of a bounded
 * length, and `strangers` is the sum of what runs and was not proven when it began.
 */
export class LoginGuard {
  readonly #pairs: FailureCounts;
  readonly #sources: FailureCounts;
  readonly #users: FailureCounts;
  readonly #overall: FailureCounts;
  readonly #pairFailuresMax: number;
  readonly #sourceFailuresMax: number;
  readonly #userFailuresMax: number;
  readonly #overallFailuresMax: number;
  readonly #strangersMax: number;
  readonly #provenMs: number;
  /** When a source last logged in as a user. */
  readonly #proven: RecentMap<number>;
  /** How many checks run, by pair and source, and those of strangers by user; no entry is 0. */
  readonly #runningPairs = new Map<string, number>();
  readonly #runningSources = new Map<string, number>();
  readonly #runningUsers = new Map<string, number>();
  #strangers = 0;
  #refused = 0;

  constructor(options: LoginGuardOptions = {}) {
    const { windowMs = 60_000, trackedMax = 10_000 } = options;
    const counts = (failuresMax: number): FailureCounts =>
      new FailureCounts({ failuresMax, windowMs, trackedMax });
    this.#pairFailuresMax = options.pairFailuresMax ?? 10;
    this.#sourceFailuresMax = options.sourceFailuresMax ?? 30;
    this.#pairs = counts(this.#pairFailuresMax);
    this.#sources = counts(this.#sourceFailuresMax);
    this.#userFailuresMax = options.userFailuresMax ?? 30;
    this.#users = counts(this.#userFailuresMax);
    this.#overallFailuresMax = options.overallFailuresMax ?? 120;
    this.#overall = counts(this.#overallFailuresMax);
    this.#strangersMax = options.strangersMax ?? 32;
    invariant(this.#strangersMax >= 1, 'who logs in for the first time may try');
    this.#provenMs = options.provenMs ?? 3_600_000;
    this.#proven = new RecentMap(trackedMax);
  }

  /** Logins refused since the start, for metrics. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether the password of this login may be checked now. */
  begin(login: Login, nowMs: number): Admission {
    const keys = keysOf(login);
    const provenAtMs = this.#proven.get(keys.pair);
    const proven = provenAtMs !== undefined && nowMs - provenAtMs < this.#provenMs;
    const retryAfterMs = this.#retryAfterMs(keys, proven, nowMs);
    if (retryAfterMs > 0) {
      this.#refused++;
      return { kind: 'refused', retryAfterMs };
    }
    return this.#isBusy(keys, proven, nowMs) ? { kind: 'busy' } : this.#admit(keys, proven);
  }

  /** By what has failed. */
  #retryAfterMs({ user, source, pair }: Keys, proven: boolean, nowMs: number): number {
    const pairMs = this.#pairs.waitMs(pair, nowMs);
    if (proven) return pairMs;
    const sourceMs = this.#sources.waitMs(source, nowMs);
    const attackMs = Math.max(this.#users.waitMs(user, nowMs), this.#overall.waitMs(everybody, nowMs));
    return Math.max(pairMs, sourceMs, Math.min(attackMs, this.#sources.cleanInMs(source, nowMs)));
  }

  /** By what runs and may fail: together with what has failed, it must not be more than may fail. */
  #isBusy({ user, source, pair }: Keys, proven: boolean, nowMs: number): boolean {
    const pairLevel = this.#pairs.level(pair, nowMs);
    // Many clients of one host that log in at once, as it does all day, need not wait for one another.
    if (proven && pairLevel < 1) return false;
    const runningPairs = this.#runningPairs.get(pair) ?? 0;
    if (pairLevel + runningPairs + 1 > this.#pairFailuresMax) return true;
    if (proven) return false;
    const runningUsers = this.#runningUsers.get(user) ?? 0;
    if (this.#strangers >= this.#strangersMax || runningUsers >= this.#strangersMax / 2) return true;
    const runningSources = this.#runningSources.get(source) ?? 0;
    if (this.#sources.level(source, nowMs) + runningSources + 1 > this.#sourceFailuresMax) return true;
    const attacked =
      this.#users.level(user, nowMs) + runningUsers + 1 > this.#userFailuresMax ||
      this.#overall.level(everybody, nowMs) + this.#strangers + 1 > this.#overallFailuresMax;
    const clean = runningSources === 0 && this.#sources.cleanInMs(source, nowMs) === 0;
    return attacked && !clean;
  }

  #admit(keys: Keys, proven: boolean): Admission {
    this.#count(keys, proven, 1);
    let ended = false;
    const end: EndOfLogin = (outcome, nowMs) => {
      if (ended) return;
      ended = true;
      this.#count(keys, proven, -1);
      this.#learn(keys, outcome, nowMs);
    };
    return { kind: 'admitted', end };
  }

  #count({ user, source, pair }: Keys, proven: boolean, change: 1 | -1): void {
    addTo(this.#runningPairs, pair, change);
    addTo(this.#runningSources, source, change);
    if (proven) return;
    addTo(this.#runningUsers, user, change);
    this.#strangers += change;
  }

  #learn({ user, source, pair }: Keys, outcome: LoginOutcome, nowMs: number): void {
    if (outcome === 'succeeded') this.#proven.set(pair, nowMs);
    if (outcome !== 'failed') return;
    this.#pairs.add(pair, nowMs);
    this.#sources.add(source, nowMs);
    this.#users.add(user, nowMs);
    this.#overall.add(everybody, nowMs);
  }
}

function keysOf({ user, source = '' }: Login): Keys {
  const name = user.length > nameLengthMax ? ' long' : user;
  // A source holds no space, so that two pairs never have one key.
  return { user: name, source, pair: `${source} ${name}` };
}

function addTo(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
