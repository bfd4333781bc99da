import { invariant } from '@quorate/std';
import { Inflights } from './inflights.ts';
import type { ProgressState, ProgressStatus } from './types.ts';

/**
 * What the leader knows of one member, and how entries flow to it.
 *
 *     probe      --accepted--------> replicate    one append at a time, to find where the logs part
 *     replicate  --rejected--------> probe        a pipeline: `next` runs ahead of `match`
 *     any        --compacted-------> snapshot     nothing is sent until the snapshot has arrived
 *     snapshot   --arrived, failed-> probe
 *
 * Invariant: match < next. Up to `match` the member's log is known to be that of the leader, on its disk.
 */
export class Progress {
  readonly id: bigint;
  match = 0;
  next: number;
  state: ProgressState = 'probe';
  learner = false;
  /** Heard of since the leader last checked its quorum. */
  recentActive = false;
  /** Nothing is sent before the next sign of life: a probe is out, or the window is full. */
  flowPaused = false;
  /** Index of the snapshot under way; meant only in state snapshot. */
  pendingSnapshot = 0;
  /** Highest commit index this member was told of (in this term, in this state). */
  sentCommit = 0;
  /** Newest read round that this member has acknowledged. */
  readPosition = 0;
  readonly inflights: Inflights;

  constructor(id: bigint, next: number, window: { readonly count: number; readonly size: number }) {
    this.id = id;
    this.next = next;
    this.inflights = new Inflights(window);
  }

  /** Back to what a new leader knows: nothing, save that its own log may well be everybody's. */
  reset(match: number, next: number): void {
    invariant(match < next, 'what matches was sent');
    this.#enter('probe');
    this.match = match;
    this.next = next;
    this.recentActive = false;
    this.readPosition = 0;
  }

  get paused(): boolean {
    return this.state === 'snapshot' || this.flowPaused;
  }

  /** To find out where the logs part, or whether a snapshot has arrived. */
  becomeProbe(): void {
    const arrived = this.state === 'snapshot' ? this.pendingSnapshot : 0;
    this.#enter('probe');
    this.next = Math.max(this.match, arrived) + 1;
  }

  /** The logs are known to agree up to `match`: entries may stream. */
  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  /** A snapshot is on its way; entries follow after it. */
  becomeSnapshot(index: number): void {
    invariant(index > this.match, 'who has it all needs no snapshot');
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** An append of `count` entries and `size` bytes was sent from `next` on. */
  sentAppend(count: number, size: number): void {
    invariant(!this.paused, 'a paused member is sent nothing');
    if (this.state === 'probe') {
      this.flowPaused = true;
      return;
    }
    if (count > 0) {
      this.next += count;
      this.inflights.add(this.next - 1, size);
    }
    this.flowPaused = this.inflights.full;
  }

  /** The member has everything up to `index`. Says whether that is news. */
  acceptedTo(index: number): boolean {
    if (index <= this.match) return false; // Late or doubled: what is known stays known.
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * The member rejected an append after `rejected` and suggests that the logs may agree at `hint`. Says
   * whether that was news; an answer to an earlier append is not.
   */
  rejectedAt(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.flowPaused = false;
    return true;
  }

  status(): ProgressStatus {
    const { id, state, match, next, learner, recentActive, paused, pendingSnapshot } = this;
    return {
      ...{ id, state, match, next, learner, recentActive, paused, pendingSnapshot },
      inflightCount: this.inflights.count,
    };
  }

  checkInvariants(lastIndex: number): void {
    invariant(this.match < this.next, 'what matches was sent');
    invariant(this.match <= lastIndex, 'nobody has more of the log than its leader');
    invariant(this.next <= lastIndex + 1, 'what does not exist cannot have been sent');
    invariant(this.state === 'replicate' || this.inflights.count === 0, 'only a pipeline has a window');
    invariant((this.state === 'snapshot') === this.pendingSnapshot > 0, 'a snapshot under way has an index');
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    // A commit index told during a pipeline may have been lost with it.
    this.sentCommit = Math.min(this.sentCommit, this.match);
    this.inflights.clear();
  }
}
