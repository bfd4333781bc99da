import type { Clock, Timer } from '@quorate/std';

/** What comes late to a process that stood still: its timers, and what others have sent it. */
export type LateKind = 'timers' | 'messages';

/** The clock of one member of a test cluster. While it is paused that member stands still, and time goes on. */
export class PausableClock implements Clock {
  readonly #clock: Clock;
  readonly #late: Record<LateKind, (() => void)[]> = { timers: [], messages: [] };
  #isPaused = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  now(): number {
    return this.#clock.now();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  after(delayMs: number, action: () => void): Timer {
    let isCanceled = false;
    const timer = this.#clock.after(delayMs, () =>
      this.enter('timers', () => {
        if (!isCanceled) action();
      }),
    );
    return {
      cancel: () => {
        isCanceled = true;
        timer.cancel();
      },
    };
  }

  soon(action: () => void): void {
    this.#clock.soon(() => this.enter('timers', action));
  }

  /** Does something in the member's process: now, or when it goes on. */
  enter(kind: LateKind, action: () => void): void {
    if (this.#isPaused) this.#late[kind].push(action);
    else action();
  }

  /** The process stands still from now on. */
  pause(): void {
    this.#isPaused = true;
  }

  /** It goes on: all that is late happens now, of one kind first, each kind in its order. */
  resume(first: LateKind): void {
    this.#isPaused = false;
    const second = first === 'timers' ? 'messages' : 'timers';
    for (const kind of [first, second] as const) for (const action of this.#late[kind].splice(0)) action();
  }
}
