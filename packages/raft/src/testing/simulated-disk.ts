import { invariant } from '@quorate/std';
import type { ConfState, Entry, HardState } from '@quorate/wire';
import type { Ready } from '../types.ts';

/** Where the log on a disk begins. */
export interface LogStart {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** A disk that keeps what was synced, and in a crash loses the rest. */
export class SimulatedDisk {
  hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  start: LogStart;
  entries: Entry[] = [];
  #syncedHardState: HardState = this.hardState;

  constructor(confState: ConfState) {
    this.start = { index: 0, term: 0, confState };
  }

  get lastIndex(): number {
    return this.start.index + this.entries.length;
  }

  /** Saves all that a Ready asks for. */
  save(ready: Ready): void {
    if (ready.snapshot !== undefined) {
      const { index, term, confState } = ready.snapshot;
      this.start = { index, term, confState };
      this.entries = [];
    }
    this.#append(ready.entries);
    if (ready.hardState !== undefined) this.hardState = ready.hardState;
    if (ready.mustSync) this.#syncedHardState = this.hardState;
  }

  /** A crash in the middle of saving: some of the entries are there, the hard state is not. */
  saveTorn(ready: Ready, entryCount: number): void {
    if (ready.snapshot === undefined) this.#append(ready.entries.slice(0, entryCount));
  }

  /** Loses a hard state that was not synced. */
  crash(): void {
    this.hardState = this.#syncedHardState;
  }

  /** Replaces all there is. */
  overwrite(hardState: HardState, entries: readonly Entry[]): void {
    this.hardState = this.#syncedHardState = hardState;
    this.entries = [...entries];
  }

  /** Lets go of the log up to where `start` is. */
  compact(start: LogStart): void {
    if (start.index <= this.start.index) return;
    invariant(start.index <= this.lastIndex, 'only what is on disk can be let go');
    this.entries.splice(0, start.index - this.start.index);
    this.start = start;
  }

  /** Term of the entry at `index`; undefined when it is not here. */
  termAt(index: number): number | undefined {
    return index === this.start.index ? this.start.term : this.entries[index - this.start.index - 1]?.term;
  }

  #append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    invariant(first.index <= this.lastIndex + 1, 'a log on disk has no gap');
    invariant(first.index > this.start.index, 'what a snapshot covers is not saved again');
    this.entries.length = first.index - this.start.index - 1;
    this.entries.push(...entries);
  }
}
