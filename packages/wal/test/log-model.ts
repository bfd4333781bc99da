import type { Entry, HardState, WalSnapshot } from '@quorate/wire';
import { describe, noState } from './helpers.ts';

type ModelRecord =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'state'; readonly state: HardState }
  | { readonly kind: 'mark'; readonly mark: WalSnapshot };

/** What a reader of the first `count` records must find. */
export interface ModelState {
  readonly entries: string[];
  readonly hardState: HardState;
}

/** The log as a plain list of what was handed to it, and how much of that was promised to be on disk. */
export class LogModel {
  readonly #records: ModelRecord[] = [];
  #durableCount = 0;

  get recordCount(): number {
    return this.#records.length;
  }

  get durableCount(): number {
    return this.#durableCount;
  }

  /** Notes a save before it is begun. */
  save(save: { readonly entries: readonly Entry[]; readonly hardState?: HardState }): void {
    for (const entry of save.entries) this.#records.push({ kind: 'entry', entry });
    if (save.hardState !== undefined) this.#records.push({ kind: 'state', state: save.hardState });
  }

  saveSnapshot(mark: WalSnapshot): void {
    this.#records.push({ kind: 'mark', mark });
  }

  /** Notes that all so far is on disk. */
  acknowledge(): void {
    this.#durableCount = this.#records.length;
  }

  /** Forgets what a crash took, so that `count` records are left. */
  keep(count: number): void {
    this.#records.length = count;
    this.#durableCount = count;
  }

  /** Index of the last entry, or of the snapshot in its place. */
  lastIndex(count = this.#records.length): number {
    const { log, base } = this.#replay(count);
    return base + log.length;
  }

  stateAfter(count: number, from: { readonly index: number }): ModelState {
    const { log, base, hardState } = this.#replay(count);
    const entries = log.filter((entry) => entry.index > from.index);
    return { entries: base > from.index ? [] : describe(entries), hardState };
  }

  /** The committed marks among the first `count` records. */
  validMarks(count = this.#records.length): WalSnapshot[] {
    const { hardState } = this.#replay(count);
    const marks: WalSnapshot[] = [{ index: 0, term: 0, confState: undefined }];
    for (const record of this.#records.slice(0, count)) if (record.kind === 'mark') marks.push(record.mark);
    return marks.filter((mark) => mark.index <= hardState.commit);
  }

  /**
   * The smallest number of records, at least those promised, after which a reader finds just this; undefined when
   * there is none.
   */
  match(found: ModelState, from: { readonly index: number }): number | undefined {
    const wanted = JSON.stringify(found, withBigInts);
    for (let count = this.#durableCount; count <= this.#records.length; count++) {
      if (JSON.stringify(this.stateAfter(count, from), withBigInts) === wanted) return count;
    }
    return undefined;
  }

  #replay(count: number): { log: Entry[]; base: number; hardState: HardState } {
    let log: Entry[] = [];
    let base = 0;
    let hardState = noState;
    for (const record of this.#records.slice(0, count)) {
      switch (record.kind) {
        case 'entry':
          log = [...log.filter((entry) => entry.index < record.entry.index), record.entry];
          break;
        case 'state':
          hardState = record.state;
          break;
        case 'mark': {
          const { index, term } = record.mark;
          if (log.some((entry) => entry.index === index && entry.term === term)) break;
          log = [];
          base = index;
        }
      }
    }
    return { log, base, hardState };
  }
}

function withBigInts(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
