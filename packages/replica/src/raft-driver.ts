import { noNode, type RaftNode, type Ready } from '@quorate/raft';
import { invariant, type Clock } from '@quorate/std';
import type { Wal } from '@quorate/wal';
import type { Entry, HardState, Message, Snapshot, WalSnapshot } from '@quorate/wire';
import { ProposalQueue } from './proposal-queue.ts';

/** What the driver turns between: the core, the log, and those who hear of it. */
export interface RaftDriverOptions {
  readonly node: RaftNode;
  readonly wal: Wal;
  readonly clock: Clock;
  /** Applies committed entries, in order, synchronously. */
  readonly apply: (entries: readonly Entry[]) => void;
  readonly onReadState: (index: number, context: Uint8Array) => void;
  readonly onSoftState: (state: NonNullable<Ready['softState']>) => void;
  readonly send: (messages: readonly Message[]) => void;
  /** Told before each turn hands its proposals to the core. */
  readonly onTurn: () => void;
  readonly onSaved: (event: { readonly durationMs: number; readonly entries: number }) => void;
  readonly onFatal: (error: unknown) => void;
  /** Whether somebody still waits for what a proposal comes to. */
  readonly isAwaited: (suffix: number) => boolean;
  readonly snapshots: SnapshotInstaller;
  /** Never wait for the disk: for tests that need no durability. */
  readonly unsafeNoFsync: boolean;
}

/** How a snapshot that the leader sent becomes this member's state. */
export interface SnapshotInstaller {
  /** Before the log speaks of it: makes what was received survive a crash. */
  seal(snapshot: Snapshot): Promise<void>;
  /** After the log speaks of it: puts it in the place of store and state. */
  install(snapshot: Snapshot): Promise<void>;
}

/** How long entries are applied in one go while others wait for their turn. */
const applySliceMs = 10;

/**
 * The loop between raft and the log. One turn takes all that was proposed and heard since the last one:
 *
 *     proposals, messages -> raft -> Ready -> one write and one sync -> advance -> commit -> apply -> answers
 *                                      |                                  ^
 *                                      +-- messages that promise nothing -+-- messages that promise what was synced
 *
 * One sync is in flight at a time; what arrives meanwhile forms the next batch (group commit). A leader's
 * appends leave beside its own sync (Raft thesis §10.2.1). Committed entries are applied while the next batch
 * is being written.
 *
 * 1. Nothing that promises durability (a vote, an append answer, a commit that counts this member) leaves
 *    before the sync that covers it returned: `advance` is called only then.
 * 2. Readies are advanced in the order in which raft handed them out.
 * 3. After an error of the disk nothing is advanced, applied or answered any more.
 * 4. A snapshot is sealed, then in the log, then installed, then advanced: whatever a crash leaves, log and
 *    store fit together.
 */
export class RaftDriver {
  readonly #options: RaftDriverOptions;
  readonly #proposals: ProposalQueue;
  /** Readies handed out and not yet being written. */
  #unsaved: Ready[] = [];
  /** Committed entries not yet applied. */
  #committed: (readonly Entry[])[] = [];
  /** A new commit index that is not in the log yet. It may be lost, so it waits for the next write. */
  #commitOnly: HardState | undefined;
  #marks: { mark: WalSnapshot; done: () => void }[] = [];
  /** Of the newest snapshot of a leader that is in the log. */
  #snapshotIndex = 0;
  #saving: Promise<void> | undefined;
  #turnIsDue = false;
  #stopped = false;

  constructor(options: RaftDriverOptions) {
    this.#options = options;
    this.#proposals = new ProposalQueue(options);
  }

  /**
   * Proposes at the end of this turn of the event loop, with all else that was proposed in it. Without a leader
   * it waits until there is one, as long as somebody waits for its outcome. One with `onlyInTerm` is dropped
   * unless this node leads in that term.
   */
  propose(data: Uint8Array, suffix: number, onlyInTerm?: number): void {
    this.#proposals.add(data, suffix, onlyInTerm);
    this.wake();
  }

  /** Proposes a change of a member, now; false when it cannot be taken. */
  proposeConfChange(data: Uint8Array): boolean {
    const { node } = this.#options;
    if (this.#stopped || node.leader === noNode) return false;
    const isTaken = node.proposeConfChange(1, data);
    this.wake();
    return isTaken;
  }

  /** Makes sure that a turn comes. */
  wake(): void {
    if (this.#turnIsDue || this.#stopped) return;
    this.#turnIsDue = true;
    this.#options.clock.soon(() => {
      this.#turnIsDue = false;
      this.turn();
    });
  }

  /** One turn, now. */
  turn(): void {
    if (this.#stopped) return;
    try {
      this.#options.onTurn();
      this.#proposals.flush();
      this.#pump();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Writes the mark of a snapshot into the log; resolves when it is on disk. */
  saveSnapshotMark(mark: WalSnapshot): Promise<void> {
    return new Promise((done) => {
      this.#marks.push({ mark, done });
      this.wake();
    });
  }

  /** Ends the loop after the write under way. What was not acknowledged may or may not be in the log. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#saving;
  }

  /** After `stop`, unless the log has failed: a restart then knows the commit index and replays less. */
  async saveCommit(): Promise<void> {
    invariant(this.#stopped && this.#saving === undefined, 'the loop has ended');
    const hardState = this.#commitOnly;
    this.#commitOnly = undefined;
    if (hardState !== undefined) await this.#options.wal.save({ hardState, entries: [], sync: true });
  }

  #pump(): void {
    const { node, clock, onReadState, onSoftState, send } = this.#options;
    const startedAtMs = clock.now();
    for (;;) {
      while (node.hasReady()) {
        const ready = node.ready();
        if (ready.softState !== undefined) onSoftState(ready.softState);
        if (ready.messages.length > 0) send(ready.messages);
        this.#unsaved.push(ready);
        if (ready.committedEntries.length > 0) this.#committed.push(ready.committedEntries);
        for (const { index, context } of ready.readStates) onReadState(index, context);
      }
      // The disk works on the next batch while this one is applied.
      this.#startSaving();
      const entries = this.#committed.shift();
      if (entries === undefined) {
        if (!node.hasReady()) return;
        continue;
      }
      this.#apply(entries);
      if (clock.now() - startedAtMs > applySliceMs) return this.wake();
    }
  }

  /** Entries handed out before the snapshot came; raft hands out none while it is pending. */
  #applyRest(): void {
    for (const entries of this.#committed.splice(0)) if (!this.#stopped) this.#apply(entries);
  }

  #apply(entries: readonly Entry[]): void {
    this.#options.apply(entries);
    if (!this.#stopped) this.#options.node.appliedTo(entries[entries.length - 1]!.index);
  }

  #startSaving(): void {
    if (this.#saving !== undefined || this.#stopped) return;
    this.#advanceWhatNeedsNoDisk();
    if (this.#unsaved.length === 0 && this.#marks.length === 0) return;
    const readies = this.#unsaved;
    const marks = this.#marks;
    this.#unsaved = [];
    this.#marks = [];
    this.#saving = this.#save(readies, marks).then(
      () => {
        this.#saving = undefined;
        this.turn();
      },
      (error: unknown) => {
        this.#saving = undefined;
        this.#fail(error);
      },
    );
  }

  #advanceWhatNeedsNoDisk(): void {
    const first = this.#unsaved.findIndex(needsDisk);
    const count = first < 0 ? this.#unsaved.length : first;
    for (const ready of this.#unsaved.splice(0, count)) {
      this.#commitOnly = ready.hardState ?? this.#commitOnly;
      this.#advance(ready);
    }
  }

  async #save(
    readies: readonly Ready[],
    marks: readonly { mark: WalSnapshot; done: () => void }[],
  ): Promise<void> {
    const { wal } = this.#options;
    // A snapshot replaces the log, so it is written between what came before it and what came after.
    let from = 0;
    for (let at = 0; at < readies.length; at++) {
      const { snapshot } = readies[at]!;
      if (snapshot === undefined) continue;
      await this.#saveBatch(readies.slice(from, at));
      await this.#saveSnapshot(readies[at]!, snapshot);
      from = at + 1;
    }
    await this.#saveBatch(readies.slice(from));
    for (const { mark, done } of marks) {
      // One below a snapshot that came meanwhile would point to where the log has a gap.
      if (mark.index > this.#snapshotIndex) await wal.saveSnapshot(mark);
      done();
    }
  }

  async #saveBatch(readies: readonly Ready[]): Promise<void> {
    const { wal, clock, onSaved, unsafeNoFsync } = this.#options;
    const batch = join(readies, this.#commitOnly);
    this.#commitOnly = undefined;
    const startedAtMs = clock.now();
    if (batch.hardState !== undefined || batch.entries.length > 0) {
      await wal.save({
        entries: batch.entries,
        sync: batch.mustSync && !unsafeNoFsync,
        ...(batch.hardState !== undefined && { hardState: batch.hardState }),
      });
      onSaved({ durationMs: clock.now() - startedAtMs, entries: batch.entries.length });
    }
    if (this.#stopped) return;
    for (const ready of readies) this.#advance(ready);
  }

  async #saveSnapshot(ready: Ready, snapshot: Snapshot): Promise<void> {
    const { wal, snapshots } = this.#options;
    const { index, term, confState } = snapshot;
    await snapshots.seal(snapshot);
    await wal.saveSnapshot({ index, term, confState });
    this.#snapshotIndex = index;
    // The mark counts from the commit index on that covers it.
    const hardState = ready.hardState ?? this.#commitOnly;
    this.#commitOnly = undefined;
    await wal.save({ entries: ready.entries, sync: true, ...(hardState !== undefined && { hardState }) });
    this.#applyRest();
    if (this.#stopped) return;
    await snapshots.install(snapshot);
    if (!this.#stopped) this.#advance(ready);
  }

  #advance(ready: Ready): void {
    if (ready.messagesAfterPersist.length > 0) this.#options.send(ready.messagesAfterPersist);
    this.#options.node.advance(ready);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.onFatal(error);
  }
}

function needsDisk(ready: Ready): boolean {
  return ready.mustSync || ready.entries.length > 0;
}

/**
 * Several Readies as one write. A later one may replace a suffix of an earlier one, which then need not be written
 * at all. Its acknowledgement still leaves, in the older term, and harms nobody: that a leader was elected who
 * replaces these entries shows that no quorum had them, and none of its voters can get them in the older term any
 * more (Raft thesis §3.6.3).
 */
function join(
  readies: readonly Ready[],
  commitOnly: HardState | undefined,
): { hardState: HardState | undefined; entries: readonly Entry[]; mustSync: boolean } {
  if (readies.length === 1) {
    const only = readies[0]!;
    return { hardState: only.hardState ?? commitOnly, entries: only.entries, mustSync: only.mustSync };
  }
  let hardState = commitOnly;
  let mustSync = false;
  const entries: Entry[] = [];
  for (const ready of readies) {
    hardState = ready.hardState ?? hardState;
    mustSync ||= ready.mustSync;
    const first = ready.entries[0]?.index ?? Infinity;
    while (entries.length > 0 && entries[entries.length - 1]!.index >= first) entries.pop();
    for (const entry of ready.entries) entries.push(entry);
  }
  return { hardState, entries, mustSync };
}
