import type { PeerObserver } from '@quorate/peer';
import type { ReplicaObserver } from '@quorate/replica';
import type { Member, MemberMaintenance } from '@quorate/rpc';
import { memberWith } from './member-with.ts';
import { exponential, type MetricMaker } from './metric-maker.ts';

/** Times of what keeps a member well, under etcd's names and with its buckets: compactions, hashes, copies of the store. */
export interface UpkeepMetrics {
  readonly replicaObserver: ReplicaObserver;
  /** The same observer, with what is learnt from snapshots that are received. */
  watchPeers(observer: PeerObserver): PeerObserver;
  /** The same member, whose maintenance is timed. */
  watch(member: Member): Member;
}

/** Registers them. */
export function registerUpkeepMetrics(make: MetricMaker, isLeader: () => boolean): UpkeepMetrics {
  const slice = make.histogram(
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    'Time of a slice of a compaction, in which nothing else runs.',
    exponential(1, 2, 13),
  );
  const removed = make.counter(
    'etcd_debugging_mvcc_db_compaction_keys_total',
    'Revisions of keys that compactions have removed.',
  );
  const ttl = make.histogram(
    'etcd_debugging_lease_ttl_total',
    'Leases granted by their time to live, in seconds.',
    exponential(1, 2, 24),
  );
  const promoted = make.counter(
    'etcd_server_learner_promote_successes',
    'Learners promoted while this member led.',
  );
  const installing = make.settable(
    'etcd_server_snapshot_apply_in_progress_total',
    'Whether a snapshot of the leader is being installed.',
  );
  installing.set(0);
  return {
    replicaObserver: {
      onCompactionSlice: (event) => {
        slice.observe(event.durationMs);
        removed.inc(event.removed);
      },
      onLeaseGranted: ({ ttlSeconds }) => ttl.observe(ttlSeconds),
      onMemberChange: ({ kind }) => {
        if (kind === 'promoted' && isLeader()) promoted.inc();
      },
      onSnapshotInstalled: () => installing.set(0),
    },
    watchPeers: (observer) => ({
      ...observer,
      onSnapshotReceived: (event) => {
        observer.onSnapshotReceived?.(event);
        if (event.ok) installing.set(1);
      },
    }),
    watch: timedMaintenance(make),
  };
}

function timedMaintenance(make: MetricMaker): (member: Member) => Member {
  const hash = make.histogram(
    'etcd_mvcc_hash_duration_seconds',
    'Time to hash the whole store.',
    exponential(0.01, 2, 15),
  );
  const hashKv = make.histogram(
    'etcd_mvcc_hash_rev_duration_seconds',
    'Time to hash the store at a revision.',
    exponential(0.01, 2, 15),
  );
  const defragment = make.histogram(
    'etcd_disk_backend_defrag_duration_seconds',
    'Time of a defragmentation, which writes out what is pending.',
    exponential(0.1, 2, 13),
  );
  const snapshot = make.histogram(
    'etcd_disk_backend_snapshot_duration_seconds',
    'Time to hand out a copy of the store.',
    exponential(0.01, 2, 17),
  );
  let defragmenting = 0;
  make.gauge('etcd_disk_defrag_inflight', 'Whether the store is being defragmented.', () =>
    Math.min(1, defragmenting),
  );
  const timed = async <T>(histogram: typeof hash, work: () => Promise<T>): Promise<T> => {
    const end = histogram.startTimer();
    try {
      return await work();
    } finally {
      end();
    }
  };
  const watch = (maintenance: MemberMaintenance): MemberMaintenance => ({
    alarm: (request, caller) => maintenance.alarm(request, caller),
    status: () => maintenance.status(),
    hash: () => timed(hash, () => maintenance.hash()),
    hashKv: (request) => timed(hashKv, () => maintenance.hashKv(request)),
    defragment: async () => {
      defragmenting++;
      await timed(defragment, () => maintenance.defragment()).finally(() => defragmenting--);
    },
    moveLeader: (request, options) => maintenance.moveLeader(request, options),
    downgrade: (request) => maintenance.downgrade(request),
    snapshot: async () => {
      const end = snapshot.startTimer();
      const copy = await maintenance.snapshot();
      return { ...copy, chunks: thenCall(copy.chunks, end) };
    },
  });
  return (member) => memberWith(member, { maintenance: watch(member.maintenance) });
}

/** The same chunks; `done` is called when all of them are read, or nobody wants them any more. */
async function* thenCall(chunks: AsyncIterable<Uint8Array>, done: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } finally {
    done();
  }
}
