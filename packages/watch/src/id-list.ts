/**
 * IDs of watchers, in the order in which they are told. Lists that were found to be the same share their memory from then on,
 * so that to compare them again costs nothing.
 */
export class IdList {
  #ids: readonly bigint[];

  /** The array must not change any more. */
  constructor(ids: readonly bigint[]) {
    this.#ids = ids;
  }

  get length(): number {
    return this.#ids.length;
  }

  at(index: number): bigint {
    return this.#ids[index]!;
  }

  /** The first ones of them. */
  first(count: number): IdList {
    return count === this.#ids.length ? this : new IdList(this.#ids.slice(0, count));
  }

  equals(other: IdList): boolean {
    const mine = this.#ids;
    const others = other.#ids;
    if (mine === others) return true;
    if (mine.length !== others.length) return false;
    for (let index = 0; index < mine.length; index++) if (mine[index] !== others[index]) return false;
    this.#ids = others;
    return true;
  }
}
