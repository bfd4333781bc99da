import { openTestMember, putRequest, rangeRequest } from '@quorate/replica/testing';
import { methodTable } from '@quorate/rpc';
import { rpcpb } from '@quorate/wire';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../src/config/command-line.ts';
import { loadConfig } from '../src/config/load.ts';
import { openCredentials } from '../src/credentials.ts';
import { isUnary } from '../src/grpc-metrics.ts';
import { DurationTallies } from '../src/duration-tallies.ts';
import { Metrics } from '../src/metrics.ts';
import { withSlowCallLog } from '../src/observers.ts';
import { newTestLog } from './test-log.ts';

async function openObserved(extensive = false) {
  const commandLine = parseCommandLine(['--feature-gates=CompactHashCheck=true']);
  if (commandLine.action !== 'run') throw new Error('these flags run a member');
  const { config } = loadConfig({ flags: commandLine.flags, env: {} });
  const metrics = new Metrics({
    serverVersion: '3.6.14',
    extensive,
    quotaBytes: 2 ** 31,
    slowApplyMs: 5,
    featureGates: config.featureGates,
    ofProcess: true,
  });
  const member = await openTestMember({ observer: metrics.replicaObserver });
  metrics.watch(member.replica, await openCredentials(config, newTestLog().log));
  return { metrics, member };
}

/** The value of a series, as it stands in the text. */
async function seriesOf(metrics: Metrics): Promise<Map<string, number>> {
  const { text } = await metrics.text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

async function namesOf(metrics: Metrics): Promise<string[]> {
  const { text } = await metrics.text();
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? '');
}

/** What the dashboards and alerts of etcd's own project ask for; histograms without their suffix. */
const dashboardNames = [
  'grpc_server_handled_total',
  'grpc_server_started_total',
  'grpc_server_handling_seconds',
  'etcd_server_has_leader',
  'etcd_server_leader_changes_seen_total',
  'etcd_server_proposals_failed_total',
  'etcd_server_proposals_pending',
  'etcd_server_proposals_committed_total',
  'etcd_server_proposals_applied_total',
  'etcd_mvcc_db_total_size_in_bytes',
  'etcd_mvcc_db_total_size_in_use_in_bytes',
  'etcd_server_quota_backend_bytes',
  'etcd_disk_wal_fsync_duration_seconds',
  'etcd_disk_backend_commit_duration_seconds',
  'etcd_network_peer_round_trip_time_seconds',
  'etcd_network_peer_sent_bytes_total',
  'etcd_network_peer_received_bytes_total',
  'etcd_network_peer_sent_failures_total',
  'etcd_network_client_grpc_sent_bytes_total',
  'etcd_network_client_grpc_received_bytes_total',
  'process_resident_memory_bytes',
];

test('every metric that the dashboards of etcd use is there', async () => {
  const { metrics } = await openObserved(true);
  expect(await namesOf(metrics)).toEqual(expect.arrayContaining(dashboardNames));
});

test('histograms of calls are there only when asked for', async () => {
  const { metrics } = await openObserved(false);
  expect(await namesOf(metrics)).not.toContain('grpc_server_handling_seconds');
});

test('operations, leases and the log are counted', async () => {
  const { metrics, member } = await openObserved();
  const { replica } = member;
  const during = <T>(work: Promise<T>): Promise<T> => member.during(work);
  await during(replica.leases.grant({ ID: 7n, TTL: 60n }));
  await during(replica.kv.put(putRequest('a', '1', { lease: 7n })));
  await during(replica.kv.range(rangeRequest('a')));
  await during(replica.leases.keepAlive(7n));
  await during(replica.leases.revoke({ ID: 7n }));
  const series = await seriesOf(metrics);
  expect(Object.fromEntries(series)).toMatchObject({
    etcd_mvcc_put_total: 1,
    etcd_mvcc_delete_total: 1,
    etcd_mvcc_range_total: 1,
    etcd_mvcc_txn_total: 0,
    etcd_debugging_lease_granted_total: 1,
    etcd_debugging_lease_renewed_total: 1,
    etcd_debugging_lease_revoked_total: 1,
    etcd_debugging_mvcc_keys_total: 0,
    etcd_debugging_mvcc_current_revision: 3,
    etcd_server_has_leader: 1,
    etcd_server_is_leader: 1,
    etcd_server_quota_backend_bytes: 2 ** 31,
    etcd_server_slow_apply_total: 0,
    'etcd_cluster_version{cluster_version="3.6.0"}': 1,
    'etcd_server_version{server_version="3.6.14"}': 1,
    'etcd_server_id{server_id="8e9e05c52164694d"}': 1,
    'etcd_server_feature_enabled{name="CompactHashCheck",stage="ALPHA"}': 1,
    'etcd_server_feature_enabled{name="LeaseCheckpoint",stage="ALPHA"}': 0,
  });
  expect(series.get('etcd_disk_wal_write_bytes_total')).toBeGreaterThan(0);
  expect(series.get('etcd_disk_wal_fsync_duration_seconds_count')).toBeGreaterThan(0);
});

test('upkeep is timed: compactions by their slices, hashes, and what goes into the store', async () => {
  const { metrics, member } = await openObserved();
  const { replica } = member;
  const during = <T>(work: Promise<T>): Promise<T> => member.during(work);
  await during(replica.leases.grant({ ID: 7n, TTL: 60n }));
  for (const value of ['1', '2', '3']) await during(replica.kv.put(putRequest('a', value)));
  const compaction = rpcpb.CompactionRequest.encode({ revision: 4n, physical: true }).finish();
  await during(replica.kv.compact(compaction));
  const { maintenance } = metrics.timed(replica);
  await during(maintenance.hash());
  await during(maintenance.hashKv({ revision: 0n }));
  await during(maintenance.defragment());
  const { chunks } = await during(maintenance.snapshot());
  const reading = Array.fromAsync(chunks);
  expect(await during(reading)).not.toEqual([]);
  await metrics.text();
  const series = await seriesOf(metrics);
  expect(Object.fromEntries(series)).toMatchObject({
    etcd_debugging_lease_ttl_total_count: 1,
    etcd_debugging_lease_ttl_total_sum: 60,
    etcd_debugging_mvcc_db_compaction_keys_total: 2,
    etcd_mvcc_hash_duration_seconds_count: 1,
    etcd_mvcc_hash_rev_duration_seconds_count: 1,
    etcd_disk_backend_defrag_duration_seconds_count: 1,
    etcd_disk_backend_snapshot_duration_seconds_count: 1,
    etcd_disk_defrag_inflight: 0,
    etcd_server_snapshot_apply_in_progress_total: 0,
    'promhttp_metric_handler_requests_total{code="200"}': 1,
    promhttp_metric_handler_requests_in_flight: 1,
  });
  // Three times a key and a value of a byte, with their revisions.
  expect(series.get('etcd_debugging_mvcc_total_put_size_in_bytes')).toBeGreaterThanOrEqual(3 * 8);
  expect(
    series.get('etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_count'),
  ).toBeGreaterThanOrEqual(1);
});

test('a snapshot of the leader is in progress from its arrival until it is installed; promotions count while leading', async () => {
  const { metrics } = await openObserved();
  const valueOf = async (name: string) => (await seriesOf(metrics)).get(name);
  metrics.peerObserver(1n).onSnapshotReceived?.({ from: 2n, ok: true, seconds: 1, bytes: 100 });
  expect(await valueOf('etcd_server_snapshot_apply_in_progress_total')).toBe(1);
  metrics.replicaObserver.onSnapshotInstalled?.({ index: 7, durationMs: 1 });
  expect(await valueOf('etcd_server_snapshot_apply_in_progress_total')).toBe(0);
  metrics.replicaObserver.onMemberChange?.({ kind: 'promoted', member: 2n });
  metrics.replicaObserver.onMemberChange?.({ kind: 'added', member: 3n });
  expect(await valueOf('etcd_server_learner_promote_successes')).toBe(1);
});

test('totals stay what they are from scrape to scrape', async () => {
  const { metrics, member } = await openObserved();
  await member.during(member.replica.kv.put(putRequest('a', '1')));
  await metrics.text();
  expect((await seriesOf(metrics)).get('etcd_mvcc_put_total')).toBe(1);
});

test('entries that took long to apply are counted as slow', async () => {
  const { metrics } = await openObserved();
  metrics.replicaObserver.onApplied?.({ entries: 3, durationMs: 4, applied: [] });
  metrics.replicaObserver.onApplied?.({ entries: 3, durationMs: 6, applied: [] });
  expect((await seriesOf(metrics)).get('etcd_server_slow_apply_total')).toBe(1);
});

describe('calls of clients', () => {
  const put = '/etcdserverpb.KV/Put';
  const watch = '/etcdserverpb.Watch/Watch';

  test('are counted by method, status and the version that the client says', async () => {
    const { metrics } = await openObserved();
    metrics.grpc.onStarted(put, '3.6');
    metrics.grpc.onReceived(put, 10);
    metrics.grpc.onSent(put, 20);
    metrics.grpc.onHandled({ path: put, status: 8, durationMs: 1 });
    metrics.grpc.onStarted(watch, '');
    const method = 'grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put"';
    expect(Object.fromEntries(await seriesOf(metrics))).toMatchObject({
      [`grpc_server_started_total{${method}}`]: 1,
      [`grpc_server_msg_received_total{${method}}`]: 1,
      [`grpc_server_handled_total{${method},grpc_code="ResourceExhausted"}`]: 1,
      etcd_network_client_grpc_received_bytes_total: 10,
      etcd_network_client_grpc_sent_bytes_total: 20,
      'etcd_server_client_requests_total{type="unary",client_api_version="3.6"}': 1,
      'etcd_server_client_requests_total{type="stream",client_api_version="unknown"}': 1,
    });
  });

  test('on keys are timed under the name of etcd 3.7, by method, refused ones apart', async () => {
    const { metrics } = await openObserved();
    for (const status of [0, 0, 8]) metrics.grpc.onHandled({ path: put, status, durationMs: 3 });
    metrics.grpc.onHandled({ path: watch, status: 0, durationMs: 3 });
    metrics.grpc.onHandled({ path: '/etcdserverpb.KV/RangeStream', status: 0, durationMs: 3 });
    const series = await seriesOf(metrics);
    const name = 'etcd_server_request_duration_seconds';
    expect(series.get(`${name}_count{type="Put",success="true"}`)).toBe(2);
    expect(series.get(`${name}_bucket{type="Put",success="true",le="0.002"}`)).toBe(0);
    expect(series.get(`${name}_bucket{type="Put",success="true",le="0.004"}`)).toBe(2);
    expect(series.get(`${name}_count{type="Put",success="false"}`)).toBe(1);
    expect([...series.keys()].filter((key) => key.startsWith(`${name}_count`))).toHaveLength(2);
  });

  test('cannot make up any number of series', async () => {
    const { metrics } = await openObserved();
    for (let i = 0; i < 1000; i++) metrics.grpc.onStarted(put, `9.${i}`);
    metrics.grpc.onStarted(put, 'a text\nof a client');
    const names = [...(await seriesOf(metrics)).keys()].filter((name) =>
      name.startsWith('etcd_server_client_requests'),
    );
    expect(names.length).toBeLessThan(100);
  });

  test('are unary or streams as the table of methods says', async () => {
    const { member } = await openObserved();
    for (const [path, method] of methodTable(member.replica)) {
      expect([path, isUnary(path)]).toEqual([path, method.kind === 'unary']);
    }
  });

  test('that took long are logged by their method; streams may take as long as they like', async () => {
    const { metrics } = await openObserved();
    const { log, lines } = newTestLog();
    const observer = withSlowCallLog(metrics.grpc, { log, slowCallMs: 300 });
    observer.onHandled?.({ path: put, status: 0, durationMs: 299 });
    observer.onHandled?.({ path: watch, status: 1, durationMs: 9_000 });
    observer.onHandled?.({ path: put, status: 0, durationMs: 301 });
    expect(lines).toEqual([
      expect.objectContaining({
        level: 40,
        msg: 'a request took long',
        method: put,
        status: 0,
        durationMs: 301,
        thresholdMs: 300,
      }),
    ]);
  });
});

test('metrics of the store are those of the one that a snapshot of the leader has put in place', async () => {
  const { metrics, member } = await openObserved();
  const other = await openTestMember();
  for (const key of ['a', 'b', 'c']) await other.during(other.replica.kv.put(putRequest(key, 'v')));
  member.replica.state.store = other.replica.state.store;
  const series = await seriesOf(metrics);
  expect(series.get('etcd_debugging_mvcc_current_revision')).toBe(4);
  expect(series.get('etcd_debugging_mvcc_keys_total')).toBe(3);
});

test('requests applied and ranges read are timed under their names, refused ones apart', async () => {
  const { metrics, member } = await openObserved();
  await member.during(member.replica.kv.put(putRequest('a', '1')));
  await member.during(member.replica.kv.range(rangeRequest('a')));
  const refused = member.during(member.replica.kv.put(putRequest('a', '1', { lease: 7n })));
  await expect(refused).rejects.toThrow();
  const series = await seriesOf(metrics);
  const applied = 'etcd_server_apply_duration_seconds';
  expect(series.get(`${applied}_count{version="v3",op="Put",success="true"}`)).toBe(1);
  expect(series.get(`${applied}_bucket{version="v3",op="Put",success="true",le="+Inf"}`)).toBe(1);
  expect(series.get(`${applied}_count{version="v3",op="Put",success="false"}`)).toBe(1);
  expect(series.get(`${applied}_sum{version="v3",op="Put",success="true"}`)).toBeGreaterThanOrEqual(0);
  expect(series.get('etcd_server_range_duration_seconds_count{success="true"}')).toBe(1);
  expect([...series.keys()].filter((name) => name.includes('op="Txn"'))).toEqual([]);
});

test('durations are counted below each bound, the last one included', async () => {
  const registry = new Registry();
  const tallies = new DurationTallies(registry, { name: 'x', help: 'x', firstSeconds: 0.001, bounds: 3 });
  const observe = tallies.series({ kind: 'a' });
  for (const durationMs of [0, 1, 1.5, 2, 3, 4, 5, 1e9]) observe(durationMs);
  const text = await registry.metrics();
  const below = [...text.matchAll(/x_bucket\{kind="a",le="(.*)"\} (\d+)/g)].map(([, le, count]) => [
    le,
    count,
  ]);
  expect(below).toEqual([
    ['0.001', '2'],
    ['0.002', '4'],
    ['0.004', '6'],
    ['+Inf', '8'],
  ]);
  expect(text).toContain('x_count{kind="a"} 8');
});
