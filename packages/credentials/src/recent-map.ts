import { invariant } from '@quorate/std';

/**
 * A map that holds at most `sizeMax` entries and forgets those that nobody asked for in the longest time, roughly: there
 * are two generations, and when the young one is full it becomes the old one, whose entries are forgotten. What is asked
 * for while old becomes young again. A hit among the young is one lookup, where a strict order would need three.
 */
export class RecentMap<Value> {
  readonly #generationMax: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  constructor(sizeMax: number) {
    invariant(sizeMax >= 2, 'a map of recent entries has room for two');
    this.#generationMax = Math.floor(sizeMax / 2);
  }

  /** How many entries there are. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value of a key, which now counts as recent. */
  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** Sets the value of a key, and may forget others. */
  set(key: string, value: Value): void {
    this.#old.delete(key);
    if (this.#young.size >= this.#generationMax && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  /** Forgets a key. */
  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
