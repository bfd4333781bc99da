/** A set of revisions. Nearly all have sub 0, so those are kept as bare numbers. */
export class RevisionSet {
  readonly #firsts = new Set<number>();
  readonly #others = new Map<number, Set<number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a revision that is not in the set. */
  add(main: number, sub: number): void {
    this.#size++;
    if (sub === 0) {
      this.#firsts.add(main);
      return;
    }
    const subs = this.#others.get(main);
    if (subs === undefined) this.#others.set(main, new Set([sub]));
    else subs.add(sub);
  }

  has(main: number, sub: number): boolean {
    return sub === 0 ? this.#firsts.has(main) : (this.#others.get(main)?.has(sub) ?? false);
  }
}
