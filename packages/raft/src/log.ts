import { invariant } from '@quorate/std';
import type { Entry, EntryType, Snapshot } from '@quorate/wire';

/** What an entry takes beside its data, where sizes are limited. */
const entryOverheadSize = 16;

/** Bytes that an entry counts for where sizes are limited. */
export function entrySize(entry: Entry): number {
  return entry.data.length + entryOverheadSize;
}

/** In the place of entries that were compacted, so that what they held can be collected. */
const compactedEntry: Entry = { term: 0, index: 0, type: 0, data: new Uint8Array(0) };

const noEntries: readonly Entry[] = [];

/** A Ready under way to the disk: what of it will count when it is there. */
interface Write {
  /** Its last entry that is still in the log; 0 when there is none. */
  last: number;
  readonly snapshotIndex: number;
}

/**
 * The log since the last snapshot, in memory, with the cursors that say how far each step has come:
 *
 *     snapshotIndex <= applied <= applying <= committed
 *                                 applying <= stable <= handedOut <= lastIndex
 *
 * Entry i stands at `#entries[#head + i - firstIndex]`. Compaction moves `#head`; the array is copied only when
 * half of it is empty, so that an entry is moved once at most, on average.
 *
 * Writes to the disk overlap with changes of the log. When a new leader's entries replace some that are under
 * way to the disk, those must not count as stable when they arrive there, even if entries with the same index
 * and term came back in the meantime: they were written before what replaced them. So each write under way
 * remembers how far it still holds, and every truncation shortens it.
 */
export class RaftLog {
  #entries: Entry[];
  #head = 0;
  #snapshotIndex: number;
  #snapshotTerm: number;
  #committed: number;
  #applied: number;
  #applying: number;
  #stable: number;
  #handedOut: number;
  #pendingSnapshot: Snapshot | undefined;
  #snapshotHandedOut = false;
  readonly #writes: Write[] = [];

  /** `entries` follow the snapshot without a gap; `applied` is not above `committed`. */
  constructor(start: {
    readonly snapshotIndex: number;
    readonly snapshotTerm: number;
    readonly entries: readonly Entry[];
    readonly committed: number;
    readonly applied: number;
  }) {
    this.#entries = [...start.entries];
    this.#snapshotIndex = start.snapshotIndex;
    this.#snapshotTerm = start.snapshotTerm;
    this.#committed = start.committed;
    this.#applied = this.#applying = start.applied;
    this.#stable = this.#handedOut = this.lastIndex;
    this.checkInvariants();
  }

  /** Index before the first entry that is here; its term is known. */
  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }

  get firstIndex(): number {
    return this.#snapshotIndex + 1;
  }

  get lastIndex(): number {
    return this.#snapshotIndex + this.#entries.length - this.#head;
  }

  get lastTerm(): number {
    return this.#entries.length > this.#head
      ? this.#entries[this.#entries.length - 1]!.term
      : this.#snapshotTerm;
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  /** Last entry that is on this node's disk. */
  get stable(): number {
    return this.#stable;
  }

  /** A snapshot that came from the leader and is not installed yet. */
  get pendingSnapshot(): Snapshot | undefined {
    return this.#pendingSnapshot;
  }

  /** Term of the entry at `index`; undefined when it was compacted or does not exist. */
  termAt(index: number): number | undefined {
    if (index === this.#snapshotIndex) return this.#snapshotTerm;
    return this.#entryAt(index)?.term;
  }

  /** Whether the log holds an entry with this index and term. */
  matches(index: number, term: number): boolean {
    return this.termAt(index) === term;
  }

  /** Whether a log that ends so has all that this one has (Raft thesis §3.6.1). */
  isUpToDate(last: { readonly index: number; readonly term: number }): boolean {
    const lastTerm = this.lastTerm;
    return last.term > lastTerm || (last.term === lastTerm && last.index >= this.lastIndex);
  }

  /** Adds an entry of this leader's own term; returns its index. */
  append(term: number, type: EntryType, data: Uint8Array): number {
    invariant(term >= this.lastTerm, 'terms never go back in a log');
    const index = this.lastIndex + 1;
    this.#entries.push({ term, index, type, data });
    return index;
  }

  /** Position in `entries` of the first one that this log does not hold; -1 when it holds them all. */
  findNews(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      if (!this.matches(entries[i]!.index, entries[i]!.term)) return i;
    }
    return -1;
  }

  /** Takes `entries[from...]` as the end of the log, in place of whatever stood there. */
  overwrite(entries: readonly Entry[], from: number): void {
    const first = entries[from]!.index;
    invariant(first > this.#committed, 'what is committed stays in the log');
    invariant(first <= this.lastIndex + 1, 'a log has no gap');
    if (first <= this.lastIndex) this.#truncate(first);
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i]!;
      invariant(entry.index === this.lastIndex + 1, 'appended entry must follow the last one');
      invariant(entry.term >= this.lastTerm, 'terms never go back in a log');
      this.#entries.push(entry);
    }
  }

  /**
   * The last entry at or before `index` with a term not above `term`: whoever has an entry of `term` at `index`
   * cannot agree with this log any later. Its term is undefined when it was compacted.
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number | undefined } {
    for (let at = Math.min(index, this.lastIndex); at > 0; at--) {
      const ours = this.termAt(at);
      if (ours === undefined || ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Entries from `first` on, together not above `sizeMax`, but one at least if there is any. */
  slice(first: number, sizeMax: number, last = this.lastIndex): readonly Entry[] {
    invariant(first > this.#snapshotIndex, 'what was compacted cannot be read');
    if (first > last) return noEntries;
    const start = this.#head + first - this.firstIndex;
    const end = this.#head + last - this.#snapshotIndex;
    let at = start;
    for (let size = 0; at < end; at++) {
      size += entrySize(this.#entries[at]!);
      if (size > sizeMax && at > start) break;
    }
    return this.#entries.slice(start, at);
  }

  /** Moves the commit index forward; says whether it moved. */
  commitTo(index: number): boolean {
    if (index <= this.#committed) return false; // It never goes back.
    invariant(index <= this.lastIndex, 'only what is in the log can be committed');
    this.#committed = index;
    return true;
  }

  /** Whether `takeCommitted` has anything. */
  get hasCommitted(): boolean {
    return this.#pendingSnapshot === undefined && Math.min(this.#committed, this.#stable) > this.#applying;
  }

  /** The next entries to apply: committed, and on this node's own disk. */
  takeCommitted(sizeMax: number): readonly Entry[] {
    if (!this.hasCommitted) return noEntries;
    const entries = this.slice(this.#applying + 1, sizeMax, Math.min(this.#committed, this.#stable));
    this.#applying += entries.length;
    invariant(this.#applying <= this.#stable, 'an entry is applied only after it is on disk');
    return entries;
  }

  /** The state machine has applied everything up to `index`. */
  appliedTo(index: number): void {
    invariant(index <= this.#applying, 'only what was handed out can have been applied');
    if (index > this.#applied) this.#applied = index;
  }

  /** Whether `beginWrite` has anything to write. */
  get hasUnwritten(): boolean {
    return (
      this.#handedOut < this.lastIndex || (this.#pendingSnapshot !== undefined && !this.#snapshotHandedOut)
    );
  }

  /** Hands out what is new for the disk, as the next of the writes under way. */
  beginWrite(): { readonly entries: readonly Entry[]; readonly snapshot: Snapshot | undefined } {
    const last = this.lastIndex;
    const isNew = last > this.#handedOut;
    const entries = isNew
      ? this.#entries.slice(this.#head + this.#handedOut - this.#snapshotIndex)
      : noEntries;
    const snapshot = this.#snapshotHandedOut ? undefined : this.#pendingSnapshot;
    this.#writes.push({ last: isNew ? last : 0, snapshotIndex: snapshot?.index ?? 0 });
    this.#handedOut = last;
    this.#snapshotHandedOut = true;
    return { entries, snapshot };
  }

  /** The oldest write under way is on disk. */
  endWrite(): void {
    const write = this.#writes.shift();
    invariant(write !== undefined, 'what ends has begun');
    if (write.last > this.#stable) this.#stable = write.last;
    invariant(this.#stable <= this.#handedOut, 'only what was handed out can be on disk');
    if (write.snapshotIndex === 0) return;
    if (write.snapshotIndex > this.#applied) this.#applied = write.snapshotIndex;
    if (write.snapshotIndex === this.#pendingSnapshot?.index) this.#pendingSnapshot = undefined;
  }

  /** Replaces the whole log by a snapshot that is ahead of it. */
  restore(snapshot: Snapshot): void {
    invariant(snapshot.index > this.#committed, 'a snapshot never takes back what is committed');
    this.#entries = [];
    this.#head = 0;
    this.#snapshotIndex = snapshot.index;
    this.#snapshotTerm = snapshot.term;
    this.#committed = this.#applying = this.#stable = this.#handedOut = snapshot.index;
    this.#pendingSnapshot = snapshot;
    this.#snapshotHandedOut = false;
    for (const write of this.#writes) write.last = 0;
  }

  /** Lets go of the entries up to and including `index`, all of them applied; its term stays known. */
  compact(index: number): void {
    if (index <= this.#snapshotIndex) return;
    invariant(index <= this.#applied, 'what is not applied is still needed');
    const term = this.termAt(index);
    invariant(term !== undefined, 'an applied entry is in the log');
    const head = this.#head + index - this.#snapshotIndex;
    this.#entries.fill(compactedEntry, this.#head, head);
    this.#head = head;
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
    if (this.#head * 2 <= this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Costly checks, for tests and simulation. */
  checkInvariants(): void {
    const installed = this.#pendingSnapshot === undefined;
    invariant(!installed || this.#snapshotIndex <= this.#applied, 'what was compacted is applied');
    invariant(this.#applied <= this.#applying, 'only what was handed out is applied');
    invariant(this.#applying <= this.#committed, 'only what is committed is handed out');
    invariant(this.#applying <= this.#stable, 'only what is on disk is handed out');
    invariant(this.#committed <= this.lastIndex, 'only what is in the log is committed');
    invariant(this.#stable <= this.#handedOut, 'only what was handed out is on disk');
    invariant(this.#handedOut <= this.lastIndex, 'only what is in the log was handed out');
    let term = this.#snapshotTerm;
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      invariant(entry.index === this.firstIndex + i - this.#head, 'a log has no gap');
      invariant(entry.term >= term, 'terms never go back in a log');
      term = entry.term;
    }
    for (const write of this.#writes)
      invariant(write.last <= this.#handedOut, 'a write holds only what is left');
  }

  #entryAt(index: number): Entry | undefined {
    // Never below `#head`: those places hold `compactedEntry`.
    return index > this.#snapshotIndex ? this.#entries[this.#head + index - this.firstIndex] : undefined;
  }

  #truncate(first: number): void {
    this.#entries.length = this.#head + first - this.firstIndex;
    const last = first - 1;
    this.#handedOut = Math.min(this.#handedOut, last);
    this.#stable = Math.min(this.#stable, last);
    for (const write of this.#writes) write.last = Math.min(write.last, last);
  }
}
