import type { Clock, Timer } from '../clock.ts';

/** A clock that stands still until a test moves it. Timers fire in order of their time, then of their making. */
export class ManualClock implements Clock {
  readonly #wallStartMs: number;
  #nowMs = 0;
  #sequence = 0;
  readonly #timers: { atMs: number; sequence: number; action: () => void }[] = [];

  /** @param wallStartMs what `wallMs` says while `now()` is 0. */
  constructor(wallStartMs = Date.UTC(2026, 0, 1)) {
    this.#wallStartMs = wallStartMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, action };
    this.#timers.push(timer);
    return {
      cancel: () => {
        const at = this.#timers.indexOf(timer);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  /** At the same moment, after what is due before it; `advance(0)` runs it. */
  soon(action: () => void): void {
    this.after(0, action);
  }

  /** Moves time forward and fires what falls due, timers that those set included. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.#nowMs = due.atMs;
      due.action();
    }
    this.#nowMs = endMs;
  }
}
