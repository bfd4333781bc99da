import type { Spread } from '../src/bench/measure.ts';
import type { CallRow, Environment, RowSide } from '../src/bench/results.ts';

/** A spread of figures that are all the same. */
export function flat(median: number): Spread {
  return { median, min: median, max: median, runs: 5 };
}

/** A side whose figures all follow from its rate. */
export function sideOf(rate: number): RowSide {
  return {
    perSecond: flat(rate),
    p50Ms: flat(1000 / rate),
    p99Ms: flat(2000 / rate),
    p999Ms: flat(3000 / rate),
    cpuMicros: flat(1e6 / rate),
    generatorMicros: flat(3),
  };
}

/** A row of puts with 100 in flight. */
export function callRow(rates: {
  readonly quorate: number;
  readonly etcd: number;
  readonly tuned?: number;
}): CallRow {
  const memory = { pss: 2 ** 20, pssAnonymous: 2 ** 20, peakRss: 2 ** 20 };
  return {
    ...{ workload: 'put', inFlight: 100, connections: 10 },
    sides: {
      quorate: sideOf(rates.quorate),
      etcd: sideOf(rates.etcd),
      ...(rates.tuned !== undefined && { tuned: sideOf(rates.tuned) }),
    },
    memory: { quorate: memory, etcd: memory },
  };
}

export const environment: Environment = {
  command: 'npm run bench',
  date: '2026-01-02',
  cpu: 'Some CPU',
  cores: 2,
  placements: ['pinned', 'shared'],
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
