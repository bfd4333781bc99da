import { invariant } from '@quorate/std';

/** The revisions that writes were answered with. */
export class WriteRevisions {
  readonly #revisions: number[] = [];

  add(revision: number): void {
    this.#revisions.push(revision);
  }

  /** When nobody else writes, they are a sequence without gaps: no write was lost, none was made twice. */
  check(): void {
    const sorted = Float64Array.from(this.#revisions).sort();
    for (let i = 1; i < sorted.length; i++) {
      invariant(sorted[i] === sorted[i - 1]! + 1, 'every write has a revision of its own, the next one');
    }
  }
}
