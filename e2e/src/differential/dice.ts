import { SeededRandom } from '@quorate/std';

/** Chance with the words that generators need. The same seed throws the same sequence. */
export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  below(limitExclusive: number): number {
    return this.#random.below(limitExclusive);
  }

  /** A whole number, both bounds included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True that many times in a thousand. */
  perMille(times: number): boolean {
    return this.below(1000) < times;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new RangeError('there is nothing to pick from');
    return chosen;
  }

  /** One of the names, each as likely as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    // Object.entries forgets the names' type.
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.below(entries.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [name, weight] of entries) {
      if (left < weight) return name;
      left -= weight;
    }
    throw new RangeError('weights must be whole numbers above 0');
  }

  list<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }
}
