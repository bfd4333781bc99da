import { invariant } from '@quorate/std';

/**
 * The window of appends sent to a follower and not yet acknowledged: a ring of (last index, size) pairs in
 * the order of sending. It grows as needed up to `limits.count`.
 *
 * Invariant: indexes ascend; `size` is the sum of the sizes of the `count` pairs.
 */
export class Inflights {
  readonly #limits: { readonly count: number; readonly size: number };
  #indexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #size = 0;

  constructor(limits: { readonly count: number; readonly size: number }) {
    invariant(limits.count > 0, 'a window must let one message through');
    invariant(limits.size > 0, 'a window must let one byte through');
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the next append has to wait. The one that crosses the size limit still goes. */
  get full(): boolean {
    return this.#count >= this.#limits.count || this.#size >= this.#limits.size;
  }

  /** Notes an append whose last entry is at `index`. */
  add(index: number, size: number): void {
    invariant(!this.full, 'a full window takes nothing');
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[at] = index;
    this.#sizes[at] = size;
    this.#count++;
    this.#size += size;
  }

  /** Frees every append up to and including `index`. */
  freeTo(index: number): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#size -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
    invariant(this.#size >= 0, 'a window never holds less than nothing');
  }

  /** Forgets all. */
  clear(): void {
    this.#start = this.#count = this.#size = 0;
  }

  #grow(): void {
    const capacity = Math.min(this.#limits.count, Math.max(8, this.#indexes.length * 2));
    const indexes = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#start + i) % this.#indexes.length;
      indexes[i] = this.#indexes[from]!;
      sizes[i] = this.#sizes[from]!;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
