import type { Key, KeyRange } from '@quorate/std';

/**
 * A set of keys as intervals that neither overlap nor touch, in order: the union of what it was made of. Made
 * once and never changed.
 */
export class KeyIntervals {
  readonly #starts: readonly Key[];
  readonly #endsExclusive: readonly Key[];

  /** Ranges without a key in them add nothing. */
  constructor(ranges: readonly KeyRange[]) {
    const starts: Key[] = [];
    const endsExclusive: Key[] = [];
    const sorted = ranges
      .filter(({ start, endExclusive }) => start < endExclusive)
      .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    for (const { start, endExclusive } of sorted) {
      const last = starts.length - 1;
      const lastEnd = endsExclusive[last];
      if (lastEnd === undefined || lastEnd < start) {
        starts.push(start);
        endsExclusive.push(endExclusive);
      } else if (lastEnd < endExclusive) {
        endsExclusive[last] = endExclusive;
      }
    }
    this.#starts = starts;
    this.#endsExclusive = endsExclusive;
  }

  /** How many intervals there are. */
  get count(): number {
    return this.#starts.length;
  }

  /**
   * Whether every key of the range is in the set. One without a key in it, whose end is not above its start, is
   * covered where its start is: somebody who may not touch a key learns nothing by asking with such a range.
   */
  covers({ start, endExclusive }: KeyRange): boolean {
    const at = this.#lastStartingAtOrBefore(start);
    const end = this.#endsExclusive[at];
    return end !== undefined && start < end && endExclusive <= end;
  }

  /** Whether both hold the same keys. */
  equals(other: KeyIntervals): boolean {
    return (
      this.count === other.count &&
      this.#starts.every((start, i) => start === other.#starts[i]) &&
      this.#endsExclusive.every((end, i) => end === other.#endsExclusive[i])
    );
  }

  #lastStartingAtOrBefore(key: Key): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
