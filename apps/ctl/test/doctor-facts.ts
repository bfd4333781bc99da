import type { DataDirFacts } from '@quorate/data-dir';
import { rpcpb } from '@quorate/wire';
import { observed, type Outcome } from '../src/doctor/check.ts';
import type {
  ClusterFacts,
  MemberFacts,
  MemberHash,
  MetricsFacts,
  ServedCertificate,
} from '../src/doctor/cluster-facts.ts';
import type { DataFacts } from '../src/doctor/data-facts.ts';
import { MetricsPage } from '../src/doctor/metrics-page.ts';

const dayMs = 86_400_000;
/** The time of all observations. */
export const nowMs = Date.parse('2026-06-01T00:00:00Z');

/** A histogram with so many samples, all of them between two buckets. */
export function histogram(name: string, seconds: number, labels = '', count = 1_000): string {
  return [0.001, 0.01, 0.1, 1, 10]
    .map((le) => `${name}_bucket{${labels}le="${le}"} ${seconds <= le ? count : 0}`)
    .concat(`${name}_bucket{${labels}le="+Inf"} ${count}`)
    .join('\n');
}

/** What a member of Quorate publishes when all is well. */
export const healthyPage = [
  'etcd_server_has_leader 1',
  'etcd_server_quota_backend_bytes 2147483648',
  'etcd_server_leader_changes_seen_total 1',
  'etcd_server_proposals_failed_total 0',
  'etcd_server_proposals_pending 0',
  'etcd_server_slow_apply_total 0',
  'etcd_network_disconnected_peers_total 0',
  'etcd_debugging_mvcc_watcher_total 3',
  'etcd_debugging_mvcc_slow_watcher_total 0',
  'nodejs_eventloop_lag_p99_seconds 0.012',
  'quorate_grpc_cuts_total{reason="size"} 0',
  'quorate_auth_logins_refused_total 0',
  'os_fd_used 30',
  'os_fd_limit 20000',
  'grpc_server_handled_total{grpc_method="Range",grpc_code="OK"} 5000',
  histogram('etcd_disk_wal_fsync_duration_seconds', 0.0005),
  histogram('etcd_disk_backend_commit_duration_seconds', 0.0005),
  histogram('etcd_network_peer_round_trip_time_seconds', 0.0005, 'To="2",'),
].join('\n');

/** Metrics of a day, with lines put behind: of two that say the same, the sum counts. */
export function metrics(more = '', options: Partial<MetricsFacts> = {}): Outcome<MetricsFacts> {
  const page = MetricsPage.parse(`${healthyPage}\n${more}`);
  return observed({ page, seconds: 86_400, uptimeSeconds: 86_400, product: 'quorate', ...options });
}

/** A member, well but for what is said. */
export function member(
  id: bigint,
  {
    status: more = {},
    ...rest
  }: Partial<Omit<MemberFacts, 'status'>> & {
    readonly status?: Partial<rpcpb.StatusResponse>;
  } = {},
): MemberFacts {
  const header = { ...rpcpb.ResponseHeader.create(), memberId: id, clusterId: 9n, revision: 50n };
  const status: rpcpb.StatusResponse = {
    ...rpcpb.StatusResponse.create(),
    ...{ header, version: '3.6.14', storageVersion: '3.6.0', leader: 1n, raftTerm: 4n },
    ...{ raftIndex: 2_000n, raftAppliedIndex: 2_000n },
    ...{ dbSize: 1_000_000n, dbSizeInUse: 900_000n, dbSizeQuota: 2_147_483_648n },
    ...more,
  };
  return {
    endpoint: `https://host${id}:2379`,
    status: observed(status),
    isRefused: false,
    serializableMs: observed([1, 1, 2]),
    linearizableMs: observed([2, 3, 2]),
    health: observed({ isHealthy: true, reason: '' }),
    versions: observed({ server: '3.6.14', cluster: '3.6.0' }),
    metrics: metrics(),
    clock: observed({ leastMs: -500, mostMs: 480 }),
    certificate: certificate(`https://host${id}:2379`),
    ...rest,
  };
}

/** A member that does not answer. */
export function silentMember(id: bigint): MemberFacts {
  const none = { ok: false, reason: 'connect ECONNREFUSED' } as const;
  return {
    ...member(id),
    ...{ status: none, serializableMs: none, linearizableMs: none, health: none },
    ...{ versions: none, metrics: none, clock: none },
  };
}

/** A certificate that is good for so many days. */
export function certificate(
  url: string,
  options: {
    readonly days?: number;
    readonly distrust?: string;
    readonly wrongName?: string;
    readonly weak?: string;
  } = {},
): ServedCertificate {
  const { days = 200, distrust, wrongName, weak } = options;
  const chain = [{ name: 'member', notBeforeMs: nowMs - 165 * dayMs, notAfterMs: nowMs + days * dayMs }];
  return { url, shown: observed({ chain, distrust, wrongName, protocol: 'TLSv1.3', weakProtocol: weak }) };
}

/** A member as the cluster lists it. */
export function listed(id: bigint, more: Partial<rpcpb.Member> = {}): rpcpb.Member {
  return {
    ...rpcpb.Member.create(),
    ...{ ID: id, name: `n${id}` },
    ...{ peerURLs: [`https://host${id}:2380`], clientURLs: [`https://host${id}:2379`] },
    ...more,
  };
}

/** The hash of a member. */
export function hashOf(id: bigint, hash: number, compactRevision = 10n): MemberHash {
  return { endpoint: `https://host${id}:2379`, revision: 50n, compactRevision, hash, reason: '' };
}

/** A cluster of three where all is well, but for what is said. */
export function cluster(more: Partial<ClusterFacts> = {}): ClusterFacts {
  return {
    nowMs,
    memberList: observed([1n, 2n, 3n].map((id) => listed(id))),
    members: [member(1n), member(2n), member(3n)],
    hashes: observed([1n, 2n, 3n].map((id) => hashOf(id, 77))),
    authEnabled: observed(true),
    leaseCount: observed(5),
    ownCertificates: [],
    peerCertificates: [],
    peersUnasked: [],
    ...more,
  };
}

/** A data directory where all is well, but for what is said. */
export function dataDir(more: Partial<DataDirFacts> = {}): DataFacts {
  return {
    dir: {
      ...{ dataDir: '/data', walDir: '/data/member/wal', unreadable: undefined, owner: 'quorate' },
      ...{ isRestoreInterrupted: false, hasProxy: false, use: { state: 'free' }, leftovers: [] },
      places: [{ path: '/data', isDirectory: true, mode: 0o700, uid: 1 }],
      volumes: [volume()],
      log: {
        segments: [{ name: '0-0.wal', sizeBytes: 64_000_000, allocatedBytes: 64_000_000 }],
        ...{ problem: undefined, isEndUnsure: false, owner: { memberId: 1n, clusterId: 9n } },
        hardState: { term: 4, vote: 1n, commit: 2_000 },
        ...{ lastIndex: 2_000, marks: [{ index: 1_500, term: 4 }] },
      },
      snapFiles: [{ name: '4-1500.snap', index: 1_500, term: 4, problem: undefined }],
      store: {
        ...{ kind: 'quorate', problem: undefined, position: { index: 1_990, term: 4 } },
        ...{ rowCount: 100, alarmCount: 0, sizeBytes: 1_000_000, freeBytes: 0 },
      },
      ...more,
    },
    syncs: observed({ count: 200, p50Ms: 0.2, p99Ms: 0.9, maxMs: 2, folder: '/' }),
  };
}

/** A disk with room. */
export function volume(more: Partial<DataDirFacts['volumes'][number]> = {}): DataDirFacts['volumes'][number] {
  return {
    ...{ path: '/data/member', device: 1, type: 0xef53 },
    ...{ sizeBytes: 100e9, freeBytes: 50e9, fileCount: 1_000, freeFileCount: 900 },
    ...more,
  };
}
