import { expect, test } from 'vitest';
import { latenciesWithin, phaseOf } from '../src/bench/recovery.ts';

test('a put belongs to the phase in which it was sent, however late it was answered', () => {
  const puts = [
    { sentAtMs: 10, latencyMs: 5000 },
    { sentAtMs: 20, latencyMs: 2 },
    { sentAtMs: 30, latencyMs: 3 },
  ];
  expect(latenciesWithin(puts, { fromMs: 0, toMs: 20 })).toEqual([5000]);
  expect(latenciesWithin(puts, { fromMs: 20, toMs: Infinity })).toEqual([2, 3]);
});

test('a phase is told by its quantiles and its worst put', () => {
  const latencies = Array.from({ length: 200 }, (_, n) => n + 1);
  expect(phaseOf(latencies.toReversed())).toEqual({
    count: 200,
    p50Ms: 100,
    p99Ms: 198,
    p999Ms: 200,
    maxMs: 200,
  });
  expect(phaseOf([])).toEqual({ count: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 });
});
