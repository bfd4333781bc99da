import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Replica, ReplicaObserver } from '@quorate/replica';
import type { GrpcObserver, HttpSurfaceOptions } from '@quorate/rpc';
import { idToHex } from '@quorate/std';
import { GrpcMetrics } from './grpc-metrics.ts';

export interface MetricsOptions {
  readonly serverVersion: string;
  /** Histograms of gRPC calls as well. */
  readonly extensive: boolean;
  readonly quotaBytes: number;
}

/** `count` bucket bounds from `start`, each `factor` times the one before. */
function exponential(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start * factor ** i);
}

/**
 * The member's metrics under etcd's names, so that dashboards and alerts made for etcd work unchanged
 * (reference: metrics). What is counted on the hot path is a plain number, read when somebody asks.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #grpc: GrpcMetrics;
  readonly #walFsync: Histogram;
  readonly #backendCommit: Histogram;
  readonly #alarms: Gauge<'server_id' | 'alarm_type'>;
  readonly #leaderChanges: Counter;
  readonly #leasesExpired: Counter;
  readonly #healthSuccess: Counter;
  readonly #healthFailures: Counter;
  readonly #checks: Gauge<'type' | 'name'>;
  readonly #checksTotal: Counter<'type' | 'name' | 'status'>;

  constructor(options: MetricsOptions) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#grpc = new GrpcMetrics({ registry: this.#registry, withHistograms: options.extensive });
    this.#walFsync = new Histogram({
      name: 'etcd_disk_wal_fsync_duration_seconds',
      help: 'Time to write a batch to the log and sync it.',
      buckets: exponential(0.001, 2, 14),
      registers,
    });
    this.#backendCommit = new Histogram({
      name: 'etcd_disk_backend_commit_duration_seconds',
      help: 'Time to write a batch to the store.',
      buckets: exponential(0.001, 2, 14),
      registers,
    });
    this.#alarms = new Gauge({
      name: 'etcd_debugging_server_alarms',
      help: 'Active alarms by member and type.',
      labelNames: ['server_id', 'alarm_type'],
      registers,
    });
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.#leaderChanges = counter('etcd_server_leader_changes_seen_total', 'Changes of the leader seen.');
    this.#leasesExpired = counter(
      'etcd_debugging_server_lease_expired_total',
      'Leases revoked after they expired.',
    );
    this.#healthSuccess = counter('etcd_server_health_success', 'Health checks that succeeded.');
    this.#healthFailures = counter('etcd_server_health_failures', 'Health checks that failed.');
    this.#checks = new Gauge({
      name: 'etcd_server_healthcheck',
      help: 'Outcome of the last check: 1 is good.',
      labelNames: ['type', 'name'],
      registers,
    });
    this.#checksTotal = new Counter({
      name: 'etcd_server_healthchecks_total',
      help: 'Checks by outcome.',
      labelNames: ['type', 'name', 'status'],
      registers,
    });
    this.#constant(
      'etcd_server_version',
      'server_version',
      options.serverVersion,
      'The version of this server.',
    );
    this.#constant('etcd_server_go_version', 'server_go_version', `node ${process.version}`, 'The runtime.');
    this.#gauge('etcd_server_quota_backend_bytes', 'The quota in bytes.', () => options.quotaBytes);
  }

  get grpcObserver(): GrpcObserver {
    return this.#grpc;
  }

  get httpObserver(): NonNullable<HttpSurfaceOptions['observer']> {
    return {
      onHealth: (ok) => (ok ? this.#healthSuccess : this.#healthFailures).inc(),
      onHealthCheck: ({ type, name, ok }) => {
        this.#checks.set({ type, name }, ok ? 1 : 0);
        this.#checksTotal.inc({ type, name, status: ok ? 'success' : 'error' });
      },
    };
  }

  /** What the replica tells goes into counters and histograms. */
  get replicaObserver(): ReplicaObserver {
    return {
      onLogSaved: ({ durationMs }) => this.#walFsync.observe(durationMs / 1000),
      onBackendWritten: ({ durationMs }) => this.#backendCommit.observe(durationMs / 1000),
      onLeaderChange: ({ leader }) => {
        if (leader !== 0n) this.#leaderChanges.inc();
      },
      onLeaseExpired: ({ count }) => this.#leasesExpired.inc(count),
      onAlarm: ({ member, type, active }) =>
        this.#alarms.set({ server_id: idToHex(member), alarm_type: type }, active ? 1 : 0),
    };
  }

  /** Adds what is read from the member when somebody asks. */
  watch(replica: Replica): void {
    const gauge = this.#gauge.bind(this);
    const { store, hub } = replica.state;
    this.#constant('etcd_server_id', 'server_id', idToHex(replica.id), 'The ID of this member.');
    gauge('etcd_server_has_leader', 'Whether a leader is known.', () => Number(replica.hasLeader));
    gauge('etcd_server_is_leader', 'Whether this member leads.', () => Number(replica.isLeader));
    gauge('etcd_server_is_learner', 'Whether this member learns.', () => Number(replica.isLearner));
    gauge('etcd_server_proposals_committed_total', 'The commit index.', () => replica.raftStatus.commit);
    gauge('etcd_server_proposals_applied_total', 'The applied index.', () => replica.raftStatus.applied);
    gauge('etcd_server_proposals_pending', 'Proposals that wait.', () => replica.pendingProposals);
    gauge('etcd_mvcc_db_total_size_in_bytes', 'Bytes of keys, values and history.', () => store.sizeBytes);
    gauge(
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'The same: nothing waits for defragmentation.',
      () => store.sizeBytes,
    );
    gauge('etcd_debugging_mvcc_keys_total', 'Live keys.', () => store.keyCount);
    gauge('etcd_debugging_mvcc_current_revision', 'The newest revision.', () => store.currentRevision);
    gauge('etcd_debugging_mvcc_compact_revision', 'The compacted revision.', () => store.compactedRevision);
    gauge('etcd_debugging_mvcc_watcher_total', 'Watchers.', () => hub.metrics.watchers);
    gauge('etcd_debugging_mvcc_watch_stream_total', 'Watch streams.', () => hub.metrics.streams);
    gauge(
      'etcd_debugging_mvcc_slow_watcher_total',
      'Watchers that are behind.',
      () => hub.metrics.unsyncedWatchers,
    );
  }

  /** The text that Prometheus scrapes. */
  async text(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  #constant(name: string, label: string, value: string, help: string): void {
    new Gauge({ name, help, labelNames: [label], registers: [this.#registry] }).set({ [label]: value }, 1);
  }
}
