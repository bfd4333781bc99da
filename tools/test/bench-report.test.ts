import { expect, test } from 'vitest';
import { figure, mebibytes, ratio, spread, table } from '../src/bench/markdown-table.ts';
import type { Spread } from '../src/bench/measure.ts';
import { renderReport } from '../src/bench/report.ts';
import type { BenchResult, GrpcRow, InProcessResult, RestartSide } from '../src/bench/results.ts';

test('figures have three digits that count', () => {
  expect([0.01234, 1.234, 12.34, 123.4, 1_234_567].map(figure)).toEqual([
    '0.012',
    '1.23',
    '12.3',
    '123',
    '1,234,567',
  ]);
});

test('a figure that cannot be is a dash', () => {
  expect(figure(1 / 0)).toBe('-');
  expect(figure(0 / 0)).toBe('-');
});

test('a spread shows its extremes', () => {
  expect(spread({ median: 2, min: 1, max: 30, runs: 3 })).toBe('2.00 (1.00..30.0)');
});

test('a ratio below one says that it is worse', () => {
  expect(ratio(2.345)).toBe('2.35x');
  expect(ratio(1)).toBe('1.00x');
  expect(ratio(0.5)).toBe('**0.50x, worse**');
});

test('bytes are told in mebibytes', () => {
  expect(mebibytes(3 * 2 ** 20)).toBe('3.00 MiB');
});

test('a table has names on the left and numbers on the right', () => {
  expect(table(['a', 'b'], [['x', '1']])).toBe('| a | b |\n| --- | ---: |\n| x | 1 |');
  expect(table(['a', 'b'], [], { textColumns: 2 })).toBe('| a | b |\n| --- | --- |');
});

function flat(median: number): Spread {
  return { median, min: median, max: median, runs: 5 };
}

function row(rates: { readonly quorate: number; readonly etcd: number }): GrpcRow {
  const side = (rate: number) => ({
    perSecond: flat(rate),
    p50Ms: flat(1000 / rate),
    p99Ms: flat(2000 / rate),
    cpuMicros: flat(1e6 / rate),
    generatorMicros: flat(3),
  });
  return {
    workload: 'put',
    inFlight: 100,
    connections: 10,
    sides: { quorate: side(rates.quorate), etcd: side(rates.etcd) },
  };
}

const environment: BenchResult['environment'] = {
  command: 'npm run bench',
  date: '2026-01-02',
  cpu: 'Some CPU',
  cores: 2,
  memoryBytes: 2 ** 34,
  kernel: 'Linux 6.1',
  fileSystem: 'ext4',
  node: 'v24',
  quorate: 'abc1234',
  etcd: '3.5.30',
  loadBefore: 0.1,
  loadAfter: 1.5,
  syncP50Ms: 0.2,
  syncP99Ms: 1,
};

test('a report says where it was measured, and has the sections that were measured', () => {
  const report = renderReport({ environment });
  for (const text of ['Some CPU, 2 cores', '16.0 GiB', 'p50 0.200 ms, p99 1.00 ms', 'abc1234', '3.5.30']) {
    expect(report).toContain(text);
  }
  expect(report).not.toContain('## Over gRPC');
  expect(report).not.toContain('## In process');
  expect(report).not.toContain('## Memory');
});

test('rows that Quorate loses are marked and counted', () => {
  const rows = [row({ quorate: 1000, etcd: 2000 }), row({ quorate: 3000, etcd: 2000 })];
  const report = renderReport({ environment, grpc: { seconds: 4, rows } });
  expect(report).toContain('**0.50x, worse**');
  expect(report).toContain('1.50x');
  expect(report).toContain('etcd has the higher throughput in 1 of 2 rows and needs less CPU in 1.');
});

function inProcess(change: Partial<InProcessResult>): InProcessResult {
  return {
    seconds: 4,
    puts: flat(20_000),
    linearizableGets: flat(50_000),
    serializableGets: flat(60_000),
    rangeBytesPerSecond: flat(500e6),
    etcdPuts: flat(10_000),
    etcdLinearizableGets: flat(10_000),
    ...change,
  };
}

test('goals that are just reached pass', () => {
  const report = renderReport({ environment, inProcess: inProcess({}) });
  expect(report.match(/\| pass \|/g)).toHaveLength(3);
  expect(report).not.toContain('fail');
});

test('each goal that is missed fails', () => {
  const missed = { puts: flat(19_999), linearizableGets: flat(49_999), rangeBytesPerSecond: flat(499e6) };
  const report = renderReport({ environment, inProcess: inProcess(missed) });
  expect(report.match(/\| \*\*fail\*\* \|/g)).toHaveLength(3);
});

test('less memory and a faster restart are in favour of whoever has them', () => {
  const side = (scale: number): RestartSide => {
    const memory = { rss: scale * 2 ** 20, pss: scale * 2 ** 20, pssAnonymous: scale * 2 ** 20 };
    return {
      loadSeconds: scale,
      afterLoad: memory,
      afterRestart: memory,
      stopMs: flat(scale),
      firstReadMs: flat(scale),
    };
  };
  const restart = { keys: 1_000_000, sides: { quorate: side(50), etcd: side(100) } };
  const report = renderReport({ environment, restart });
  expect(report).toContain('| RSS after load | 50.0 MiB | 100 MiB | 2.00x |');
  expect(report).toContain('1,000,000 keys');
  expect(report).not.toMatch(/\|[^|\n]*worse/);
});

test('of several runs each has its own column of the environment, and says which sections are of it', () => {
  const report = renderReport(
    { environment, grpc: { seconds: 4, rows: [] } },
    { environment: { ...environment, quorate: 'another commit' }, inProcess: inProcess({}) },
  );
  expect(report).toMatch(/\| what +\| run 1 +\| run 2 +\|/);
  expect(report).toMatch(/\| sections +\| grpc +\| in-process +\|/);
  expect(report).toMatch(/\| Quorate +\| .*another commit +\|/);
  expect(report).toContain('## Over gRPC');
  expect(report).toContain('## In process');
});
