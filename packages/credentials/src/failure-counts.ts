import { invariant } from '@quorate/std';
import { RecentMap } from './recent-map.ts';

interface Count {
  /** At `atMs`; it falls from there. */
  readonly level: number;
  /** When the last one was counted. */
  readonly atMs: number;
}

/** How much is forgiven, and how fast. */
export interface FailureCountsOptions {
  /** Failures of one key with which it is full. */
  readonly failuresMax: number;
  /** In this time a full key is forgiven everything, bit by bit. */
  readonly windowMs: number;
  /** How many keys are counted; those that nobody asked for in the longest time are forgotten. */
  readonly trackedMax: number;
}

/** Failures by key, forgiven little by little: for each key a bucket that leaks, and that holds `failuresMax`. */
export class FailureCounts {
  readonly #failuresMax: number;
  readonly #windowMs: number;
  readonly #counts: RecentMap<Count>;

  constructor({ failuresMax, windowMs, trackedMax }: FailureCountsOptions) {
    invariant(failuresMax >= 1, 'who has not failed may try');
    invariant(windowMs > 0, 'failures are forgiven in some time');
    this.#failuresMax = failuresMax;
    this.#windowMs = windowMs;
    this.#counts = new RecentMap(trackedMax);
  }

  /** How many keys are counted. */
  get size(): number {
    return this.#counts.size;
  }

  /** Failures that are not forgiven yet, a fraction included. */
  level(key: string, nowMs: number): number {
    const count = this.#counts.get(key);
    if (count === undefined) return 0;
    return Math.max(0, count.level - ((nowMs - count.atMs) * this.#failuresMax) / this.#windowMs);
  }

  /** How long until one more fits; 0 when it does now. */
  waitMs(key: string, nowMs: number): number {
    const excess = this.level(key, nowMs) + 1 - this.#failuresMax;
    return excess <= 0 ? 0 : (excess * this.#windowMs) / this.#failuresMax;
  }

  /** How long until a whole window has passed since the last failure; 0 when it has. */
  cleanInMs(key: string, nowMs: number): number {
    const count = this.#counts.get(key);
    return count === undefined ? 0 : Math.max(0, count.atMs + this.#windowMs - nowMs);
  }

  /** Counts one more; beyond `failuresMax` it changes nothing but the time, so that the wait has a bound. */
  add(key: string, nowMs: number): void {
    this.#counts.set(key, { level: Math.min(this.#failuresMax, this.level(key, nowMs) + 1), atMs: nowMs });
  }
}
