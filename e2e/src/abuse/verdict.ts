import { joined, testEffort, type Siege, type SiegeResult } from './siege.ts';

/** Runs whose phases are judged together, at most. */
const runsMax = 7;

/**
 * Whether a bystander waits for at most twice as long as while its member is left alone; by the medians of the phases,
 * since a disk or a core that others use, too, spoils one now and then.
 */
export function isHarmless({ quietMs, attackedMs }: SiegeResult): boolean {
  return median(attackedMs) <= 2 * median(quietMs);
}

/**
 * Runs an attack, and as long as it seems to hold others up, again, up to seven times: what it did in all of its phases,
 * and the number of runs.
 */
export async function judged(
  siege: Siege,
  attack: string,
  effort = testEffort,
): Promise<{ readonly result: SiegeResult; readonly runs: number }> {
  let result = await siege.run(attack, effort);
  for (let runs = 1; ; runs++) {
    if (isHarmless(result) || runs === runsMax) return { result, runs };
    result = joined(result, await siege.run(attack, effort));
  }
}

/**
 * Runs an attack. Memory, files, calls and the leader must be as before after each run, latency as it was by all runs
 * together.
 *
 * @throws Error that tells what was measured
 */
export async function expectHarmless(siege: Siege, attack: string, effort = testEffort): Promise<void> {
  const { result } = await judged(siege, attack, effort);
  if (isHarmless(result)) return;
  const [quiet, attacked] = [result.quietMs, result.attackedMs].map((phases) => median(phases).toFixed(1));
  throw new Error(
    `during "${attack}" others wait for too long: ${attacked} ms, ${quiet} ms while another member is attacked`,
  );
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
