import { measureFailover } from '@quorate/e2e';
import type { BenchRun } from './bench-run.ts';
import { orderOf, quantile } from './measure.ts';
import { sideNames, type FailoverResult, type FailoverSide } from './results.ts';

/** So many rounds at once with one cluster, then it is the other side's turn. */
const roundsPerTurn = 10;

/** `kill -9` of the leader, and the time until a write is acknowledged again. */
export async function runFailoverSection(run: BenchRun, rounds: number): Promise<FailoverResult> {
  const times = { quorate: new Array<number>(), etcd: new Array<number>() };
  for (let turn = 0; turn * roundsPerTurn < rounds; turn++) {
    for (const side of orderOf(turn, sideNames)) {
      const taken = await measureFailover({
        rounds: Math.min(roundsPerTurn, rounds - turn * roundsPerTurn),
        kinds: [side, side, side],
        onRound: (_round, ms) => run.progress(`failover: ${side}, ${ms.toFixed(0)} ms`),
      });
      times[side].push(...taken);
    }
  }
  return { rounds, sides: { quorate: failoverSideOf(times.quorate), etcd: failoverSideOf(times.etcd) } };
}

function failoverSideOf(times: readonly number[]): FailoverSide {
  const sorted = Float64Array.from(times).sort();
  return {
    medianMs: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    minMs: sorted[0] ?? 0,
    maxMs: sorted.at(-1) ?? 0,
  };
}
