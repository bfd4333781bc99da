/**
 * Sizes of the messages inside a message, in the order in which both passes of an encoder meet them. Without
 * it each level of a nested transaction would be sized again for every level around it.
 */
export class SizePlan {
  private readonly sizes: number[] = [];
  private next = 0;

  /** First pass, before the parts of a message are sized: keeps a place for its size. */
  reserve(): number {
    return this.sizes.push(0) - 1;
  }

  /** First pass, after the parts of a message are sized. */
  set(place: number, size: number): number {
    this.sizes[place] = size;
    return size;
  }

  /** Second pass: the size of the next message. */
  take(): number {
    // Both passes walk the same way, so there is one left; `sealed` would notice if not.
    return this.sizes[this.next++]!;
  }
}
