import type { Random } from '@quorate/std';
import type { ConfState, Entry, HardState, Message, Snapshot } from '@quorate/wire';

/** What a node takes itself for (Raft thesis, figure 3.3; the pre-candidate is §9.6's). */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** No node: the vote of who has not voted, the leader while none is known. */
export const noNode = 0n;

/** How a `RaftNode` starts and behaves. Sizes are in bytes, times in ticks. */
export interface RaftOptions {
  readonly id: bigint;
  /** A follower that hears nothing for this many ticks, up to twice as many, campaigns. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly random: Random;
  /** Found on disk; `{ term: 0, vote: 0n, commit: 0 }` when new. */
  readonly hardState: HardState;
  /** Where the log begins; index 0 when there never was a snapshot. */
  readonly snapshot: { readonly index: number; readonly term: number; readonly confState: ConfState };
  /** All entries on disk after `snapshot.index`, in order. */
  readonly entries: readonly Entry[];
  /** What the state machine has already applied; at least `snapshot.index`. */
  readonly applied: number;
  /** The configuration as of `applied`; by default that of the snapshot. */
  readonly confState?: ConfState;
  /** Ask before raising the term (§9.6). Default true. */
  readonly preVote?: boolean;
  /** Step down when a quorum falls silent, and honour the lease of a leader (§6.2, §4.2.3). Default true. */
  readonly checkQuorum?: boolean;
  /** A leader that a change removed steps down once it applied it. Default false, as etcd has it. */
  readonly stepDownOnRemoval?: boolean;
  /** Bytes of entries in one MsgApp; one entry always fits. Default 1 MiB. */
  readonly maxSizePerMessage?: number;
  /** MsgApps under way to one follower. Default 512. */
  readonly maxInflightMessages?: number;
  /** Bytes of entries under way to one follower. Default unlimited. */
  readonly maxInflightSize?: number;
  /** Bytes proposed and not yet committed; beyond it `propose` refuses. Default unlimited. */
  readonly maxUncommittedSize?: number;
  /** Bytes of `committedEntries` in one Ready; one entry always fits. Default 1 MiB. */
  readonly maxCommittedSizePerReady?: number;
  /** Reads waiting for a quorum or for the term's first commit; beyond it they are dropped. Default 10,000. */
  readonly maxPendingReads?: number;
  /**
   * The newest snapshot, for a follower that needs entries which were compacted; called while a message is
   * made. `undefined` says "not now": the leader asks again after the follower's next sign of life. Its index
   * must be applied and not below what was compacted.
   */
  readonly takeSnapshot?: () => Snapshot | undefined;
}

/** The answer to `readIndex`: a state machine that applied `index` may serve the read. */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

/** What needs no disk. */
export interface SoftState {
  /** `0n` when none is known. */
  readonly leader: bigint;
  readonly role: Role;
}

/** Everything new since the last Ready, each thing handed out once. */
export interface Ready {
  /** When changed. */
  readonly softState?: SoftState;
  /** When changed: to persist. */
  readonly hardState?: HardState;
  /** To append to the log on disk; the first one may overwrite a suffix that conflicts. */
  readonly entries: readonly Entry[];
  /** To install, on disk and in the state machine, before the entries; it replaces the whole log. */
  readonly snapshot?: Snapshot;
  /** Whether the disk must be synced before `advance`; a new commit index alone may be lost. */
  readonly mustSync: boolean;
  /** May leave at once, beside the disk. */
  readonly messages: readonly Message[];
  /** May leave only when this Ready's state, and that of all Readies before it, is on disk. */
  readonly messagesAfterPersist: readonly Message[];
  /** To apply, in order. All of them are stable in this node's own log. */
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
}

/** How entries flow to one follower. */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What the leader knows of one member. */
export interface ProgressStatus {
  readonly id: bigint;
  readonly state: ProgressState;
  readonly match: number;
  readonly next: number;
  readonly learner: boolean;
  readonly recentActive: boolean;
  readonly paused: boolean;
  readonly inflightCount: number;
  /** Index of the snapshot under way, 0 when none is. */
  readonly pendingSnapshot: number;
}

/** A look at a node. */
export interface RaftStatus {
  readonly id: bigint;
  readonly role: Role;
  readonly term: number;
  readonly vote: bigint;
  readonly leader: bigint;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Last index that this node knows to be on its own disk. */
  readonly stableIndex: number;
  readonly leadTransferee: bigint;
  readonly confState: ConfState;
  /** Messages that were no sense and were passed over, since the start. */
  readonly ignoredMessageCount: number;
  /** Of every member, the node itself included; undefined unless leader. */
  readonly progress: ReadonlyMap<bigint, ProgressStatus> | undefined;
}
