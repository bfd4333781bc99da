import type { HeaderField } from './header-field.ts';

/**
 * The fields that a connection has sent so far, the newest first, as many as fit (RFC 7541 §2.3.2, §4).
 *
 * Invariant: `size` is the sum of the fields' sizes, and at most `maxSize`.
 */
export class DynamicTable {
  /** A ring: the newest is at `#newest`, and those before it go down from there. */
  #ring: (HeaderField | undefined)[] = new Array<HeaderField | undefined>(64);
  #newest = -1;
  #count = 0;
  #size = 0;
  #maxSize: number;
  #changes = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#size;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** Grows with each change: two moments with the same number have the same table. */
  get changes(): number {
    return this.#changes;
  }

  /** The field that is `index` behind the newest, which has 0; undefined where there is none. */
  at(index: number): HeaderField | undefined {
    if (index >= this.#count) return undefined;
    return this.#ring[(this.#newest - index) & (this.#ring.length - 1)];
  }

  /** Adds a field, for which older ones go; one that is too large for the table leaves it empty (§4.4). */
  add(field: HeaderField): void {
    this.#changes++;
    this.#evict(this.#maxSize - field.size);
    if (field.size > this.#maxSize) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#ring.length - 1);
    this.#ring[this.#newest] = field;
    this.#count++;
    this.#size += field.size;
  }

  resize(maxSize: number): void {
    this.#changes++;
    this.#maxSize = maxSize;
    this.#evict(maxSize);
  }

  #evict(size: number): void {
    while (this.#count > 0 && this.#size > size) {
      const oldest = (this.#newest - this.#count + 1) & (this.#ring.length - 1);
      this.#size -= this.#ring[oldest]?.size ?? 0;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const fields = Array.from({ length: this.#count }, (_, index) => this.at(this.#count - 1 - index));
    this.#ring = fields.concat(new Array<HeaderField | undefined>(this.#ring.length));
    this.#newest = this.#count - 1;
  }
}
