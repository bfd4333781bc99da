import type { Replica } from '@quorate/replica';
import { idToHex } from '@quorate/std';
import type { Credentials } from './credentials.ts';
import type { MetricMaker } from './metric-maker.ts';

/** What is read from the member when somebody asks: raft, store, watchers, leases and the log. */
export function registerMemberMetrics(make: MetricMaker, replica: Replica): void {
  registerServer(make, replica);
  registerStore(make, replica);
  registerWatchAndLease(make, replica);
  registerAuth(make, replica);
}

function registerServer(make: MetricMaker, replica: Replica): void {
  make.constant('etcd_server_id', { server_id: idToHex(replica.id) }, 'The ID of this member.');
  make.text(
    'etcd_cluster_version',
    'cluster_version',
    'The version that all members speak.',
    () => replica.clusterVersion,
  );
  make.gauge('etcd_server_has_leader', 'Whether a leader is known.', () => Number(replica.hasLeader));
  make.gauge('etcd_server_is_leader', 'Whether this member leads.', () => Number(replica.isLeader));
  make.gauge('etcd_server_is_learner', 'Whether this member learns.', () => Number(replica.isLearner));
  make.gauge('etcd_server_proposals_committed_total', 'The commit index.', () => replica.raftStatus.commit);
  make.gauge('etcd_server_proposals_applied_total', 'The applied index.', () => replica.raftStatus.applied);
  make.gauge('etcd_server_proposals_pending', 'Proposals that wait.', () => replica.pendingProposals);
  make.total(
    'etcd_server_proposals_failed_total',
    'Proposals not applied in time.',
    () => replica.counts.proposalsFailed,
  );
  make.total(
    'etcd_server_slow_read_indexes_total',
    'Rounds of linearizable reads that had to be asked for again.',
    () => replica.counts.readIndexesSlow,
  );
  make.total(
    'etcd_server_read_indexes_failed_total',
    'Rounds of linearizable reads that were given up.',
    () => replica.counts.readIndexesFailed,
  );
  make.gauge('etcd_disk_wal_write_bytes_total', 'Bytes written to the log.', () => replica.counts.logBytes);
}

function registerStore(make: MetricMaker, replica: Replica): void {
  // Asked for each time: a snapshot of the leader puts another one in its place.
  const store = (): Replica['state']['store'] => replica.state.store;
  make.gauge(
    'etcd_mvcc_db_total_size_in_bytes',
    'Bytes of keys, values and history.',
    () => store().sizeBytes,
  );
  make.gauge(
    'etcd_mvcc_db_total_size_in_use_in_bytes',
    'The same: nothing waits for defragmentation.',
    () => store().sizeBytes,
  );
  make.total('etcd_mvcc_put_total', 'Keys put.', () => replica.counts.puts);
  make.total('etcd_mvcc_delete_total', 'Keys deleted.', () => replica.counts.deletes);
  make.total('etcd_mvcc_range_total', 'Ranges read.', () => replica.counts.ranges);
  make.total('etcd_debugging_mvcc_range_total', 'Ranges read.', () => replica.counts.ranges);
  make.gauge(
    'etcd_debugging_mvcc_total_put_size_in_bytes',
    'Bytes of all keys put.',
    () => replica.counts.putBytes,
  );
  make.total('etcd_mvcc_txn_total', 'Transactions.', () => replica.counts.txns);
  make.gauge('etcd_debugging_mvcc_keys_total', 'Live keys.', () => store().keyCount);
  make.gauge('etcd_debugging_mvcc_current_revision', 'The newest revision.', () => store().currentRevision);
  make.gauge(
    'etcd_debugging_mvcc_compact_revision',
    'The compacted revision.',
    () => store().compactedRevision,
  );
}

function registerWatchAndLease(make: MetricMaker, replica: Replica): void {
  const { hub } = replica.state;
  make.gauge('etcd_debugging_mvcc_watcher_total', 'Watchers.', () => hub.metrics.watchers);
  make.gauge('etcd_debugging_mvcc_watch_stream_total', 'Watch streams.', () => hub.metrics.streams);
  make.gauge(
    'etcd_debugging_mvcc_slow_watcher_total',
    'Watchers that are behind.',
    () => hub.metrics.unsyncedWatchers,
  );
  make.gauge(
    'etcd_debugging_mvcc_pending_events_total',
    'Events that wait to be sent to watchers.',
    () => hub.metrics.pendingEvents,
  );
  make.total(
    'etcd_debugging_mvcc_events_total',
    'Events sent to watchers.',
    () => hub.metrics.eventsSentTotal,
  );
  make.total('etcd_debugging_lease_granted_total', 'Leases granted.', () => replica.counts.leasesGranted);
  make.total(
    'etcd_debugging_lease_revoked_total',
    'Leases revoked, those that expired included.',
    () => replica.counts.leasesRevoked,
  );
  make.total('etcd_debugging_lease_renewed_total', 'Renewals.', () => replica.counts.leasesRenewed);
}

function registerAuth(make: MetricMaker, { state }: Replica): void {
  make.gauge(
    'etcd_debugging_auth_revision',
    'The revision of users, roles and permissions.',
    () => state.auth.revision,
  );
  make.gauge('quorate_auth_enabled', 'Whether users have to log in.', () => Number(state.auth.isEnabled));
  make.gauge('quorate_auth_simple_tokens', 'Simple tokens that hold here.', () => state.tokens.count);
}

/** Passwords that are hashed and compared, and logins that are held back. */
export function registerCredentialMetrics(make: MetricMaker, credentials: Credentials): void {
  const { passwords, guard } = credentials;
  make.gauge(
    'quorate_auth_passwords_waiting',
    'Passwords that wait for a thread.',
    () => passwords.counts.waiting,
  );
  make.total('quorate_auth_passwords_total', 'Passwords hashed or compared.', () => passwords.counts.done);
  make.total(
    'quorate_auth_passwords_refused_total',
    'Passwords refused since too many waited.',
    () => passwords.counts.refused,
  );
  make.total(
    'quorate_auth_logins_refused_total',
    'Logins refused since too many had failed.',
    () => guard.refused,
  );
}
