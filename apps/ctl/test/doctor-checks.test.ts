import type { DataDirFacts, LogFacts, StoreFacts } from '@quorate/data-dir';
import { rpcpb } from '@quorate/wire';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { observed, unobserved, type Severity } from '../src/doctor/check.ts';
import { clockBounds, surelyOffMs, type ClockSample } from '../src/doctor/clock-bounds.ts';
import type { ClusterFacts } from '../src/doctor/cluster-facts.ts';
import { dataChecks } from '../src/doctor/data-checks.ts';
import type { DataFacts } from '../src/doctor/data-facts.ts';
import { diagnose, statusOf, together, worstOf } from '../src/doctor/diagnosis.ts';
import { liveChecks } from '../src/doctor/live-checks.ts';
import { MetricsPage } from '../src/doctor/metrics-page.ts';
import { diagnosisPrintout } from '../src/doctor/report.ts';
import { observeHashes, type HashedClient } from '../src/doctor/observe/hashes.ts';
import { summaryOf } from '../src/doctor/observe/write-test.ts';
import {
  certificate,
  cluster,
  dataDir,
  hashOf,
  healthyPage,
  histogram,
  listed,
  member,
  metrics,
  nowMs,
  silentMember,
  volume,
} from './doctor-facts.ts';

const live = (facts: ClusterFacts) => diagnose(liveChecks, facts);
const atRest = (facts: DataFacts) => diagnose(dataChecks, facts);

/** One member is as said, the others are well. */
const withMember = (more: Parameters<typeof member>[1]) =>
  cluster({ members: [member(1n), member(2n), member(3n, more)] });
const withStatus = (status: NonNullable<Parameters<typeof member>[1]>['status']) =>
  withMember(status === undefined ? {} : { status });
const withPage = (more: string, options?: Parameters<typeof metrics>[1]) =>
  withMember({ metrics: metrics(more, options) });
const withList = (...members: ReturnType<typeof listed>[]) => cluster({ memberList: observed(members) });
const threeListed = [listed(1n), listed(2n)] as const;
const header = (more: object) => {
  const { status } = member(3n);
  return status.ok ? { header: { ...status.value.header!, ...more } } : {};
};
const etcdPage = healthyPage
  .split('\n')
  .filter((line) => !/^(?:quorate|nodejs)_/.test(line))
  .join('\n');
const ofEtcd = observed({
  page: MetricsPage.parse(etcdPage),
  ...{ seconds: 86_400, uptimeSeconds: 86_400, product: 'etcd' as const },
});

describe('a cluster where all is well', () => {
  test('has no findings, and nothing that was not checked', () => {
    const { findings, unchecked, ok } = live(cluster());
    expect(findings).toEqual([]);
    expect(unchecked).toEqual([]);
    const idle = ['client-certificate', 'fragmentation'];
    expect(new Set(ok.map(({ id }) => id))).toEqual(
      new Set(liveChecks.map(({ id }) => id).filter((id) => !idle.includes(id))),
    );
  });

  test('of etcds, too', () => {
    const members = [1n, 2n, 3n].map((id) =>
      member(id, { metrics: ofEtcd, status: { dbSizeQuota: 0n, storageVersion: '' } }),
    );
    expect(live(cluster({ members }))).toMatchObject({ findings: [], unchecked: [] });
  });
});

/** What is wrong, which check must name it first, and how badly. */
const liveFaults: readonly (readonly [string, Severity, string, ClusterFacts])[] = [
  [
    'hash-mismatch',
    'critical',
    'one hash of three is another',
    cluster({ hashes: observed([hashOf(1n, 7), hashOf(2n, 7), hashOf(3n, 8)]) }),
  ],
  [
    'hash-mismatch',
    'critical',
    'two hashes are different',
    cluster({ hashes: observed([hashOf(1n, 7), hashOf(2n, 8)]) }),
  ],
  ['alarm-corrupt', 'critical', 'a CORRUPT alarm', withStatus({ errors: ['memberID:3 alarm:CORRUPT '] })],
  ['clusters-differ', 'critical', 'an endpoint of another cluster', withStatus(header({ clusterId: 8n }))],
  [
    'quorum',
    'critical',
    'one of three does not answer',
    cluster({ members: [member(1n), member(2n), silentMember(3n)] }),
  ],
  [
    'quorum',
    'critical',
    'two of three do not answer',
    cluster({ members: [member(1n), silentMember(2n), silentMember(3n)] }),
  ],
  ['alarm-nospace', 'critical', 'a NOSPACE alarm', withStatus({ errors: ['memberID:3 alarm:NOSPACE '] })],
  ['leader', 'critical', 'a member without a leader', withStatus({ leader: 0n })],
  ['leader', 'critical', 'two leaders', withStatus({ leader: 2n })],
  [
    'certificate-expiry',
    'critical',
    'an expired certificate',
    withMember({ certificate: certificate('https://host3:2379', { days: -1 }) }),
  ],
  [
    'certificate-expiry',
    'warning',
    'a certificate of a few more days',
    withMember({ certificate: certificate('https://host3:2379', { days: 3 }) }),
  ],
  [
    'certificate-expiry',
    'warning',
    'such a one of a peer',
    cluster({ peerCertificates: [certificate('https://host3:2380', { days: 3 })] }),
  ],
  [
    'certificate-trust',
    'warning',
    'a stranger’s certificate',
    withMember({ certificate: certificate('https://host3:2379', { distrust: 'self-signed' }) }),
  ],
  [
    'certificate-trust',
    'warning',
    'a certificate of another host',
    withMember({ certificate: certificate('https://host3:2379', { wrongName: 'not in the list' }) }),
  ],
  [
    'tls-versions',
    'warning',
    'TLS 1.1',
    withMember({ certificate: certificate('https://host3:2379', { weak: 'TLSv1.1' }) }),
  ],
  ['member-unreachable', 'warning', 'one of five does not answer', fiveMembers()],
  ['health', 'critical', 'reads are not answered', withMember({ linearizableMs: unobserved('timed out') })],
  [
    'health',
    'warning',
    'a member that calls itself ill',
    withMember({ health: observed({ isHealthy: false, reason: 'QGET ERROR:x' }) }),
  ],
  ['version-old', 'critical', 'an etcd that loses data', withStatus({ version: '3.5.1' })],
  [
    'version-old',
    'warning',
    'an etcd without fixes',
    cluster({ members: [1n, 2n, 3n].map((id) => member(id, { status: { version: '3.4.30' } })) }),
  ],
  [
    'quota',
    'warning',
    'a quota nearly used',
    withStatus({ dbSize: 1_900_000_000n, dbSizeInUse: 1_800_000_000n }),
  ],
  [
    'quota',
    'critical',
    'a quota that is used up',
    withStatus({ dbSize: 2_200_000_000n, dbSizeInUse: 2_200_000_000n }),
  ],
  [
    'wal-sync',
    'warning',
    'syncs of a second',
    withPage(histogram('etcd_disk_wal_fsync_duration_seconds', 0.9, '', 9_000)),
  ],
  [
    'wal-sync',
    'advice',
    'syncs of 50 ms',
    withPage(histogram('etcd_disk_wal_fsync_duration_seconds', 0.05, '', 9_000)),
  ],
  [
    'backend-commit',
    'warning',
    'commits of a second',
    withPage(histogram('etcd_disk_backend_commit_duration_seconds', 0.9, '', 9_000)),
  ],
  [
    'peer-round-trip',
    'warning',
    'a member that is far',
    withPage(histogram('etcd_network_peer_round_trip_time_seconds', 0.9, 'To="1",')),
  ],
  ['raft-lag', 'warning', 'a member that is behind', withStatus({ raftIndex: 500n, raftAppliedIndex: 500n })],
  [
    'raft-lag',
    'critical',
    'entries that wait to be applied',
    cluster({ members: [1n, 2n, 3n].map((id) => member(id, { status: { raftIndex: 9_000n } })) }),
  ],
  [
    'leader-changes',
    'warning',
    'elections all the time',
    withPage('etcd_server_leader_changes_seen_total 500'),
  ],
  [
    'leader-changes',
    'warning',
    'four in the first minute',
    withPage('etcd_server_leader_changes_seen_total 3', { seconds: 60 }),
  ],
  ['event-loop', 'warning', 'a main thread that is held', withPage('nodejs_eventloop_lag_p99_seconds 0.4')],
  ['open-files', 'warning', 'files nearly used up', withPage('os_fd_used 17000')],
  ['proposals-failed', 'warning', 'writes that fail', withPage('etcd_server_proposals_failed_total 10000')],
  ['proposals-pending', 'warning', 'writes that wait', withPage('etcd_server_proposals_pending 2000')],
  [
    'peers-disconnected',
    'warning',
    'connections that break',
    withPage('etcd_network_disconnected_peers_total 5000'),
  ],
  ['read-latency', 'warning', 'slow reads', withMember({ linearizableMs: observed([400, 500, 600]) })],
  [
    'clock',
    'warning',
    'a clock that is off',
    withMember({ clock: observed({ leastMs: 4_000, mostMs: 4_900 }) }),
  ],
  [
    'clock',
    'advice',
    'our own clock that is off',
    cluster({
      members: [1n, 2n, 3n].map((id) => member(id, { clock: observed({ leastMs: -4_900, mostMs: -4_000 }) })),
    }),
  ],
  [
    'member-errors',
    'warning',
    'an error in a status',
    withStatus({ errors: ['etcdserver: something is odd'] }),
  ],
  ['raft-terms', 'warning', 'another term', withStatus({ raftTerm: 3n })],
  [
    'members-unstarted',
    'warning',
    'a voter that has never begun',
    cluster({
      memberList: observed([
        listed(1n),
        listed(2n),
        listed(3n),
        listed(4n),
        listed(5n, { name: '', clientURLs: [] }),
      ]),
      members: [1n, 2n, 3n, 4n].map((id) => member(id)),
    }),
  ],
  [
    'member-urls',
    'warning',
    'a peer URL of two members',
    withList(...threeListed, listed(3n, { peerURLs: ['https://host2:2380'] })),
  ],
  [
    'member-urls',
    'warning',
    'a client URL of its own machine',
    withList(...threeListed, listed(3n, { clientURLs: ['https://127.0.0.1:2379'] })),
  ],
  [
    'member-urls',
    'warning',
    'an URL of no address',
    withList(...threeListed, listed(3n, { clientURLs: ['https://0.0.0.0:2379'] })),
  ],
  [
    'downgrade',
    'warning',
    'a downgrade',
    withStatus({ downgradeInfo: { enabled: true, targetVersion: '3.5.0' } }),
  ],
  [
    'client-certificate',
    'critical',
    'our own certificate has expired',
    cluster({
      ownCertificates: [
        {
          source: '--cert c',
          certificates: observed([{ name: 'alice', notBeforeMs: 0, notAfterMs: nowMs - 1 }]),
        },
      ],
    }),
  ],
  [
    'client-certificate',
    'critical',
    'our own certificate is of tomorrow',
    cluster({
      ownCertificates: [
        {
          source: '--cert c',
          certificates: observed([{ name: 'alice', notBeforeMs: nowMs + 1, notAfterMs: nowMs + 2 }]),
        },
      ],
    }),
  ],
  ['access', 'warning', 'passwords without TLS', withMember({ certificate: undefined })],
  [
    'access',
    'advice',
    'no users and no TLS',
    { ...withMember({ certificate: undefined }), authEnabled: observed(false) },
  ],
  [
    'calls-failed',
    'warning',
    'calls that fail',
    withPage('grpc_server_handled_total{grpc_method="Txn",grpc_code="Unavailable"} 500'),
  ],
  [
    'clients-cut',
    'warning',
    'clients over limits',
    withPage('quorate_grpc_cuts_total{reason="size"} 900000'),
  ],
  [
    'passwords-guessed',
    'warning',
    'guesses of passwords',
    withPage('quorate_auth_logins_refused_total 900000'),
  ],
  ['versions-differ', 'advice', 'an upgrade under way', withStatus({ version: '3.7.0' })],
  ['versions-differ', 'warning', 'versions far apart', withStatus({ version: '3.8.0' })],
  [
    'cluster-version',
    'advice',
    'a cluster behind its members',
    cluster({
      members: [1n, 2n, 3n].map((id) =>
        member(id, { versions: observed({ server: '3.6.14', cluster: '3.5.0' }) }),
      ),
    }),
  ],
  ['storage-version', 'advice', 'formats of data that differ', withStatus({ storageVersion: '3.5.0' })],
  [
    'members-learning',
    'advice',
    'a learner',
    withList(listed(1n), listed(2n), listed(3n), listed(4n, { isLearner: true })),
  ],
  [
    'voters-count',
    'advice',
    'two voters',
    { ...withList(listed(1n), listed(2n)), members: [member(1n), member(2n)] },
  ],
  ['one-machine', 'advice', 'members on one machine', localCluster()],
  [
    'fragmentation',
    'advice',
    'an etcd that wants defrag',
    withMember({ metrics: ofEtcd, status: { dbSize: 900_000_000n, dbSizeInUse: 90_000_000n } }),
  ],
  [
    'slow-applies',
    'advice',
    'entries that are slow to apply',
    withPage('etcd_server_slow_apply_total 90000'),
  ],
  ['watchers', 'advice', 'very many watchers', withPage('etcd_debugging_mvcc_watcher_total 500000')],
  ['watchers', 'advice', 'watchers that are behind', withPage('etcd_debugging_mvcc_slow_watcher_total 3')],
  ['leases', 'advice', 'very many leases', cluster({ leaseCount: observed(200_000) })],
  [
    'started-lately',
    'advice',
    'a member that has just begun',
    withMember({ metrics: metrics('', { uptimeSeconds: 60 }) }),
  ],
];

function localCluster(): ClusterFacts {
  const url = (id: bigint, port: number) => `http://127.0.0.1:${id}${port}`;
  const ids = [1n, 2n, 3n];
  return cluster({
    memberList: observed(
      ids.map((id) => listed(id, { peerURLs: [url(id, 2380)], clientURLs: [url(id, 2379)] })),
    ),
    members: ids.map((id) => member(id, { endpoint: url(id, 2379), certificate: undefined })),
  });
}

function fiveMembers(): ClusterFacts {
  const ids = [1n, 2n, 3n, 4n, 5n];
  return cluster({
    memberList: observed(ids.map((id) => listed(id))),
    members: ids.map((id) => (id === 5n ? silentMember(id) : member(id))),
  });
}

describe('checks of members', () => {
  test.each(liveFaults)('%s names it, %s: %s', (id, severity, _, facts) => {
    const { findings } = live(facts);
    expect(findings[0]).toMatchObject({ id, severity });
    expect(findings[0]?.remedy.length).toBeGreaterThan(0);
  });

  test('each has a fault that it names', () => {
    expect(new Set(liveFaults.map(([id]) => id))).toEqual(new Set(liveChecks.map(({ id }) => id)));
  });

  test('what nobody could look at never counts as well', () => {
    const none = unobserved('nobody answers');
    const facts = cluster({
      members: [silentMember(1n)],
      ...{ memberList: none, hashes: none, authEnabled: none, leaseCount: none },
      peersUnasked: ['https://host1:2380'],
    });
    const { ok, findings } = live(facts);
    expect(findings.map(({ id }) => id)).toEqual(['member-unreachable']);
    // Of a member that is silent only the certificate was seen.
    expect(new Set(ok.map(({ id }) => id))).toEqual(
      new Set(['certificate-expiry', 'certificate-trust', 'tls-versions', 'access']),
    );
  });

  test('a member that asks who we are is there, and is not well for that', () => {
    const refused = { ...silentMember(3n), isRefused: true, metrics: metrics() };
    const { findings, unchecked } = live(cluster({ members: [member(1n), member(2n), refused] }));
    expect(findings).toEqual([]);
    expect(unchecked.find(({ id }) => id === 'raft-lag')?.reason).toContain('it asks who we are');
    expect(unchecked.map(({ id }) => id)).toContain('quorum');
  });

  test('hashes of different compactions are not compared', () => {
    const { findings, unchecked } = live(
      cluster({ hashes: observed([hashOf(1n, 7, 10n), hashOf(2n, 8, 20n)]) }),
    );
    expect(findings).toEqual([]);
    expect(unchecked.map(({ id }) => id)).toEqual(['hash-mismatch']);
  });

  test('members of several clusters are not compared with each other', () => {
    const { findings, unchecked } = live(withStatus(header({ clusterId: 8n })));
    expect(findings.map(({ id }) => id)).toEqual(['clusters-differ']);
    expect(unchecked.map(({ id }) => id)).toContain('leader');
  });

  test('defrag is advice for etcds only', () => {
    const commands = (facts: ClusterFacts) =>
      live(facts)
        .findings.flatMap(({ remedy }) => remedy)
        .join('\n');
    const full = { errors: ['memberID:3 alarm:NOSPACE '] };
    expect(commands(withStatus(full))).not.toContain('defrag');
    expect(commands(withMember({ metrics: ofEtcd, status: full }))).toContain('defrag');
  });

  test('a member at an address of its own is not missed', () => {
    const [first, second] = [member(1n), member(2n)];
    const third = { ...silentMember(3n), endpoint: 'https://10.0.0.3:2379' };
    expect(live(cluster({ members: [first, second, third] })).findings[0]?.id).toBe('quorum');
    const { findings, unchecked } = live(cluster({ members: [first, second] }));
    expect(findings).toEqual([]);
    expect(unchecked).toEqual([
      { id: 'quorum', subject: 'cluster', reason: 'nobody looked at n3: give their endpoints, or --cluster' },
    ]);
  });
});

const noLog = { log: undefined } as const;
const log = (more: Partial<LogFacts>): DataFacts => dataDir({ log: { ...dataDir().dir.log!, ...more } });
const store = (more: Partial<StoreFacts>, dir: Partial<DataDirFacts> = {}): DataFacts =>
  dataDir({ ...dir, store: { ...dataDir().dir.store!, ...more } });
const damaged = { kind: 'damaged', text: 'x' } as const;

const dataFaults: readonly (readonly [string, Severity, string, DataFacts])[] = [
  [
    'data-present',
    'critical',
    'a directory that cannot be read',
    dataDir({
      unreadable: 'EACCES',
      owner: 'none',
      log: undefined,
      store: undefined,
      places: [],
      volumes: [],
    }),
  ],
  ['data-present', 'critical', 'no member', dataDir({ owner: 'none', store: undefined, ...noLog })],
  ['data-present', 'critical', 'two members', dataDir({ owner: 'both' })],
  ['data-present', 'warning', 'a proxy', dataDir({ hasProxy: true })],
  ['restore-interrupted', 'critical', 'half a restore', dataDir({ isRestoreInterrupted: true })],
  ['log-present', 'critical', 'no log', dataDir({ ...noLog })],
  ['log-damaged', 'critical', 'a flipped bit', log({ problem: damaged })],
  ['log-damaged', 'critical', 'a segment that is gone', log({ problem: { kind: 'gap', text: 'x' } })],
  ['log-torn', 'advice', 'a torn end', log({ problem: { kind: 'torn', text: 'x' } })],
  [
    'log-fits-store',
    'critical',
    'a log that ends too early',
    log({ lastIndex: 1_980, hardState: { term: 4, vote: 1n, commit: 1_900 } }),
  ],
  [
    'log-fits-store',
    'critical',
    'commits beyond the log',
    log({ hardState: { term: 4, vote: 1n, commit: 2_001 } }),
  ],
  [
    'log-fits-store',
    'critical',
    'a log that begins behind the store',
    log({ marks: [{ index: 1_995, term: 4 }] }),
  ],
  [
    'log-fits-store',
    'critical',
    'a database of an etcd from before its snapshot',
    store(
      { kind: 'etcd', position: { index: 1_400, term: 4 } },
      {
        owner: 'etcd',
        log: {
          ...dataDir().dir.log!,
          marks: [
            { index: 1_000, term: 4 },
            { index: 1_500, term: 4 },
          ],
        },
      },
    ),
  ],
  [
    'log-size',
    'advice',
    'a long log',
    log({ segments: [{ name: 'a', sizeBytes: 900e6, allocatedBytes: 900e6 }] }),
  ],
  [
    'log-ahead',
    'advice',
    'a log of an etcd with holes',
    dataDir({
      owner: 'etcd',
      log: { ...dataDir().dir.log!, segments: [{ name: 'a', sizeBytes: 64e6, allocatedBytes: 4096 }] },
    }),
  ],
  ['store-damaged', 'critical', 'a bad table', store({ problem: damaged })],
  ['store-alarms', 'warning', 'an alarm', store({ alarmCount: 1 })],
  [
    'store-fragmented',
    'advice',
    'free pages',
    store({ kind: 'etcd', sizeBytes: 900e6, freeBytes: 800e6 }, { owner: 'etcd' }),
  ],
  [
    'snap-files',
    'advice',
    'a bad snapshot of Quorate',
    dataDir({ snapFiles: [{ name: 'a', index: 1, term: 1, problem: 'x' }] }),
  ],
  ['snap-files', 'warning', 'a missing snapshot of an etcd', dataDir({ owner: 'etcd', snapFiles: [] })],
  [
    'leftovers',
    'advice',
    'leftovers',
    dataDir({ leftovers: [{ path: '/data/member/store.tmp', sizeBytes: 5, kind: 'unfinished' }] }),
  ],
  ['disk-space', 'critical', 'a full disk', dataDir({ volumes: [volume({ freeBytes: 1e6 })] })],
  [
    'disk-space',
    'warning',
    'a disk that is nearly full',
    dataDir({ volumes: [volume({ sizeBytes: 20e9, freeBytes: 1e9 })] }),
  ],
  ['disk-space', 'warning', 'no files left', dataDir({ volumes: [volume({ freeFileCount: 10 })] })],
  ['file-system', 'warning', 'tmpfs', dataDir({ volumes: [volume({ type: 0x01021994 })] })],
  [
    'file-system',
    'warning',
    'a number of 32 bits below zero',
    dataDir({ volumes: [volume({ type: 0xff534d42 - 2 ** 32 })] }),
  ],
  [
    'file-modes',
    'warning',
    'an open directory',
    dataDir({ places: [{ path: '/data', isDirectory: true, mode: 0o755, uid: 1 }] }),
  ],
  [
    'file-modes',
    'warning',
    'files of another user',
    dataDir({
      places: [
        { path: '/data', isDirectory: true, mode: 0o700, uid: 0 },
        { path: '/data/member', isDirectory: true, mode: 0o700, uid: 1 },
        { path: '/data/member/x', isDirectory: false, mode: 0o600, uid: 0 },
      ],
    }),
  ],
  [
    'sync-measured',
    'warning',
    'a slow disk',
    { ...dataDir(), syncs: observed({ count: 200, p50Ms: 9, p99Ms: 40, maxMs: 50, folder: '/' }) },
  ],
  [
    'sync-measured',
    'critical',
    'a disk that stands still',
    { ...dataDir(), syncs: observed({ count: 200, p50Ms: 9, p99Ms: 900, maxMs: 950, folder: '/' }) },
  ],
];

describe('checks of data directories', () => {
  test('one where all is well has no findings', () => {
    expect(atRest(dataDir())).toMatchObject({ findings: [], unchecked: [] });
  });

  test.each(dataFaults)('%s names it, %s: %s', (id, severity, _, facts) => {
    const { findings } = atRest(facts);
    expect(findings[0]).toMatchObject({ id, severity });
    expect(findings[0]?.remedy.length).toBeGreaterThan(0);
  });

  test('each has a fault that it names, but for that of use, which is none', () => {
    const named = new Set(dataFaults.map(([id]) => id)).add('data-in-use');
    expect(named).toEqual(new Set(dataChecks.map(({ id }) => id)));
  });

  test('what a member has open is not called well', () => {
    const facts = dataDir({
      use: { state: 'used', pid: 7 },
      store: undefined,
      log: { ...dataDir().dir.log!, isEndUnsure: true },
    });
    const { findings, unchecked, ok } = atRest(facts);
    expect(findings).toEqual([]);
    const ids = unchecked.map(({ id }) => id);
    expect(ids).toEqual(['log-damaged', 'store-damaged', 'log-fits-store', 'log-torn', 'data-in-use']);
    expect(ok.some(({ id }) => ids.includes(id))).toBe(false);
  });
});

describe('a diagnosis', () => {
  test('ranks the worst first, and by checks within', () => {
    const facts = withMember({
      status: { errors: ['memberID:3 alarm:NOSPACE '], version: '3.7.0' },
      linearizableMs: observed([900]),
    });
    const diagnosis = together([
      atRest(dataDir({ ...noLog })),
      live({ ...facts, hashes: observed([hashOf(1n, 7), hashOf(2n, 8)]) }),
    ]);
    expect(diagnosis.findings.map(({ id }) => id)).toEqual([
      ...['log-present', 'hash-mismatch', 'alarm-nospace', 'read-latency', 'versions-differ'],
    ]);
    expect([worstOf(diagnosis), statusOf(diagnosis)]).toEqual(['critical', 3]);
    expect(statusOf(live(withStatus({ raftTerm: 3n })))).toBe(2);
    expect(statusOf(live(withStatus({ version: '3.7.0' })))).toBe(0);
    expect([worstOf(live(cluster())), statusOf(live(cluster()))]).toEqual(['ok', 0]);
  });
});

describe('a report', () => {
  const plain = (_: string, text: string) => text;
  const textOf = (facts: ClusterFacts) =>
    diagnosisPrintout(live(facts), { all: false, paint: plain }).simple();

  test('says once what is to be done about several members, and why several were not checked', () => {
    const young = metrics('', { uptimeSeconds: 60 });
    const none = unobserved('none are served');
    const members = [
      member(1n, { metrics: young }),
      member(2n, { metrics: young }),
      member(3n, { metrics: none }),
    ];
    const lines = textOf(cluster({ members })).split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'ADVICE    started-lately  2 times',
      '  seen: https://host1:2379: it began 60 s ago',
      '        https://host2:2379: it began 60 s ago',
      '  why:  one that is started again and again looks healthy in between, and its counters begin anew each time',
    ]);
    const gaps = lines.filter((line) => line.startsWith('Not checked: '));
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatch(
      /^Not checked: wal-sync, .*started-lately \(https:\/\/host3:2379: no metrics: none are served\)$/,
    );
  });

  test('of a cluster where all is well has one line', () => {
    expect(textOf(cluster())).toMatch(/^Nothing was found\. Checked: hash-mismatch, .*\.\n$/);
  });

  test('names the command that removes the member whose data differ', () => {
    const hashes = observed([hashOf(1n, 7), hashOf(2n, 7), hashOf(3n, 8)]);
    const text = textOf(cluster({ hashes, members: [member(1n), member(2n), member(3n)] }));
    expect(text).toContain('$ quoratectl member remove 3\n');
  });
});

describe('the clock of a member', () => {
  const sample = fc.record({
    sentMs: fc.integer({ min: 0, max: 100_000 }),
    thereMs: fc.integer({ min: 0, max: 800 }),
    backMs: fc.integer({ min: 0, max: 800 }),
  });

  test('lies within the bounds that answers give, and more answers never loosen them', () => {
    fc.assert(
      fc.property(
        fc.array(sample, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: -5_000, max: 5_000 }),
        (calls, offMs) => {
          const samples = calls.map(({ sentMs, thereMs, backMs }): ClockSample => {
            const dateMs = Math.floor((sentMs + thereMs + offMs) / 1_000) * 1_000;
            return { sentMs, receivedMs: sentMs + thereMs + backMs, dateMs };
          });
          const bounds = clockBounds(samples);
          const first = clockBounds(samples.slice(0, 1));
          if (bounds === undefined || first === undefined) throw new Error('no bounds');
          expect(bounds.leastMs).toBeLessThanOrEqual(offMs);
          expect(bounds.mostMs).toBeGreaterThanOrEqual(offMs);
          expect(surelyOffMs(bounds)).toBeLessThanOrEqual(Math.abs(offMs));
          expect(bounds.mostMs - bounds.leastMs).toBeLessThanOrEqual(first.mostMs - first.leastMs);
        },
      ),
    );
  });

  test('is not known of none, or of answers that contradict each other', () => {
    const at = (dateMs: number) => ({ sentMs: 0, receivedMs: 1, dateMs });
    expect(clockBounds([])).toBeUndefined();
    expect(clockBounds([at(0), at(60_000)])).toBeUndefined();
  });
});

describe('a page of metrics', () => {
  test('a quantile lies between the bounds of its bucket', () => {
    const counts = fc.array(fc.nat({ max: 1_000 }), { minLength: 3, maxLength: 10 });
    fc.assert(
      fc.property(counts, fc.double({ min: 0.01, max: 0.999, noNaN: true }), (inBucket, share) => {
        let total = 0;
        const lines = inBucket.map((count, at) => {
          total += count;
          return `h_bucket{le="${at === inBucket.length - 1 ? '+Inf' : 2 ** at}"} ${total}`;
        });
        const quantile = MetricsPage.parse(lines.join('\n')).quantile('h', share);
        if (total === 0) {
          expect(quantile).toBeUndefined();
          return;
        }
        let below = 0;
        const at = inBucket.findIndex((count) => (below += count) >= share * total);
        const isLast = at === inBucket.length - 1;
        const [low, high] = [at === 0 ? 0 : 2 ** (at - 1), isLast ? 2 ** (at - 1) : 2 ** at];
        expect(quantile?.isBeyond).toBe(isLast);
        expect(quantile?.seconds).toBeGreaterThanOrEqual(low);
        expect(quantile?.seconds).toBeLessThanOrEqual(high);
        expect(quantile?.count).toBe(total);
      }),
    );
  });

  test('counters begin where an older page ends, unless the member began anew in between', () => {
    const page = (count: number, start: number) =>
      MetricsPage.parse(`process_start_time_seconds ${start}\nc{a="x\\"y"} ${count}\nc{a="z"} 1\ng 5`);
    const [before, now, restarted] = [page(10, 1), page(25, 1), page(3, 2)];
    expect(now.since(before).counter('c')).toBe(15);
    expect(now.since(before).counter('c', { a: 'x"y' })).toBe(15);
    expect(now.since(before).gauge('g')).toBe(5);
    expect(restarted.since(before).counter('c')).toBe(4);
    expect(now.counter('none')).toBeUndefined();
  });
});

test('times of syncs are summed up by rank', () => {
  const times = Array.from({ length: 200 }, (_, at) => 200 - at);
  expect(summaryOf(times)).toEqual({ count: 200, p50Ms: 101, p99Ms: 199, maxMs: 200 });
});

describe('hashes', () => {
  /** A member that was compacted at these revisions, one after the other, whenever it is asked. */
  function hashed(endpoint: string, revision: bigint, compactions: bigint[]) {
    const asked: bigint[] = [];
    const client: HashedClient = {
      maintenance: {
        status: async () => ({
          ...rpcpb.StatusResponse.create(),
          header: { ...rpcpb.ResponseHeader.create(), revision },
        }),
        hashKv: async ({ revision: at = 0n }) => {
          asked.push(at);
          const compactRevision = (compactions.length > 1 ? compactions.shift() : compactions[0]) ?? 0n;
          return { ...rpcpb.HashKVResponse.create(), hash: 7, compactRevision };
        },
      },
    };
    return { endpoint, asked, client: async () => client };
  }

  test('are asked for at the newest revision that all have', async () => {
    const members = [hashed('a', 90n, [5n]), hashed('b', 70n, [5n])];
    const hashes = await observeHashes(members, 1_000);
    expect(members.map(({ asked }) => asked)).toEqual([[70n], [70n]]);
    expect(hashes.map(({ hash, revision }) => [hash, revision])).toEqual([
      [7, 70n],
      [7, 70n],
    ]);
  });

  test('are asked for again when one was compacted in between, but not for ever', async () => {
    const members = [hashed('a', 90n, [5n, 6n]), hashed('b', 90n, [6n])];
    await observeHashes(members, 1_000);
    expect(members.map(({ asked }) => asked.length)).toEqual([2, 2]);
    const never = [hashed('a', 90n, [5n]), hashed('b', 90n, [6n])];
    await observeHashes(never, 1_000);
    expect(never.map(({ asked }) => asked.length)).toEqual([3, 3]);
  });

  test('that a member does not tell have a reason', async () => {
    const silent: HashedClient = {
      maintenance: {
        status: async () => Promise.reject(new Error('gone')),
        hashKv: async () => Promise.reject(new Error('gone')),
      },
    };
    const [hash] = await observeHashes([{ endpoint: 'a', client: async () => silent }], 1_000);
    expect(hash).toMatchObject({ hash: undefined, reason: 'no hash: gone' });
  });
});
