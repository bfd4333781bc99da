import { AuthError } from '@quorate/auth';
import type { Clock } from '@quorate/std';
import type { Login, LoginGuard, LoginOutcome } from './login-guard.ts';

/** What a gate consists of. */
export interface LoginGateOptions {
  readonly guard: LoginGuard;
  readonly clock: Clock;
  /** How many logins may wait for others to end; the next is refused. 128 by default. */
  readonly waitingMax?: number;
  /** How long one of them waits at most, before it is refused; 5,000 by default. */
  readonly patienceMs?: number;
}

/** A guard with a waiting room: a login that only has to wait for others to end waits; one that may not try is refused. */
export class LoginGate {
  readonly #guard: LoginGuard;
  readonly #clock: Clock;
  readonly #waitingMax: number;
  readonly #patienceMs: number;
  readonly #waiting = new Set<() => void>();

  constructor({ guard, clock, waitingMax = 128, patienceMs = 5_000 }: LoginGateOptions) {
    this.#guard = guard;
    this.#clock = clock;
    this.#waitingMax = waitingMax;
    this.#patienceMs = patienceMs;
  }

  /** How many logins wait for others to end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Does the check, which says whether the password is right, if and when the guard lets it.
   *
   * @throws AuthError AUTH_TOO_MANY_PASSWORDS when it does not, and whatever the check throws
   */
  async check(login: Login, check: () => Promise<boolean>): Promise<boolean> {
    const end = await this.#enter(login);
    let outcome: LoginOutcome = 'abandoned';
    try {
      const right = await check();
      outcome = right ? 'succeeded' : 'failed';
      return right;
    } finally {
      end(outcome, this.#clock.now());
      for (const proceed of [...this.#waiting]) proceed();
    }
  }

  async #enter(login: Login): Promise<(outcome: LoginOutcome, nowMs: number) => void> {
    const untilMs = this.#clock.now() + this.#patienceMs;
    for (;;) {
      const nowMs = this.#clock.now();
      const admission = this.#guard.begin(login, nowMs);
      if (admission.kind === 'admitted') return admission.end;
      if (admission.kind === 'refused' || nowMs >= untilMs || this.#waiting.size >= this.#waitingMax) {
        throw new AuthError('AUTH_TOO_MANY_PASSWORDS');
      }
      await this.#anotherEnd(untilMs - nowMs);
    }
  }

  /** Until some login has ended, or the time is over. */
  #anotherEnd(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const proceed = (): void => {
        timer.cancel();
        this.#waiting.delete(proceed);
        resolve();
      };
      const timer = this.#clock.after(delayMs, proceed);
      this.#waiting.add(proceed);
    });
  }
}
