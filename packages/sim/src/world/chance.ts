import { crc32c, fromUtf8, SeededRandom, type Random } from '@quorate/std';

/**
 * Seeded chance with a tree of names: every part of a simulation draws from a branch of its own, so that
 * a fault that is switched off does not shift what the others draw.
 */
export class Chance implements Random {
  readonly #seed: number;
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#random = new SeededRandom(this.#seed);
  }

  /** The branch with that name: the same one whatever was drawn before. */
  branch(name: string): Chance {
    const mixed = Math.imul(this.#seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
    return new Chance(crc32c(fromUtf8(name), mixed));
  }

  below(limitExclusive: number): number {
    return this.#random.below(limitExclusive);
  }

  uint64(): bigint {
    return this.#random.uint64();
  }

  /** From 0 to below 1. */
  fraction(): number {
    return this.#random.below(2 ** 32) / 2 ** 32;
  }

  /** True that often. Draws even when the answer is certain, so that a rate does not shift what follows. */
  happens(rate: number): boolean {
    return this.fraction() < rate;
  }

  /** A number from `min` to below `max`. */
  between(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }

  /** A whole number from `min` to `max`, both included. */
  count(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** A whole number from `min` to `max`, small ones as likely as large ones in orders of magnitude. */
  magnitude(min: number, max: number): number {
    return Math.round(min * (max / min) ** this.fraction());
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Each of the items with even chance; may be none, may be all. */
  some<T>(items: readonly T[]): T[] {
    return items.filter(() => this.below(2) === 1);
  }

  /** The items in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  /** Waiting times of rare events: exponential with that mean. */
  wait(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  /** Around `typical`, now and then ten times and seldom hundred times as long: a tail as networks and disks have. */
  heavyTail(typical: number): number {
    const base = this.between(0.5, 1.5) * typical;
    const dice = this.below(1000);
    if (dice < 3) return base * 100;
    return dice < 30 ? base * 10 : base;
  }
}
