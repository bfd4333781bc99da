/**
 * Where findings begin that Prometheus alerts of, too: the numbers are those of deploy/prometheus/alerts.yaml, by the names
 * of the alerts, and a test keeps them equal.
 */
export const alertThresholds = {
  /** Changes of the leader in 15 minutes. */
  QuorateManyLeaderChanges: 4,
  /** Writes given up, by the second. */
  QuorateProposalsFail: 0.1,
  /** Connections to other members lost in 10 minutes. */
  QuorateMembersDisconnected: 5,
  /** Seconds to another member and back, p99. */
  QuorateSlowPeers: 0.15,
  /** Share of the quota. */
  QuorateQuotaNearlyUsed: 0.8,
  /** Seconds of a sync of the log, p99. */
  QuorateSlowLog: 0.5,
  /** Seconds of a write of the store, p99. */
  QuorateSlowStore: 0.25,
  /** Seconds for which the main thread is held, p99. */
  QuorateLoopHeld: 0.1,
  /** Share of calls of a method that fail for no fault of the client. */
  QuorateCallsFail: 0.05,
  /** Seconds of a call, p99. */
  QuorateSlowCalls: 0.15,
  /** Share of the files that may be open. */
  QuorateFilesNearlyUsed: 0.8,
  /** Calls and connections of clients ended for going over a limit, by the second. */
  QuorateClientsCut: 1,
  /** Logins refused unseen, by the second. */
  QuoratePasswordsGuessed: 1,
} as const;

/** Where other findings begin. */
export const thresholds = {
  /** What etcd's guide to hardware asks of a disk: p99 of a sync of the log. */
  goodSyncSeconds: 0.01,
  /** The same of a commit of the backend. */
  goodCommitSeconds: 0.025,
  /** Fewer samples have no 99th percentile worth the name. */
  samplesMin: 100,
  /** Entries: a follower that is further behind than this is not merely busy. */
  lagEntries: 1_000,
  /** Entries between commit and apply at which etcd refuses writes (`etcdserver: too many requests`). */
  applyGapRefused: 5_000,
  /** Writes that wait for agreement. */
  pendingProposals: 1_000,
  /** Entries whose apply took more than 100 ms, by the minute. */
  slowAppliesPerMinute: 1,
  /** A member that began more lately is worth a look. */
  recentStartSeconds: 15 * 60,
  /** What etcd's members warn of among each other. */
  clockMs: 1_000,
  /** Certificates are renewed in good time when this much is left, or a quarter of their life if that is less. */
  certificateDays: 30,
  /** Share of a database of etcd in use below which giving the rest back is worth a pause, and the size from which on. */
  inUseShare: 0.5,
  fragmentedBytes: 100_000_000,
  watchers: 100_000,
  leases: 100_000,
  votersMax: 7,
  /** Free space: for new segments of the log and a store that is being rewritten; and below what all stands still. */
  freeShare: 0.1,
  freeBytesCritical: 256_000_000,
  freeFilesShare: 0.05,
  /** Bytes of segments beyond which the log is not released as it should be. */
  logBytes: 10 * 64_000_000,
} as const;
