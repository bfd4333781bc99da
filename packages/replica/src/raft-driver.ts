import { noNode, type RaftNode, type Ready } from '@quorate/raft';
import { invariant, type Clock } from '@quorate/std';
import type { Wal } from '@quorate/wal';
import type { Entry, HardState, Message, WalSnapshot } from '@quorate/wire';

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
  /** Never wait for the disk: for tests that need no durability. */
  readonly unsafeNoFsync: boolean;
}

/**
 * The loop between raft and the log. One turn takes all that was proposed since the last one:
 *
 *     proposals of a turn -> raft -> Ready -> one write and one sync -> advance -> commit -> apply -> answers
 *                                      |                                  ^
 *                                      +-- messages that promise nothing -+-- messages that promise what was synced
 *
 * One sync is in flight at a time; what arrives meanwhile forms the next batch (group commit). Committed
 * entries are applied while the next batch is being written.
 *
 * 1. Nothing that promises durability (a vote, an append answer, a commit that counts this member) leaves
 *    before the sync that covers it returned: `advance` is called only then.
 * 2. Readies are advanced in the order in which raft handed them out.
 * 3. After an error of the disk nothing is advanced, applied or answered any more.
 */
export class RaftDriver {
  readonly #options: RaftDriverOptions;
  /** Proposals of this turn. Their bound is that of the waiters: nobody proposes without being one. */
  #proposals: Uint8Array[] = [];
  /** Readies handed out and not yet being written. */
  #unsaved: Ready[] = [];
  /** A new commit index that is not in the log yet. It may be lost, so it waits for the next write. */
  #commitOnly: HardState | undefined;
  #marks: { mark: WalSnapshot; done: () => void }[] = [];
  #saving: Promise<void> | undefined;
  #turnIsDue = false;
  #stopped = false;

  constructor(options: RaftDriverOptions) {
    this.#options = options;
  }

  /** Proposes at the end of this turn of the event loop, with all else that was proposed in it. */
  propose(data: Uint8Array): void {
    this.#proposals.push(data);
    this.wake();
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
      this.#flushProposals();
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

  #flushProposals(): void {
    if (this.#proposals.length === 0) return;
    // Without a leader proposals wait here; their waiters time out in their own time.
    if (this.#options.node.leader === noNode) return;
    const proposals = this.#proposals;
    this.#proposals = [];
    // A dropped batch (leadership is moving) is answered by the time-out, as etcd does.
    this.#options.node.proposeMany(proposals);
  }

  #pump(): void {
    const { node, apply, onReadState, onSoftState, send } = this.#options;
    let committed: (readonly Entry[])[] = [];
    while (node.hasReady()) {
      const ready = node.ready();
      if (ready.softState !== undefined) onSoftState(ready.softState);
      if (ready.messages.length > 0) send(ready.messages);
      this.#unsaved.push(ready);
      if (ready.committedEntries.length > 0) committed.push(ready.committedEntries);
      for (const { index, context } of ready.readStates) onReadState(index, context);
      if (committed.length > 0 && !node.hasReady()) {
        // The disk works on the next batch while this one is applied.
        this.#startSaving();
        for (const entries of committed) this.#apply(entries, apply);
        committed = [];
      }
    }
    this.#startSaving();
  }

  #apply(entries: readonly Entry[], apply: (entries: readonly Entry[]) => void): void {
    apply(entries);
    this.#options.node.appliedTo(entries[entries.length - 1]!.index);
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
    for (const { mark, done } of marks) {
      await wal.saveSnapshot(mark);
      done();
    }
    if (this.#stopped) return;
    for (const ready of readies) this.#advance(ready);
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
  invariant(ready.snapshot === undefined, 'a single member is sent no snapshot');
  return ready.mustSync || ready.entries.length > 0;
}

/** Several Readies as one write. A later one may overwrite a suffix of an earlier one: the log allows that. */
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
    for (const entry of ready.entries) entries.push(entry);
  }
  return { hardState, entries, mustSync };
}
