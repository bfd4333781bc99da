import { floorMs, testEffort, type Siege, type SiegeEffort, type SiegeResult } from './siege.ts';

/** One measurement on a machine that others use, too, proves nothing; as many in a row do. */
const attempts = 3;

/** Whether a bystander was served as ever: at most twice the quiet latency, or below the floor. */
export function isHarmless({ quietMs, attackedMs }: SiegeResult): boolean {
  return attackedMs <= Math.max(floorMs(), 2 * quietMs);
}

/** Runs an attack until it is harmless, three times at most; what the last run measured, and the number of runs. */
export async function judged(
  siege: Siege,
  attack: string,
  effort: SiegeEffort = testEffort,
): Promise<{ readonly result: SiegeResult; readonly runs: number }> {
  for (let runs = 1; ; runs++) {
    const result = await siege.run(attack, effort);
    if (isHarmless(result) || runs === attempts) return { result, runs };
  }
}

/**
 * Runs an attack. Memory, files, calls and the leader must be as before each time; latency in one of three runs.
 *
 * @throws Error that tells what was measured
 */
export async function expectHarmless(siege: Siege, attack: string, effort = testEffort): Promise<void> {
  const { result } = await judged(siege, attack, effort);
  if (isHarmless(result)) return;
  const { quietMs, attackedMs } = result;
  throw new Error(
    `during "${attack}" others wait for too long: ${quietMs.toFixed(1)} ms quiet, ${attackedMs.toFixed(1)} ms attacked`,
  );
}
