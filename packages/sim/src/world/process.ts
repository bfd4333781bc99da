import type { Clock, Timer } from '@quorate/std';
import type { Chance } from './chance.ts';
import type { Lane, Timeline, TimelineEvent } from './timeline.ts';

/** How the clock of a machine differs from true time. */
export interface ClockError {
  /** Its speed: 1.01 gains ten milliseconds a second. */
  readonly rate: number;
  /** What its monotonic clock said when the simulation began. */
  readonly startMs: number;
  /** How far its calendar is off; a fault may change it. */
  wallOffsetMs: number;
}

/** The moment that simulations begin at, for those who ask for the date. */
const epochMs = Date.UTC(2026, 0, 1);

/** A process that is gone cannot be asked anything; whoever still runs in its name is stopped by this. */
export class ProcessGoneError extends Error {
  override readonly name = 'ProcessGoneError';
  readonly code = 'SIM_PROCESS_GONE';
}

export interface SimProcessOptions {
  /** The machine it runs on. */
  readonly machine: string;
  readonly timeline: Timeline;
  readonly chance: Chance;
  readonly clockError: ClockError;
  /** Asked at every named point; may `kill` the process. */
  readonly onPoint?: (point: string) => void;
  /** Called at the moment the process goes. */
  readonly onGone?: () => void;
}

/**
 * One life of a member: what it has set in motion stops with it. When it is killed, nothing it waits for ever
 * comes, and nothing it does has any effect, as if the power had gone in the middle of a line of code.
 */
export class SimProcess implements Lane, Clock {
  readonly machine: string;
  readonly timeline: Timeline;
  readonly #options: SimProcessOptions;
  readonly #chance: Chance;
  #isGone = false;
  #isAsleep = false;
  #deferred: TimelineEvent[] = [];
  #mourners: (() => void)[] = [];

  constructor(options: SimProcessOptions) {
    this.machine = options.machine;
    this.timeline = options.timeline;
    this.#options = options;
    this.#chance = options.chance;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  /** The end, at once. */
  kill(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#deferred = [];
    this.#options.onGone?.();
    for (const mourner of this.#mourners) mourner();
    this.#mourners = [];
  }

  /** Calls `listener` when the process goes. */
  onceGone(listener: () => void): void {
    this.#mourners.push(listener);
  }

  /** The system gives it no time any more: clocks go on, and all that falls due waits for it. */
  pause(): void {
    this.#isAsleep = true;
  }

  /** It goes on, and all that waited happens at once: in order, or timers first, or last. */
  resume(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    const waiting = this.#deferred;
    this.#deferred = [];
    const order = this.#chance.below(3);
    const isTimer = (event: TimelineEvent): boolean => event.label.startsWith('timer');
    const timers = waiting.filter((event) => isTimer(event));
    const others = waiting.filter((event) => !isTimer(event));
    if (order === 0) this.timeline.release(waiting);
    else if (order === 1) this.timeline.release([...timers, ...others]);
    else this.timeline.release([...others, ...timers]);
  }

  defer(event: TimelineEvent): void {
    this.#deferred.push(event);
  }

  /** A place in the code where a crash is of interest. Returns false when the process is gone (now, or before). */
  reach(point: string): boolean {
    if (!this.#isGone) this.#options.onPoint?.(point);
    return !this.#isGone;
  }

  /** An event of this process, in true time. */
  later(delayMs: number, label: string, action: () => void): TimelineEvent {
    return this.timeline.after(delayMs, label, action, this);
  }

  /** A promise of something outside: it never comes when the process goes first. */
  wait<T>(delayMs: number, label: string, result: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.later(delayMs, label, () => {
        try {
          resolve(result());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  now(): number {
    const { rate, startMs } = this.#options.clockError;
    return startMs + this.timeline.nowMs * rate;
  }

  wallMs(): number {
    return Math.floor(epochMs + this.timeline.nowMs + this.#options.clockError.wallOffsetMs);
  }

  after(delayMs: number, action: () => void): Timer {
    const event = this.later(Math.max(0, delayMs) / this.#options.clockError.rate, 'timer', action);
    return {
      cancel: () => {
        event.action = undefined;
      },
    };
  }

  /** Code takes time: some microseconds go by. */
  soon(action: () => void): void {
    this.later(this.#chance.between(0.002, 0.05), 'soon', action);
  }
}

/** What a process that is gone waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
