/** Counts of rare states: a simulator that never reaches them proves nothing about them. */
export class Tally {
  readonly #counts = new Map<string, number>();

  /** It happened (again). */
  note(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** By name. */
  entries(): readonly (readonly [name: string, count: number])[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Adds what another one counted. */
  add(counts: Iterable<readonly [string, number]>): void {
    for (const [name, count] of counts) this.note(name, count);
  }
}
