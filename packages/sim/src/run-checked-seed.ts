import { inspect } from 'node:util';
import { checkEvidence } from './check-evidence.ts';
import type { SeedResult, WorkerOrder } from './seed-result.ts';
import { runSeed } from './world/run-seed.ts';
import { drawPlan } from './world/swarm.ts';

/** Lines of the trace that a report of a failure ends with. */
const recentLines = 60;

/** Runs a seed with all checkers. Never rejects: what is wrong is in the result. */
export async function runCheckedSeed(
  { seed, members, faults, auth }: WorkerOrder,
  onLine?: (line: string) => void,
): Promise<SeedResult> {
  const plan = drawPlan(seed, {
    ...(members !== undefined && { members }),
    ...(faults !== undefined && { faults }),
    ...(auth !== undefined && { auth }),
  });
  const report = await runSeed(plan, { check: checkEvidence, ...(onLine && { onLine }) });
  const { hash, events, simulatedMs, operations, tally, error, recent } = report;
  return {
    ...{ seed, hash, events, simulatedMs, operations, tally: tally.entries() },
    failure: error && {
      text: textOf(error),
      plan: inspect(plan, { depth: 6, breakLength: 120 }),
      recent: recent.slice(-recentLines),
    },
  };
}

function textOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by: ${textOf(error.cause)}` : own;
}
