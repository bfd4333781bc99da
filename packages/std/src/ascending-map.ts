import { invariant } from './invariant.ts';

/** With fewer places than this nothing is tidied up. */
const tidyMin = 32;

/**
 * Values under numbers that only rise, to be found by number and taken out in any order. They come out in the order of
 * their numbers.
 *
 * A Map would do, but for its garbage: one whose content comes and goes is rehashed again and again, and each table that
 * was left refers to the next one. Once one of them is old, the garbage collector takes all that was in any later one
 * for alive until it looks at the old generation.
 *
 * Invariants: `#numbers` ascend and `#values` has as many places, those of what was taken out are empty; of the places no
 * more than half are empty when one is added, but for the first few.
 */
export class AscendingMap<T extends object> {
  readonly #numbers: number[] = [];
  readonly #values: (T | undefined)[] = [];
  #last = -Infinity;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What it takes memory for: places of values, and those of some that were taken out. */
  get placeCount(): number {
    return this.#values.length;
  }

  /** Adds a number above all that were added before. */
  add(number: number, value: T): void {
    invariant(number > this.#last, 'a number that is added is above the others');
    this.#last = number;
    const places = this.#numbers.length;
    if (places >= tidyMin && places >= 2 * this.#size) this.#tidy();
    this.#numbers.push(number);
    this.#values.push(value);
    this.#size++;
  }

  get(number: number): T | undefined {
    return this.#values[this.#placeOf(number)];
  }

  /** Takes a number out; returns what was under it. */
  take(number: number): T | undefined {
    const place = this.#placeOf(number);
    const value = this.#values[place];
    if (value === undefined) return undefined;
    this.#values[place] = undefined;
    this.#size--;
    return value;
  }

  /** All values as of now, in the order of their numbers. */
  values(): T[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** The place of a number; behind the last one when it is not there. */
  #placeOf(number: number): number {
    const numbers = this.#numbers;
    let low = 0;
    let high = numbers.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = numbers[middle]!; // Within the array.
      if (at === number) return middle;
      if (at < number) low = middle + 1;
      else high = middle - 1;
    }
    return numbers.length;
  }

  #tidy(): void {
    const values = this.#values;
    let kept = 0;
    for (let place = 0; place < values.length; place++) {
      if (values[place] === undefined) continue;
      this.#numbers[kept] = this.#numbers[place]!; // Both have as many places.
      values[kept++] = values[place];
    }
    this.#numbers.length = kept;
    values.length = kept;
  }
}
