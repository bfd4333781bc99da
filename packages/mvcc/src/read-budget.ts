import type { Key } from './types.ts';

/** What a read may do before it stops to let others have their turn, in keys that are looked at. */
export class ReadBudget {
  left: number;
  /** Where it stopped; undefined when it did all there was to do. */
  next: Key | undefined = undefined;

  constructor(workMax: number) {
    this.left = workMax;
  }

  get isSpent(): boolean {
    return this.left <= 0;
  }
}
