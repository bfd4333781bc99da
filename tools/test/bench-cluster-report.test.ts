import { expect, test } from 'vitest';
import { renderCatchUp, renderCluster, renderFailover, renderSnapshot } from '../src/bench/cluster-report.ts';
import type {
  CallRow,
  ClusterResult,
  ClusterRow,
  FailoverSide,
  Measured,
  RecoveryResult,
  RecoverySide,
} from '../src/bench/results.ts';
import { callRow, environment, flat } from './bench-figures.ts';

function rowOf({ sides }: CallRow): ClusterRow {
  return { ...{ workload: 'put', inFlight: 100, connections: 10, through: 'follower' }, sides };
}

function clusterOf(result: Partial<ClusterResult>): Measured<ClusterResult> {
  return { environment, result: { seconds: 4, repeated: { quorate: 0, etcd: 0 }, rows: [], ...result } };
}

function recovery(quorate: Partial<RecoverySide>, etcd: Partial<RecoverySide>): RecoveryResult {
  const phase = { count: 1000, p50Ms: 1, p99Ms: 2, maxMs: 3 };
  const side = {
    recoveredMs: flat(1000),
    storeBytes: 2 ** 20,
    phases: { before: phase, during: phase, after: phase },
  };
  return {
    ...{ keys: 100_000, valueSize: 256, putsPerSecond: 200, repeated: { quorate: 0, etcd: 0 } },
    sides: { quorate: { ...side, ...quorate }, etcd: { ...side, ...etcd } },
  };
}

test('rows of clusters that Quorate loses are marked and counted, and say through whom they went', () => {
  const rows = [callRow({ quorate: 1000, etcd: 2000 }), callRow({ quorate: 3000, etcd: 2000 })].map(rowOf);
  const report = renderCluster(clusterOf({ rows }));
  expect(report).toContain('| put | follower | 100 | 1,000 (1,000..1,000) |');
  expect(report).toContain('**0.50x, worse**');
  expect(report).toContain('etcd has the higher throughput in 1 of 2 rows and needs less CPU in 1.');
  expect(report).toContain('The leader never changed meanwhile.');
});

test('measurements that were made again are told', () => {
  const report = renderCluster(clusterOf({ repeated: { quorate: 2, etcd: 1 } }));
  expect(report).toContain('because the leader changed meanwhile: 2 of Quorate, 1 of etcd.');
});

test('a catch-up shows what of it is the start of a process, and what the clients of the leader saw', () => {
  const report = renderCatchUp(
    recovery({ recoveredMs: flat(2000), restartedMs: flat(500) }, { restartedMs: flat(100) }),
  );
  expect(report).toContain('100,000 puts of 256 bytes');
  expect(report).toMatch(/\| start to caught up, ms \|.*\*\*0\.50x, worse\*\* \|/);
  expect(report).toMatch(/\| start with nothing missed, ms \|.*\*\*0\.20x, worse\*\* \|/);
  for (const phase of ['before', 'during', 'after'])
    expect(report).toContain(`| put p99 ${phase}, ms | 2.00 | 2.00 |`);
});

test('a snapshot has no start without anything missed', () => {
  const report = renderSnapshot(recovery({ recoveredMs: flat(500) }, {}));
  expect(report).toMatch(/\| start to installed, ms \|.*2\.00x \|/);
  expect(report).not.toContain('nothing missed');
});

test('a failover within three seconds at p99 passes, and a longer one fails', () => {
  const side = (p99Ms: number): FailoverSide => ({ medianMs: 1000, p99Ms, minMs: 900, maxMs: p99Ms });
  const report = (p99Ms: number): string =>
    renderFailover({ rounds: 50, sides: { quorate: side(p99Ms), etcd: side(2000) } });
  expect(report(3000)).toContain('at p99: pass');
  expect(report(3001)).toContain('at p99: **fail**');
});
