import { expect, test } from 'vitest';
import { headlineRows, renderHeadline, verdictOf } from '../src/bench/headline.ts';
import type { BenchResult } from '../src/bench/results.ts';
import { saturationOf } from '../src/bench/saturation.ts';
import { callRow, environment, flat, sideOf } from './bench-figures.ts';

const bounds = { must: 1.5, goal: 4 };

test.each([
  [4, 'goal'],
  [3.99, 'must'],
  [1.5, 'must'],
  [1.49, '**missed**'],
  [undefined, 'not measured'],
  [NaN, 'not measured'],
])('a ratio of %s comes to: %s', (ratio, verdict) => {
  expect(verdictOf(ratio, bounds)).toBe(verdict);
});

test('every row has a goal above what it must reach, and says why it may miss', () => {
  expect(headlineRows).toHaveLength(14);
  for (const { must, goal, whenMissed } of headlineRows) {
    expect(goal).toBeGreaterThan(must);
    expect(whenMissed.length).toBeGreaterThan(50);
  }
});

function puts(rates: { readonly pinned: number; readonly shared: number }): BenchResult {
  const rowsOf = (quorate: number) => [callRow({ quorate, etcd: 500, tuned: 1000 })];
  return {
    calls: {
      environment,
      result: {
        seconds: 1,
        placements: [
          { placement: 'pinned', rows: rowsOf(rates.pinned) },
          { placement: 'shared', rows: rowsOf(rates.shared) },
        ],
      },
    },
  };
}

const lineOfPuts = (result: BenchResult): string =>
  renderHeadline(result)
    .split('\n')
    .find((line) => line.startsWith('| put, 100'))!;

test('a row has the ratio of each placement, to the better etcd', () => {
  expect(lineOfPuts(puts({ pinned: 5000, shared: 4000 }))).toMatch(/\| 5.00x \| 4.00x \| goal \|$/);
});

test('placements that reach different things are both told', () => {
  expect(lineOfPuts(puts({ pinned: 5000, shared: 1000 }))).toMatch(
    /\| 5.00x \| 1.00x \| goal; shared \*\*missed\*\* \|$/,
  );
});

test('why a row misses is told for those that miss, and for no others', () => {
  const missed = renderHeadline(puts({ pinned: 1000, shared: 1000 }));
  expect(missed).toContain('- **put, 100 in flight on 10 connections: rate**: ');
  expect(missed.match(/^- \*\*/gm)).toHaveLength(1);
  expect(renderHeadline(puts({ pinned: 2000, shared: 2000 }))).not.toContain('What misses');
});

test('what was not measured is neither reached nor missed', () => {
  expect(renderHeadline({}).match(/not measured \|/g)).toHaveLength(14);
});

test('the put rate of three members is that through the leader', () => {
  const side = (rate: number) => ({ ...sideOf(rate) });
  const row = { workload: 'put', inFlight: 100, connections: 10 } as const;
  const result: BenchResult = {
    cluster: {
      environment,
      result: {
        ...{ seconds: 1, repeated: { quorate: 0, etcd: 0 } },
        rows: [
          { ...row, through: 'follower', sides: { quorate: side(9000), etcd: side(1000) } },
          { ...row, through: 'leader', sides: { quorate: side(2000), etcd: side(1000) } },
        ],
      },
    },
  };
  expect(renderHeadline(result)).toContain('| three members: put rate | 1.3x | 3x | - | 2.00x | must |');
});

const where = { contender: 'quorate', placement: 'pinned', cores: 2, writes: true, members: 1 } as const;
const used = (server: number, generator: number) => ({
  ...sideOf(1000),
  cpuMicros: flat(1000 * server),
  generatorMicros: flat(1000 * generator),
});

test('what was used up is the core of the generator or of the server', () => {
  expect(saturationOf(used(0.95, 0.95), where)).toBe('generator');
  expect(saturationOf(used(0.95, 0.5), where)).toBe('server');
});

test('an etcd on all cores is used up when it has them all, Quorate when its thread is', () => {
  const shared = { ...where, placement: 'shared' } as const;
  expect(saturationOf(used(1, 0.5), shared)).toBe('server');
  expect(saturationOf(used(1, 0.5), { ...shared, contender: 'etcd' })).toBe('disk');
  expect(saturationOf(used(1.3, 0.6), { ...shared, contender: 'etcd' })).toBe('all cores');
});

test('three members of Quorate have three threads, and no more cores than there are', () => {
  const cluster = { ...where, placement: 'shared', members: 3 } as const;
  expect(saturationOf(used(1, 0.1), cluster)).toBe('disk');
  expect(saturationOf(used(1.9, 0.1), cluster)).toBe('server');
});

test('where nothing is used up, writes wait for the disk and reads to be woken', () => {
  expect(saturationOf(used(0.2, 0.2), where)).toBe('disk');
  expect(saturationOf(used(0.2, 0.2), { ...where, writes: false })).toBe('waking');
});
