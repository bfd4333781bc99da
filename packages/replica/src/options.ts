import type { AuthErrorCode, LoginGuarding, Passwords, SignedTokens } from '@quorate/auth';
import type { PeerHost, PeerMember, PeerNetwork } from '@quorate/peer';
import type { Backend, Clock, Random } from '@quorate/std';
import type { Disk } from '@quorate/wal';
import type { Entry, RangeRequest } from '@quorate/wire';

/** What a member is made of, and how it behaves. Everything it touches of the world comes in here. */
export interface ReplicaOptions {
  /** Where the log lies, and the disk it lies on. */
  readonly disk: Disk;
  readonly walDir: string;
  /** Where `.snap` files and snapshots on their way in lie; by default the sibling `snap` of the log. */
  readonly snapDir?: string;
  /**
   * The file that an image of the store is left in at the end, so that the next start need not read all rows. It
   * belongs beside the rows, in whose place others must not be put without it. None when left out.
   */
  readonly imagePath?: string;
  /** The durable store; the replica closes it. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;

  readonly name: string;
  /** `name=url` pairs of a new cluster, as `--initial-cluster`. */
  readonly initialCluster: string;
  readonly clusterToken: string;
  /** `existing` joins the cluster in `runningCluster`; by default the cluster is new. Only for an empty log. */
  readonly initialClusterState?: 'new' | 'existing';
  /** What a running cluster with these peer URLs says of itself, if there is one. */
  readonly runningCluster?: RunningCluster;
  /** Makes a cluster of this member alone out of its data (reference: force-new-cluster). */
  readonly forceNewCluster?: boolean;
  /** The peer URLs told to the other members; by default those of `initialCluster`. */
  readonly advertisePeerUrls?: readonly string[];
  /** The way to the other members; without it this member hears and tells nothing. */
  readonly network?: (host: PeerHost) => PeerNetwork;
  readonly clientUrls: readonly string[];
  /** What this server says it is, e.g. `3.6.14`. */
  readonly serverVersion: string;

  readonly heartbeatIntervalMs?: number;
  readonly electionTimeoutMs?: number;
  readonly preVote?: boolean;
  /** Shorten the wait for the first election after a start, once another member is reached. */
  readonly initialElectionTickAdvance?: boolean;
  /** Entries between two snapshot marks in the log; below the mark the log is released. */
  readonly snapshotCount?: number;
  /** Entries kept in memory below the applied index for members that lag. */
  readonly snapshotCatchUpEntries?: number;
  /** Bytes of entries in one message to a follower, one entry at least. */
  readonly maxAppendBytes?: number;
  /** Messages with entries under way to one follower. */
  readonly maxInflightAppends?: number;
  readonly maxWals?: number;
  /** `.snap` files kept, which only members of etcd 3.5 to 3.7 read; 0 keeps all. */
  readonly maxSnapFiles?: number;
  readonly segmentSizeBytes?: number;
  readonly maxRequestBytes?: number;
  /** Let the end of leases into the log while the member lags so far that other requests are refused. */
  readonly priorityRequests?: boolean;
  readonly maxTxnOps?: number;
  /** What one read does before others get their turn, in keys that are looked at: less than a millisecond by default. */
  readonly readSliceWork?: number;
  /** Bytes that keys, values and history may take; 0 means the default of 2 GiB, below 0 no limit. */
  readonly quotaBytes?: number;
  /** How long changes may stay out of the backend, and how many entries. */
  readonly backendBatchIntervalMs?: number;
  readonly backendBatchLimit?: number;
  /** Pause between two slices of background compaction. */
  readonly compactionSleepMs?: number;
  readonly autoCompaction?: AutoCompactionOptions;
  readonly watchProgressIntervalMs?: number;
  /** Bytes of newest values kept in memory. */
  readonly valueBudgetBytes?: number;
  /** Acknowledge before the log is on disk: for tests only, a crash loses data. */
  readonly unsafeNoFsync?: boolean;
  readonly learnerCountMax?: number;
  /** Refuse changes of members that would lose the quorum. */
  readonly strictReconfiguration?: boolean;
  /** Time between two comparisons of all members' data by the leader; 0 is never. */
  readonly corruptionCheckMs?: number;
  /** The same for the hash at the last compaction. */
  readonly compactHashCheckMs?: number;
  /** Compare the data with that of the other members before serving. */
  readonly initialCorruptionCheck?: boolean;
  /** Time between two checkpoints of what is left of leases; 0 is never. */
  readonly leaseCheckpointMs?: number;
  readonly downgradeCheckMs?: number;
  /** Who makes and compares the hashes of passwords; without, there are only users without passwords. */
  readonly passwords?: Passwords;
  /** Who slows down the guessing of passwords; without, nobody does. */
  readonly logins?: LoginGuarding;
  /** What logins give out: simple tokens, which all members know, or ones that are signed; by default simple. */
  readonly tokens?: 'simple' | 'none' | SignedTokens;
  /** How long a simple token lives after its last use. */
  readonly simpleTokenTtlMs?: number;
  readonly observer?: ReplicaObserver;
}

/** A cluster as its members tell of it at `/members`. */
export interface RunningCluster {
  readonly clusterId: bigint;
  readonly members: readonly PeerMember[];
}

/** Compaction without being asked: by age (milliseconds) or by count of revisions; 0 is off. */
export type AutoCompactionOptions =
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly retentionRevisions: number };

/** Told of what operators and metrics want to know. A core does not log: it says what happened. */
export interface ReplicaObserver {
  /** The log wrote and synced so much in that time. */
  onLogSaved?(event: { readonly durationMs: number; readonly entries: number }): void;
  onBackendWritten?(event: { readonly durationMs: number; readonly changes: number }): void;
  onLeaderChange?(event: { readonly leader: bigint; readonly term: number }): void;
  /** That many entries, committed together, were applied in that time: these. */
  onApplied?(event: {
    readonly entries: number;
    readonly durationMs: number;
    readonly applied: readonly Entry[];
  }): void;
  /**
   * One request of the log was applied, `ok` or to an error for whoever asked. `requestField` is its field in the
   * envelope (`raftRequestField` of wire).
   */
  onOperation?(requestField: number, ok: boolean, durationMs: number): void;
  /** The store was read for one Range, in that time; waiting for its turn is not in it. */
  onRange?(ok: boolean, durationMs: number, request: RangeRequest): void;
  onCompacted?(event: { readonly revision: number; readonly durationMs: number }): void;
  /** A slice of a compaction took that long, in which nothing else ran, and removed so many revisions. */
  onCompactionSlice?(event: { readonly durationMs: number; readonly removed: number }): void;
  onSnapshot?(event: { readonly index: number; readonly released: readonly string[] }): void;
  onAlarm?(event: { readonly member: bigint; readonly type: string; readonly active: boolean }): void;
  /** A lease was granted for so long. */
  onLeaseGranted?(event: { readonly ttlSeconds: number }): void;
  onLeaseExpired?(event: { readonly count: number }): void;
  /** A damaged tail of the log was cut off at the start. */
  onLogRepaired?(event: { readonly file: string; readonly offset: number }): void;
  /** The store was opened from its image, or had one that was of no use, or could not leave one. */
  onImage?(event: { readonly outcome: 'used' | 'refused' | 'not written'; readonly reason?: string }): void;
  /** The member was removed from the cluster: whoever owns it closes it. Called once. */
  onRemoved?(): void;
  /** A snapshot for another member was sent, or not. */
  onSnapshotSent?(event: { readonly to: bigint; readonly index: number; readonly error?: unknown }): void;
  /** A snapshot of the leader was installed in place of this member's state. */
  onSnapshotInstalled?(event: { readonly index: number; readonly durationMs: number }): void;
  /** A member was added, promoted, updated or removed. */
  onMemberChange?(event: { readonly kind: string; readonly member: bigint }): void;
  onClusterVersion?(event: { readonly version: string }): void;
  /** A check of the data found a difference, or could not be made. */
  onCorruption?(event: { readonly member: bigint; readonly reason: string }): void;
  /** Somebody logged in, or was `refused` for that reason. The name is what the client sent. */
  onLogin?(event: {
    readonly user: string;
    readonly address: string | undefined;
    readonly refused: AuthErrorCode | undefined;
  }): void;
  /** The member can't go on; it answers nobody from now on. */
  onFatal?(error: unknown): void;
}

/** etcd's defaults (reference: limits and defaults). */
export const defaults = {
  heartbeatIntervalMs: 100,
  electionTimeoutMs: 1000,
  preVote: true,
  initialElectionTickAdvance: true,
  snapshotCount: 10_000,
  snapshotCatchUpEntries: 5_000,
  maxAppendBytes: 1024 * 1024,
  maxInflightAppends: 512,
  maxWals: 5,
  maxSnapFiles: 5,
  maxRequestBytes: 1_572_864,
  maxTxnOps: 128,
  readSliceWork: 2_000,
  quotaBytes: 2 * 1024 ** 3,
  backendBatchIntervalMs: 100,
  backendBatchLimit: 10_000,
  compactionSleepMs: 10,
  watchProgressIntervalMs: 600_000,
  valueBudgetBytes: 128 * 1024 ** 2,
  learnerCountMax: 1,
  strictReconfiguration: true,
  corruptionCheckMs: 0,
  compactHashCheckMs: 60_000,
  initialCorruptionCheck: false,
  leaseCheckpointMs: 0,
  downgradeCheckMs: 5_000,
  tokens: 'simple',
  simpleTokenTtlMs: 300_000,
} as const;

/** Options with every default filled in. */
export type FullOptions = ReplicaOptions & Required<Pick<ReplicaOptions, keyof typeof defaults>>;

/** Fills in the defaults; an option given as undefined does not hide one. */
export function withDefaults(options: ReplicaOptions): FullOptions {
  // The same keys and values, less those that are undefined.
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as ReplicaOptions;
  return { ...defaults, ...given };
}

/** Proposals that may wait at once, in number and bytes; beyond it callers get `too many requests`. */
export const maxPendingProposals = 50_000;
export const maxPendingProposalBytes = 256 * 1024 ** 2;

/** Entries committed and not yet applied beyond which no proposal is taken (reference: proposal flow). */
export const maxApplyLag = 5_000;
/** The same for what must not wait: that ends what others are kept from. */
export const maxPriorityApplyLag = 10_000;
