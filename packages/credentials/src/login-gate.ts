import { AuthError } from '@quorate/auth';
import type { Clock } from '@quorate/std';
import type { EndOfLogin, Login, LoginGuard, LoginOutcome } from './login-guard.ts';

/** What a gate consists of. */
export interface LoginGateOptions {
  readonly guard: LoginGuard;
  readonly clock: Clock;
  /** How many logins may wait for others to end, half of them of one user; the next is refused. 128 by default. */
  readonly waitingMax?: number;
  /** How long one of them waits at most before it is refused; 5,000 by default. */
  readonly patienceMs?: number;
}

interface Waiter {
  readonly login: Login;
  readonly enter: (end: EndOfLogin) => void;
  readonly leave: (reason: unknown) => void;
}

/** For a login whose client may go away. */
interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A guard with a waiting room: a login that only has to wait for others to end does so, in the order of coming; one that
 * may not try at all is refused at once.
 */
export class LoginGate {
  readonly #guard: LoginGuard;
  readonly #clock: Clock;
  readonly #waitingMax: number;
  readonly #patienceMs: number;
  readonly #waiting = new Set<Waiter>();

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
   * Has a password checked, if and when the guard lets it; `check` says whether it is right.
   *
   * @throws AuthError AUTH_TOO_MANY_PASSWORDS when the guard does not; the reason of the signal when that came while the
   *   login waited; and whatever the check throws
   */
  async check(login: Login, check: () => Promise<boolean>, options: Abortable = {}): Promise<boolean> {
    const end = await this.#enter(login, options);
    let outcome: LoginOutcome = 'abandoned';
    try {
      const right = await check();
      outcome = right ? 'succeeded' : 'failed';
      return right;
    } finally {
      end(outcome, this.#clock.now());
      this.#callIn();
    }
  }

  async #enter(login: Login, { signal }: Abortable): Promise<EndOfLogin> {
    signal?.throwIfAborted();
    const admission = this.#guard.begin(login, this.#clock.now());
    if (admission.kind === 'admitted') return admission.end;
    if (admission.kind === 'refused' || this.#isFull(login.user)) throw tooMany();
    return this.#wait(login, signal);
  }

  /** Logins of one user fill at most half of the room, so that an attack on a user keeps out no other. */
  #isFull(user: string): boolean {
    if (this.#waiting.size >= this.#waitingMax) return true;
    const same = [...this.#waiting].filter(({ login }) => login.user === user).length;
    return same >= this.#waitingMax / 2;
  }

  async #wait(login: Login, signal: AbortSignal | undefined): Promise<EndOfLogin> {
    const { promise, resolve, reject } = Promise.withResolvers<EndOfLogin>();
    const waiter: Waiter = { login, enter: resolve, leave: reject };
    // Out of the room at once, so that who has gone is not called in.
    const go = (reason: unknown): void => {
      if (this.#waiting.delete(waiter)) reject(reason);
    };
    const timer = this.#clock.after(this.#patienceMs, () => go(tooMany()));
    const aborted = (): void => go(signal?.reason);
    signal?.addEventListener('abort', aborted);
    this.#waiting.add(waiter);
    try {
      return await promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', aborted);
    }
  }

  /** Asks the guard again for each who waits; who still has to wait keeps his place. */
  #callIn(): void {
    for (const waiter of this.#waiting) {
      const admission = this.#guard.begin(waiter.login, this.#clock.now());
      if (admission.kind === 'busy') continue;
      this.#waiting.delete(waiter);
      if (admission.kind === 'admitted') waiter.enter(admission.end);
      else waiter.leave(tooMany());
    }
  }
}

function tooMany(): AuthError {
  return new AuthError('AUTH_TOO_MANY_PASSWORDS');
}
