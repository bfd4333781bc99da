import { saveSnapFile, type Disk, type Wal } from '@quorate/wal';
import type { ConfState, Snapshot, WalSnapshot } from '@quorate/wire';
import type { BackendWriter } from './backend-writer.ts';

export interface SnapshotterOptions {
  readonly wal: Wal;
  readonly disk: Disk;
  /** Where `.snap` files lie, which members of etcd 3.5 to 3.7 read. */
  readonly snapDir: string;
  /** How many of them are kept; 0 for all. */
  readonly maxSnapFiles: number;
  /** The membership as those files have it. */
  readonly membershipData: () => Uint8Array;
  /** Whether other members still need entries that are in memory. */
  readonly isLogNeeded: () => boolean;
  readonly writer: BackendWriter;
  /** Writes a mark into the log; resolves when it is on disk. */
  readonly saveMark: (mark: WalSnapshot) => Promise<void>;
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
  /** The last file that is written; one follows the other. */
  #lastFile: Promise<void> = Promise.resolve();

  constructor(options: SnapshotterOptions) {
    this.#options = options;
    this.#markedIndex = options.markedIndex;
  }

  /** Before the log speaks of a snapshot that the leader sent. */
  saveInstalled(snapshot: Snapshot): Promise<void> {
    return this.#saveSnapFile(snapshot);
  }

  /** A snapshot of the leader was installed: the log begins there, and what lies below is released. */
  onInstalled(index: number): void {
    const { wal, maxWals, onFatal } = this.#options;
    this.#markedIndex = index;
    wal.releaseTo(index, { keepSegments: maxWals }).catch(onFatal);
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

  async #mark(mark: WalSnapshot & { readonly confState: ConfState }): Promise<void> {
    const { wal, writer, saveMark, maxWals, isStopped, onSnapshot } = this.#options;
    // As of the same entry as the mark, hence before anything is waited for.
    const data = this.#options.membershipData();
    await writer.flush({ sync: true });
    if (isStopped() || mark.index <= this.#markedIndex) return;
    await this.#saveSnapFile({ ...mark, data });
    if (isStopped() || mark.index <= this.#markedIndex) return;
    await saveMark(mark);
    this.#markedIndex = Math.max(this.#markedIndex, mark.index);
    this.#compactRaft(mark.index);
    onSnapshot({ index: mark.index, released: await wal.releaseTo(mark.index, { keepSegments: maxWals }) });
  }

  #compactRaft(index: number): void {
    const { catchUpEntries, isLogNeeded, compactRaft } = this.#options;
    if (index > catchUpEntries && !isLogNeeded()) compactRaft(index - catchUpEntries);
  }

  /** First the file, then the mark in the log: a reader takes the newest file that a mark speaks of. */
  #saveSnapFile(snapshot: Snapshot): Promise<void> {
    const saved = this.#lastFile.then(() => this.#writeSnapFile(snapshot));
    this.#lastFile = saved.catch(() => {}); // Whoever saves has the error.
    return saved;
  }

  async #writeSnapFile(snapshot: Snapshot): Promise<void> {
    const { disk, snapDir, maxSnapFiles } = this.#options;
    await saveSnapFile(disk, snapDir, snapshot);
    if (maxSnapFiles === 0) return;
    const names = (await disk.list(snapDir)).filter((name) => snapName.test(name));
    for (const name of names.slice(0, Math.max(0, names.length - maxSnapFiles))) {
      await disk.remove(`${snapDir}/${name}`);
    }
  }
}

/** `<term>-<index>.snap`: in the order of names is in the order of the log. */
const snapName = /^[0-9a-f]{16}-[0-9a-f]{16}\.snap$/;
