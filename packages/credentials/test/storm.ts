import { ManualClock } from '@quorate/std/testing';
import { LoginGate, LoginGuard, type Login, type LoginGuardOptions } from '../src/index.ts';

/** A member with one thread for passwords, on a clock of its own, and what happens to it. */
export class Storm {
  readonly clock = new ManualClock();
  readonly guard: LoginGuard;
  readonly gate: LoginGate;
  /** Passwords checked so far that were wrong. */
  guesses = 0;
  refused = 0;
  readonly #checkMs: number;
  #freeAtMs = 0;

  constructor({ checkMs = 60, ...options }: LoginGuardOptions & { readonly checkMs?: number } = {}) {
    this.#checkMs = checkMs;
    this.guard = new LoginGuard(options);
    this.gate = new LoginGate({ guard: this.guard, clock: this.clock });
  }

  /** Passwords that wait for the thread, the one at work included. */
  get queued(): number {
    return Math.ceil(Math.max(0, this.#freeAtMs - this.clock.now()) / this.#checkMs);
  }

  /** One login; whether it succeeded, and undefined when it was refused. */
  async login(login: Login, right: boolean): Promise<boolean | undefined> {
    try {
      return await this.gate.check(login, () => this.#check(right));
    } catch {
      this.refused++;
      return undefined;
    }
  }

  /** Lets time pass in steps of a millisecond, in each of which `attack` may do something. */
  async pass(durationMs: number, attack: (nowMs: number) => void = () => {}): Promise<void> {
    for (let step = 0; step < durationMs; step++) {
      attack(this.clock.now());
      this.clock.advance(1);
      await settled();
    }
  }

  /** How long an honest client, who tries again half a second after each refusal, needs while this goes on. */
  async timeToLogin(
    login: Login,
    { limitMs, attack }: { limitMs: number; attack: (nowMs: number) => void },
  ): Promise<number> {
    const startMs = this.clock.now();
    let inside = false;
    const tryOn = async (): Promise<void> => {
      if ((await this.login(login, true)) === true) inside = true;
      else this.clock.after(500, () => void tryOn());
    };
    void tryOn();
    while (!inside && this.clock.now() - startMs < limitMs) await this.pass(1, attack);
    return this.clock.now() - startMs;
  }

  #check(right: boolean): Promise<boolean> {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.clock.now()) + this.#checkMs;
    return new Promise((resolve) => {
      this.clock.after(this.#freeAtMs - this.clock.now(), () => {
        if (!right) this.guesses++;
        resolve(right);
      });
    });
  }
}

/** What was promised at this moment has been heard: a handful of turns of the queue of microtasks. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}
