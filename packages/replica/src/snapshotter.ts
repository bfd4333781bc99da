import type { Wal } from '@quorate/wal';
import type { ConfState, WalSnapshot } from '@quorate/wire';
import type { BackendWriter } from './backend-writer.ts';
import type { RaftDriver } from './raft-driver.ts';

export interface SnapshotterOptions {
  readonly wal: Wal;
  readonly writer: BackendWriter;
  readonly driver: RaftDriver;
  /** Where the newest mark in the log is. */
  readonly markedIndex: number;
  readonly snapshotCount: number;
  readonly catchUpEntries: number;
  readonly maxWals: number;
  /** Drops entries up to an index from the log in memory. */
  readonly compactRaft: (index: number) => void;
  readonly isStopped: () => boolean;
  readonly onSnapshot: (event: { readonly index: number; readonly released: readonly string[] }) => void;
  readonly onFatal: (error: unknown) => void;
}

/**
 * Marks a snapshot in the log once the store durably holds everything below it, and only then releases what
 * lies below: in the files, and in memory but for what members that lag may still need.
 */
export class Snapshotter {
  readonly #options: SnapshotterOptions;
  #markedIndex: number;
  #isRunning = false;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
    this.#markedIndex = options.markedIndex;
  }

  /** Called after entries were applied; index, term and configuration are those of the last one. */
  afterApply(applied: { readonly index: number; readonly term: number }, confState: ConfState): void {
    if (this.#isRunning || applied.index - this.#markedIndex <= this.#options.snapshotCount) return;
    this.#isRunning = true;
    this.#mark({ index: applied.index, term: applied.term, confState })
      .catch(this.#options.onFatal)
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #mark(mark: WalSnapshot): Promise<void> {
    const { wal, writer, driver, catchUpEntries, maxWals, compactRaft, isStopped, onSnapshot } =
      this.#options;
    await writer.flush({ sync: true });
    if (isStopped()) return;
    await driver.saveSnapshotMark(mark);
    this.#markedIndex = mark.index;
    if (mark.index > catchUpEntries) compactRaft(mark.index - catchUpEntries);
    onSnapshot({ index: mark.index, released: await wal.releaseTo(mark.index, { keepSegments: maxWals }) });
  }
}
