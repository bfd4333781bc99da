import { expect, test } from 'vitest';
import { figure, mebibytes, ratio, spread, table } from '../src/bench/markdown-table.ts';
import { renderReport } from '../src/bench/report.ts';
import type {
  BenchResult,
  CallRow,
  CallsResult,
  ClientsResult,
  InProcessResult,
  InterferenceResult,
  MillionSide,
  TuningResult,
} from '../src/bench/results.ts';
import { callRow, environment, flat } from './bench-figures.ts';

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

function calls(...rows: readonly CallRow[]): BenchResult {
  const result: CallsResult = { seconds: 4, placements: [{ placement: 'shared', rows }] };
  return { calls: { environment, result } };
}

test('a report says where it was measured, and has the sections that were measured', () => {
  const report = renderReport(calls());
  for (const text of ['Some CPU, 2 cores', '16.0 GiB', 'p50 0.200 ms, p99 1.00 ms', 'abc1234', '3.5.30']) {
    expect(report).toContain(text);
  }
  expect(report).toContain('## Calls to one member');
  expect(report).not.toContain('## In process');
  expect(report).not.toContain('## A million');
});

test('rows that Quorate loses are marked and counted', () => {
  const report = renderReport(
    calls(callRow({ quorate: 1000, etcd: 2000 }), callRow({ quorate: 3000, etcd: 2000 })),
  );
  expect(report).toContain('**0.50x, worse**');
  expect(report).toContain('1.50x');
  expect(report).toContain('etcd has the higher throughput in 1 of 2 rows and needs less CPU in 1.');
});

test('a ratio is that to the better etcd, be it the tuned one or the other', () => {
  expect(renderReport(calls(callRow({ quorate: 3000, etcd: 1000, tuned: 2000 })))).toContain('| 1.50x |');
  expect(renderReport(calls(callRow({ quorate: 3000, etcd: 2000, tuned: 1000 })))).toContain('| 1.50x |');
});

function inProcess(change: Partial<InProcessResult>): BenchResult {
  const result: InProcessResult = {
    seconds: 4,
    puts: flat(20_000),
    linearizableGets: flat(50_000),
    serializableGets: flat(60_000),
    rangeBytesPerSecond: flat(500e6),
    etcdPuts: flat(10_000),
    etcdLinearizableGets: flat(10_000),
    ...change,
  };
  return { inProcess: { environment, result } };
}

test('goals that are just reached pass', () => {
  const report = renderReport(inProcess({}));
  expect(report.match(/\| pass \|/g)).toHaveLength(3);
  expect(report).not.toContain('fail**');
});

test('each goal that is missed fails', () => {
  const missed = { puts: flat(19_999), linearizableGets: flat(49_999), rangeBytesPerSecond: flat(499e6) };
  expect(renderReport(inProcess(missed)).match(/\| \*\*fail\*\* \|/g)).toHaveLength(3);
});

test('less memory and a faster restart are in favour of whoever has them', () => {
  const side = (scale: number): MillionSide => {
    const memory = { rss: scale * 2 ** 20, pss: scale * 2 ** 20, pssAnonymous: scale * 2 ** 20 };
    return {
      loadSeconds: scale,
      afterLoad: memory,
      afterRestart: memory,
      stopMs: flat(scale),
      firstReadMs: flat(scale),
    };
  };
  const result = { keys: 1_000_000, rows: [], sides: { quorate: side(50), etcd: side(100) } };
  const report = renderReport({ million: { environment, result } });
  expect(report).toContain('| RSS after load | 50.0 MiB | 100 MiB | - | 2.00x |');
  expect(report).toContain('1,000,000 keys');
  expect(report).not.toMatch(/\|[^|\n]*worse/);
});

test('puts beside lists are told with their quantiles, and how many lists were read', () => {
  const phase = (ms: number) => ({ count: 1000, p50Ms: ms, p99Ms: 2 * ms, p999Ms: 3 * ms, maxMs: 4 * ms });
  const side = (ms: number) => ({
    ...{ quiet: phase(1), during: phase(ms), p99Ms: flat(2 * ms), listsPerSecond: flat(7) },
  });
  const result: InterferenceResult = {
    ...{ putsPerSecond: 500, listKeys: 100_000, listBytes: 102_400_000, seconds: 4 },
    placements: [{ placement: 'shared', sides: { quorate: side(10), etcd: side(20) } }],
  };
  const report = renderReport({ interference: { environment, result } });
  expect(report).toContain('| put p99.9 during lists, ms | 30.0 | 60.0 | - | 2.00x |');
  expect(report).toContain('| lists a second | 7.00 (7.00..7.00) |');
});

test('the sweep shows every way that was tried, and names the one that was taken', () => {
  const setting = { name: 'more memory', flags: ['--some=1'], env: { GOGC: '400' } };
  const trials = [{ setting, putsPerSecond: 1000, getsPerSecond: 2000 }];
  const result: TuningResult = {
    seconds: 1,
    placements: [{ placement: 'shared', trials, chosen: setting }],
  };
  const report = renderReport({ tuning: { environment, result } });
  expect(report).toContain('| more memory | 1,000 | 2,000 |');
  expect(report).toContain('Tuned, shared cores: `GOGC=400 --some=1`.');
});

test('a client that is not here is told of', () => {
  const side = { perSecond: flat(1000), cpuMicros: flat(50), clientMicros: flat(100) };
  const result: ClientsResult = {
    rows: [{ client: 'somebody’s', operation: 'put', sides: { quorate: side, etcd: side } }],
    missing: ['h2load is not installed here'],
  };
  const report = renderReport({ clients: { environment, result } });
  expect(report).toContain('Not measured: h2load is not installed here.');
  expect(report).toContain('| somebody’s | put | 1,000 (1,000..1,000) |');
});

test('of several runs each has its own column of the environment, and says which sections are of it', () => {
  const other = { ...environment, quorate: 'another commit' };
  const report = renderReport({
    ...calls(),
    inProcess: { ...inProcess({}).inProcess!, environment: other },
  });
  expect(report).toMatch(/\| what +\| run 1 +\| run 2 +\|/);
  expect(report).toMatch(/\| sections +\| calls +\| in-process +\|/);
  expect(report).toMatch(/\| Quorate +\| .*another commit +\|/);
});

test('the data of each section is linked', () => {
  const report = renderReport({ ...calls(), ...inProcess({}) });
  expect(report).toContain(
    '[calls.json](benchmarks/calls.json), [in-process.json](benchmarks/in-process.json)',
  );
});
