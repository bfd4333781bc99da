import { invariant } from '@quorate/std';
import type { Message } from '@quorate/wire';
import type { RaftLog } from './log.ts';
import { isTermless, makeMessage, speaksOfDisk } from './messages.ts';
import { configurationFrom, logFrom, settingsFrom } from './options.ts';
import type { Settings } from './options.ts';
import { ReadQueue } from './read-queue.ts';
import { Tracker } from './tracker.ts';
import { noNode } from './types.ts';
import type { RaftOptions, ReadState, Role } from './types.ts';

/**
 * The state of one node, and what all of its roles do with it: change role, send. What each role makes of ticks
 * and messages stands in the files named after it: `election`, `following`, `replication`, `reading`, and so on.
 */
export class RaftCore {
  readonly id: bigint;
  readonly settings: Settings;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly reads: ReadQueue;

  term: number;
  vote: bigint;
  role: Role = 'follower';
  leader = noNode;

  /** Answers to this candidate's requests, its own included. */
  readonly votes = new Map<bigint, boolean>();
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;

  // Of a leader:
  leadTransferee = noNode;
  /** No further configuration change is taken while the one at or below this index is not applied. */
  pendingConfIndex = 0;
  uncommittedSize = 0;
  /** Followers are to be told of new entries or a new commit index, once this turn is over. */
  appendDue = false;
  /** Followers are to hear a heartbeat, once this turn is over. */
  heartbeatDue = false;

  // Gathered for the next Ready:
  messages: Message[] = [];
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];
  ignoredMessageCount = 0;

  constructor(options: RaftOptions) {
    this.settings = settingsFrom(options);
    this.id = options.id;
    this.log = logFrom(options);
    // A crash can leave new entries on disk without the term that came with them. A vote in that term would
    // have been on disk before it left, so there was none.
    const isTorn = this.log.lastTerm > options.hardState.term;
    this.term = isTorn ? this.log.lastTerm : options.hardState.term;
    this.vote = isTorn ? noNode : options.hardState.vote;
    this.tracker = new Tracker(this.id, configurationFrom(options), {
      count: this.settings.maxInflightMessages,
      size: this.settings.maxInflightSize,
    });
    this.reads = new ReadQueue(this.settings.maxPendingReads);
    this.becomeFollower(this.term, noNode);
  }

  /** A voter of either half that may campaign, since it has its whole log. */
  get isPromotable(): boolean {
    const self = this.tracker.self;
    return self !== undefined && !self.learner && this.log.pendingSnapshot === undefined;
  }

  /** A leader was heard of so lately that no other can be wanted (Raft thesis §4.2.3). */
  get isInLease(): boolean {
    return (
      this.settings.checkQuorum &&
      this.leader !== noNode &&
      this.electionElapsed < this.settings.electionTicks
    );
  }

  /** A follower in `term`, of `leader` or of nobody known. */
  becomeFollower(term: number, leader: bigint): void {
    this.startRole('follower', term);
    this.leader = leader;
  }

  /** What every change of role begins with. A vote belongs to its term. */
  startRole(role: Role, term: number): void {
    invariant(term >= this.term, 'the term of a node never goes back');
    if (term > this.term) {
      this.term = term;
      this.vote = noNode;
    }
    this.role = role;
    this.leader = noNode;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    // Drawn anew each time, so that two nodes do not time out together for ever (§3.4).
    this.electionTimeout =
      this.settings.electionTicks + this.settings.random.below(this.settings.electionTicks);
    this.votes.clear();
    this.leadTransferee = noNode;
    this.pendingConfIndex = 0;
    this.uncommittedSize = 0;
    this.appendDue = false;
    this.heartbeatDue = false;
    this.reads.clear();
  }

  /** Puts a message in the right box; by default of this node's term. */
  send(fields: Pick<Message, 'type' | 'to'> & Partial<Message>): void {
    invariant(fields.to !== noNode, 'a message has a receiver');
    invariant(fields.to !== this.id, 'a node needs no message to itself');
    const message = makeMessage({
      ...fields,
      from: fields.from ?? this.id,
      term: isTermless(fields.type) ? 0 : (fields.term ?? this.term),
    });
    (speaksOfDisk(message.type) ? this.messagesAfterPersist : this.messages).push(message);
  }

  /** Costly checks, for tests and simulation. */
  checkInvariants(): void {
    this.log.checkInvariants();
    this.tracker.checkInvariants();
    invariant(this.log.lastTerm <= this.term, 'the log is never of a later term than the node');
    invariant(this.role !== 'candidate' || this.vote === this.id, 'a candidate votes for itself');
    invariant(!this.role.endsWith('andidate') || this.leader === noNode, 'a candidate knows no leader');
    invariant((this.leader === this.id) === (this.role === 'leader'), 'only the leader takes itself for one');
    invariant(this.reads.count === 0 || this.role === 'leader', 'only a leader keeps reads waiting');
    invariant(this.electionElapsed < this.settings.electionTicks * 2 + 1, 'a timeout is acted upon');
    if (this.role !== 'leader') return;
    invariant(this.vote === this.id, 'a leader voted for itself');
    invariant(this.log.pendingSnapshot === undefined, 'a leader has its whole log');
    for (const progress of this.tracker.members.values()) progress.checkInvariants(this.log.lastIndex);
    const self = this.tracker.self;
    invariant(self === undefined || self.match === this.log.stable, 'a leader counts what is on its disk');
  }
}
