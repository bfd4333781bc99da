/** How much of something is free at once, and how much of it is forgiven in each second. */
export interface BudgetOptions {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * A leaking bucket: what is spent flows off at a steady rate. Time comes in, in milliseconds.
 *
 * Invariant: whoever spends at most `burst + perSecond * t` within any time t is never over.
 */
export class Budget {
  readonly #options: BudgetOptions;
  #level = 0;
  #atMs = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** Spends; true when it was too much. */
  spend(amount: number, nowMs: number): boolean {
    const { burst, perSecond } = this.#options;
    const leaked = Math.max(0, nowMs - this.#atMs) * (perSecond / 1000);
    this.#level = Math.max(0, this.#level - leaked) + amount;
    this.#atMs = nowMs;
    return this.#level > burst;
  }

  /** Gives back, for a reason that came later; there is no credit beyond nothing spent. */
  earn(amount: number): void {
    this.#level = Math.max(0, this.#level - amount);
  }
}
