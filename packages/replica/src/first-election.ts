import type { FullOptions } from './options.ts';

/** For so long after the start a first connection to another member shortens the wait for an election. */
const withinMs = 5_000;

/**
 * Whoever starts among members that have just started too has no leader to disturb when it waits less, once
 * (reference: election fast-forward).
 */
export class FirstElection {
  readonly #ticks: number;
  readonly #untilMs: number;
  #isDue: boolean;

  constructor({ initialElectionTickAdvance, electionTimeoutMs, heartbeatIntervalMs, clock }: FullOptions) {
    this.#isDue = initialElectionTickAdvance;
    this.#ticks = Math.floor(electionTimeoutMs / heartbeatIntervalMs) - 2;
    this.#untilMs = clock.now() + withinMs;
  }

  /** Whether there may still be something to skip. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** How many ticks to skip now. */
  skip(nowMs: number, now: { readonly hasLeader: boolean; readonly isReached: boolean }): number {
    if (nowMs > this.#untilMs || now.hasLeader) this.#isDue = false;
    if (!this.#isDue || !now.isReached) return 0;
    this.#isDue = false;
    return Math.max(0, this.#ticks);
  }
}
