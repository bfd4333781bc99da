import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { PeerObserver } from '@quorate/peer';
import type { Replica, ReplicaObserver } from '@quorate/replica';
import type { HttpSurfaceOptions, Member } from '@quorate/rpc';
import { idToHex } from '@quorate/std';
import { featureGates, type GateSettings } from './config/feature-gates.ts';
import { registerConnectionMetrics, type ConnectionMetrics } from './connection-metrics.ts';
import { GrpcMetrics } from './grpc-metrics.ts';
import type { Credentials } from './credentials.ts';
import { registerCredentialMetrics, registerMemberMetrics } from './member-metrics.ts';
import { exponential, MetricMaker } from './metric-maker.ts';
import { operationObserver } from './operation-metrics.ts';
import { registerPeerMetrics } from './peer-metrics.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { registerUpkeepMetrics, type UpkeepMetrics } from './upkeep-metrics.ts';

export interface MetricsOptions {
  readonly serverVersion: string;
  /** Histograms of gRPC calls as well. */
  readonly extensive: boolean;
  readonly quotaBytes: number;
  /** Entries that take longer to apply count as slow. */
  readonly slowApplyMs: number;
  readonly featureGates: GateSettings;
  /** Whether the process is the member's: then what Node tells of it is told too. */
  readonly ofProcess: boolean;
}

/**
 * The member's metrics under etcd's names, so that dashboards and alerts made for etcd work unchanged
 * (reference: metrics). What is counted on the hot path is a plain number, read when somebody asks.
 */
export class Metrics {
  /** Counts the calls of clients. */
  readonly grpc: GrpcMetrics;
  /** Counts the traffic with other members, of the member with that ID. */
  readonly peerObserver: (local: bigint) => PeerObserver;
  /** Counts connections and handshakes. */
  readonly connections: ConnectionMetrics;
  readonly #registry = new Registry();
  readonly #make = new MetricMaker(this.#registry);
  readonly #slowApplyMs: number;
  readonly #operations: ReturnType<typeof operationObserver>;
  readonly #walFsync: Histogram;
  readonly #backendCommit: Histogram;
  readonly #compactionTotal: Histogram;
  readonly #lastCompaction: Gauge;
  readonly #slowApplies: Counter;
  readonly #alarms: Gauge<'server_id' | 'alarm_type'>;
  readonly #leaderChanges: Counter;
  readonly #leasesExpired: Counter;
  readonly #logins: Counter<'result'>;
  readonly #healthSuccess: Counter;
  readonly #healthFailures: Counter;
  readonly #upkeep: UpkeepMetrics;
  readonly #scrapes: Counter<'code'>;
  #scraping = 0;
  #replica: Replica | undefined;
  readonly #checks: Gauge<'type' | 'name'>;
  readonly #checksTotal: Counter<'type' | 'name' | 'status'>;

  constructor(options: MetricsOptions) {
    const make = this.#make;
    this.#slowApplyMs = options.slowApplyMs;
    this.#operations = operationObserver(this.#registry);
    // Node's own: memory, processor time, file descriptors, the delay of the event loop. They are measured until
    // the process ends.
    if (options.ofProcess) collectDefaultMetrics({ register: this.#registry });
    this.grpc = new GrpcMetrics({ registry: this.#registry, withHistograms: options.extensive });
    this.#walFsync = make.histogram(
      'etcd_disk_wal_fsync_duration_seconds',
      'Time to write a batch to the log and sync it.',
      exponential(0.001, 2, 14),
    );
    this.#backendCommit = make.histogram(
      'etcd_disk_backend_commit_duration_seconds',
      'Time to write a batch to the store.',
      exponential(0.001, 2, 14),
    );
    this.#compactionTotal = make.histogram(
      'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
      'Time from the start of a compaction to its end.',
      exponential(100, 2, 14),
    );
    this.#lastCompaction = make.settable(
      'etcd_debugging_mvcc_db_compaction_last',
      'When the last compaction ended, in seconds since 1970.',
    );
    this.#slowApplies = make.counter(
      'etcd_server_slow_apply_total',
      'Batches of entries that took long to apply.',
    );
    this.#alarms = make.labelled('etcd_debugging_server_alarms', 'Active alarms by member and type.', [
      'server_id',
      'alarm_type',
    ]);
    this.#leaderChanges = make.counter(
      'etcd_server_leader_changes_seen_total',
      'Changes of the leader seen.',
    );
    this.#leasesExpired = make.counter(
      'etcd_debugging_server_lease_expired_total',
      'Leases revoked after they expired.',
    );
    this.#logins = make.labelledCounter('quorate_auth_logins_total', 'Logins by their result.', ['result']);
    this.#healthSuccess = make.counter('etcd_server_health_success', 'Health checks that succeeded.');
    this.#healthFailures = make.counter('etcd_server_health_failures', 'Health checks that failed.');
    this.#checks = make.labelled('etcd_server_healthcheck', 'Outcome of the last check: 1 is good.', [
      'type',
      'name',
    ]);
    this.#checksTotal = make.labelledCounter('etcd_server_healthchecks_total', 'Checks by outcome.', [
      'type',
      'name',
      'status',
    ]);
    this.#registerConstants(options);
    registerProcessMetrics(make);
    this.#upkeep = registerUpkeepMetrics(make, () => this.#replica?.isLeader === true);
    const peerObserver = registerPeerMetrics(make);
    this.peerObserver = (local) => this.#upkeep.watchPeers(peerObserver(local));
    this.#scrapes = make.labelledCounter('promhttp_metric_handler_requests_total', 'Scrapes by outcome.', [
      'code',
    ]);
    make.gauge('promhttp_metric_handler_requests_in_flight', 'Scrapes under way.', () => this.#scraping);
    this.connections = registerConnectionMetrics(make);
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
      ...this.#operations,
      ...this.#upkeep.replicaObserver,
      onLogSaved: ({ durationMs }) => this.#walFsync.observe(durationMs / 1000),
      onBackendWritten: ({ durationMs }) => this.#backendCommit.observe(durationMs / 1000),
      onApplied: ({ durationMs }) => {
        if (durationMs > this.#slowApplyMs) this.#slowApplies.inc();
      },
      onCompacted: ({ durationMs }) => {
        this.#compactionTotal.observe(durationMs);
        this.#lastCompaction.setToCurrentTime();
      },
      onLeaderChange: ({ leader }) => {
        if (leader !== 0n) this.#leaderChanges.inc();
      },
      onLeaseExpired: ({ count }) => this.#leasesExpired.inc(count),
      // Not by user: names are the clients', and there is no end of them.
      onLogin: ({ refused }) => this.#logins.inc({ result: refused === undefined ? 'ok' : refused }),
      onAlarm: ({ member, type, active }) =>
        this.#alarms.set({ server_id: idToHex(member), alarm_type: type }, active ? 1 : 0),
    };
  }

  /** Adds what is read from the member when somebody asks. */
  watch(replica: Replica, credentials: Credentials): void {
    this.#replica = replica;
    registerMemberMetrics(this.#make, replica);
    registerCredentialMetrics(this.#make, credentials);
  }

  /** The member, whose maintenance is timed. */
  timed(member: Member): Member {
    return this.#upkeep.watch(member);
  }

  /** Adds what became of the spans of traces. */
  watchTraces(counts: () => { readonly sent: number; readonly failed: number }): void {
    this.#make.total(
      'quorate_trace_spans_sent_total',
      'Spans that the collector has taken.',
      () => counts().sent,
    );
    this.#make.total(
      'quorate_trace_spans_failed_total',
      'Spans that could not be delivered.',
      () => counts().failed,
    );
  }

  /** The text that Prometheus scrapes. */
  async text(): Promise<{ contentType: string; text: string }> {
    this.#scraping++;
    try {
      const text = await this.#registry.metrics();
      this.#scrapes.inc({ code: '200' });
      return { contentType: this.#registry.contentType, text };
    } catch (error) {
      this.#scrapes.inc({ code: '500' });
      throw error;
    } finally {
      this.#scraping--;
    }
  }

  #registerConstants(options: MetricsOptions): void {
    const make = this.#make;
    make.constant(
      'etcd_server_version',
      { server_version: options.serverVersion },
      'The version of this server.',
    );
    make.constant('etcd_server_go_version', { server_go_version: `node ${process.version}` }, 'The runtime.');
    make.gauge('etcd_server_quota_backend_bytes', 'The quota in bytes.', () => options.quotaBytes);
    const gates = make.labelled('etcd_server_feature_enabled', 'Feature gates: 1 is on.', ['name', 'stage']);
    for (const [name, isOn] of options.featureGates) {
      const stage = featureGates.find((gate) => gate.name === name)?.stage;
      gates.set({ name, stage: stage ?? (name === 'AllAlpha' ? 'ALPHA' : 'BETA') }, isOn ? 1 : 0);
    }
  }
}
