import { invariant } from '@quorate/std';
import type { ConfState, Entry, HardState, Message } from '@quorate/wire';
import type { ConfChangeV2 } from './conf-change.ts';
import { toConfState } from './configuration.ts';
import { RaftCore } from './core.ts';
import { acknowledgeOwnVote, campaignIfAllowed } from './election.ts';
import { leaveJointIfDue, propose, proposeConfChange } from './proposals.ts';
import { askLeader, passToLeader } from './reading.ts';
import { applyConfChange, installConfiguration } from './reconfiguration.ts';
import { acknowledgeOwnEntries, flush, handleSnapshotReport, handleUnreachable } from './replication.ts';
import { step } from './step.ts';
import { tick } from './tick.ts';
import { passTransferOn, startTransfer } from './transfer.ts';
import { noNode } from './types.ts';
import type { ProgressStatus, RaftOptions, RaftStatus, Ready, ReadState, SoftState } from './types.ts';

const noMessages: readonly Message[] = [];
const noReadStates: readonly ReadState[] = [];

/**
 * One node of a Raft group. It owns no clock, disk or socket: its owner tells it of time (`tick`), messages
 * (`step`) and wishes (`propose`, `readIndex`, …), and does what it asks for (`ready`):
 *
 *     while (node.hasReady()) {
 *       const ready = node.ready();
 *       send(ready.messages);
 *       await save(ready.snapshot, ready.entries, ready.hardState, ready.mustSync);   // others may overlap
 *       node.advance(ready);
 *       send(ready.messagesAfterPersist);
 *       for (const entry of ready.committedEntries) apply(entry);
 *       node.appliedTo(…);
 *     }
 *
 * Readies are saved and advanced in the order in which they were handed out; any number may be under way. What
 * this node itself contributes to a quorum, its vote and its entries, counts when the Ready that carried it is
 * advanced. Nothing is thrown for what other nodes send; an `InvariantError` is a bug here or in the owner.
 */
export class RaftNode {
  readonly #core: RaftCore;
  readonly #underWay: Ready[] = [];
  #softState: SoftState;
  #hardState: HardState;

  /** @throws RaftOptionsError when the options, or the state found on disk, cannot be */
  constructor(options: RaftOptions) {
    this.#core = new RaftCore(options);
    this.#softState = { leader: noNode, role: 'follower' };
    this.#hardState = { ...options.hardState };
  }

  /** One step of logical time. */
  tick(): void {
    tick(this.#core);
  }

  /**
   * A message from another node; one that makes no sense is passed over. The bytes of its entries belong to the
   * log from here on: whoever decoded them from a larger chunk copies them first.
   */
  step(message: Message): void {
    step(this.#core, message);
  }

  /**
   * Proposes a normal entry. Says false when it is dropped: no leader is known, the leader hands over or has
   * reached its limit. True promises nothing but an attempt. The bytes belong to the log from here on.
   */
  propose(data: Uint8Array): boolean {
    return propose(this.#core, [data]);
  }

  /** `propose` for a batch: all of them, or none. */
  proposeMany(datas: readonly Uint8Array[]): boolean {
    return propose(this.#core, datas);
  }

  /**
   * Proposes a raftpb.ConfChange (type 1) or ConfChangeV2 (type 2). Says false, too, when an earlier change is
   * not applied yet or the change cannot be made; a leader elsewhere turns it into an empty entry then.
   */
  proposeConfChange(entryType: 1 | 2, data: Uint8Array): boolean {
    return proposeConfChange(this.#core, entryType, data);
  }

  /**
   * Switches to the configuration that an applied entry leads to, and returns it. `noConfChange` changes
   * nothing, for an entry that the owner refuses.
   *
   * @throws ConfChangeError when the change cannot be made to the current configuration
   */
  applyConfChange(change: ConfChangeV2): ConfState {
    return applyConfChange(this.#core, change);
  }

  /**
   * Asks for an index that a linearizable read has to wait for. The answer comes as a `ReadState` with this
   * context, or never: when no leader is known, when leadership changes, when a message is lost. Whoever asks
   * again must use another context.
   */
  readIndex(context: Uint8Array): void {
    const read = { from: this.#core.id, context };
    if (this.#core.role === 'leader') askLeader(this.#core, read);
    else passToLeader(this.#core, read);
  }

  /** Campaigns now instead of when time is up; nothing happens if this node must not. */
  campaign(): void {
    campaignIfAllowed(this.#core, 'silence');
  }

  /** Asks the leader, wherever it is, to hand over to a voter. */
  transferLeadership(to: bigint): void {
    if (this.#core.role === 'leader') startTransfer(this.#core, to);
    else passTransferOn(this.#core, { from: to });
  }

  /** A follower takes its leader for gone, and grants its vote at once to who asks for it. */
  forgetLeader(): void {
    if (this.#core.role === 'follower') this.#core.leader = noNode;
  }

  /** The transport lost what it had for a node. */
  reportUnreachable(id: bigint): void {
    const progress = this.#core.role === 'leader' ? this.#core.tracker.get(id) : undefined;
    if (progress !== undefined) handleUnreachable(progress);
  }

  /** The transport is done with a MsgSnap, well or not. Without this the follower gets nothing more. */
  reportSnapshot(id: bigint, ok: boolean): void {
    const progress = this.#core.role === 'leader' ? this.#core.tracker.get(id) : undefined;
    if (progress !== undefined) handleSnapshotReport(progress, ok);
  }

  /** Whether `ready` has anything to hand out. */
  hasReady(): boolean {
    const core = this.#core;
    if (core.appendDue || core.heartbeatDue) flush(core);
    return (
      core.messages.length > 0 ||
      core.messagesAfterPersist.length > 0 ||
      core.readStates.length > 0 ||
      core.log.hasUnwritten ||
      core.log.hasCommitted ||
      this.#hasNewHardState() ||
      this.#hasNewSoftState()
    );
  }

  /** Hands out everything new since the last call, each thing once. To be saved, then passed to `advance`. */
  ready(): Ready {
    const core = this.#core;
    flush(core);
    const { entries, snapshot } = core.log.beginWrite();
    const isNewSoftState = this.#hasNewSoftState();
    if (isNewSoftState) this.#softState = { leader: core.leader, role: core.role };
    const isNewHardState = this.#hasNewHardState();
    const isNewTermOrVote = core.term !== this.#hardState.term || core.vote !== this.#hardState.vote;
    if (isNewHardState) this.#hardState = { term: core.term, vote: core.vote, commit: core.log.committed };
    const ready: Ready = {
      ...(isNewSoftState && { softState: this.#softState }),
      ...(isNewHardState && { hardState: this.#hardState }),
      ...(snapshot !== undefined && { snapshot }),
      entries,
      mustSync: entries.length > 0 || snapshot !== undefined || isNewTermOrVote,
      messages: core.messages.length > 0 ? core.messages : noMessages,
      messagesAfterPersist: core.messagesAfterPersist.length > 0 ? core.messagesAfterPersist : noMessages,
      committedEntries: core.log.takeCommitted(core.settings.maxCommittedSizePerReady),
      readStates: core.readStates.length > 0 ? core.readStates : noReadStates,
    };
    if (core.messages.length > 0) core.messages = [];
    if (core.messagesAfterPersist.length > 0) core.messagesAfterPersist = [];
    if (core.readStates.length > 0) core.readStates = [];
    invariant(
      this.#hardState.commit <= core.log.lastIndex,
      'a commit index never reaches the disk before its entry',
    );
    this.#underWay.push(ready);
    return ready;
  }

  /**
   * What `ready` asked to persist is on disk. Readies come here in the order in which they were handed out. A
   * snapshot is installed by then, in the state machine too: no entry it covers may be applied any more.
   */
  advance(ready: Ready): void {
    invariant(this.#underWay[0] === ready, 'Readies are advanced in the order in which they were handed out');
    this.#underWay.shift();
    const core = this.#core;
    core.log.endWrite();
    const { hardState, snapshot } = ready;
    if (snapshot !== undefined) installConfiguration(core, snapshot);
    if (hardState?.vote === core.id && hardState.term === core.term) acknowledgeOwnVote(core);
    if (core.role === 'leader') acknowledgeOwnEntries(core);
  }

  /** The state machine has applied everything up to `index`. */
  appliedTo(index: number): void {
    this.#core.log.appliedTo(index);
    leaveJointIfDue(this.#core);
  }

  /** Lets go of the entries in memory up to `index`, which must be applied; its term stays known. */
  compact(index: number): void {
    this.#core.log.compact(index);
  }

  /** Term of the entry at `index`, for a snapshot; undefined when it was compacted or does not exist. */
  termAt(index: number): number | undefined {
    return this.#core.log.termAt(index);
  }

  /** Entries from `first` to `last` that are in memory, in all not above `sizeMax` bytes but one at least. */
  entries(first: number, last: number, sizeMax = Infinity): readonly Entry[] {
    return this.#core.log.slice(first, sizeMax, last);
  }

  /** A look at this node. Made for each call: not for the hot path. */
  get status(): RaftStatus {
    const { id, role, term, vote, leader, log, tracker, leadTransferee, ignoredMessageCount } = this.#core;
    return {
      ...{ id, role, term, vote, leader, leadTransferee, ignoredMessageCount },
      commit: log.committed,
      applied: log.applied,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      stableIndex: log.stable,
      confState: toConfState(tracker.config),
      progress: role === 'leader' ? progressOf(this.#core) : undefined,
    };
  }

  /** The node this one takes for the leader, 0n when it knows none. */
  get leader(): bigint {
    return this.#core.leader;
  }

  get isLeader(): boolean {
    return this.#core.role === 'leader';
  }

  get term(): number {
    return this.#core.term;
  }

  get commit(): number {
    return this.#core.log.committed;
  }

  /** Index of a snapshot that came from the leader and is not installed yet; 0 when there is none. */
  get pendingSnapshotIndex(): number {
    return this.#core.log.pendingSnapshot?.index ?? 0;
  }

  /** Costly checks, for tests and simulation. @throws InvariantError */
  checkInvariants(): void {
    this.#core.checkInvariants();
    invariant(this.#hardState.term <= this.#core.term, 'the term on disk is not ahead');
    invariant(this.#hardState.commit <= this.#core.log.committed, 'the commit index never goes back');
  }

  #hasNewHardState(): boolean {
    const { term, vote, log } = this.#core;
    const last = this.#hardState;
    return log.committed !== last.commit || term !== last.term || vote !== last.vote;
  }

  #hasNewSoftState(): boolean {
    return this.#core.leader !== this.#softState.leader || this.#core.role !== this.#softState.role;
  }
}

function progressOf(core: RaftCore): ReadonlyMap<bigint, ProgressStatus> {
  const all = new Map<bigint, ProgressStatus>();
  for (const [id, progress] of core.tracker.members) all.set(id, progress.status());
  return all;
}
