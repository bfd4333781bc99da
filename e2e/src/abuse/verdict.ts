import { floorMs, type Siege, type SiegeResult } from './siege.ts';

/** One measurement on a machine that others use, too, proves nothing; as many in a row do. */
const attempts = 3;

/** Whether a bystander was served as ever: at most twice the quiet latency, or below the floor. */
export function isHarmless({ quietMs, attackedMs }: SiegeResult): boolean {
  return attackedMs <= Math.max(floorMs, 2 * quietMs);
}

/**
 * Runs an attack. Memory, files, calls and the leader must be as before each time; latency in one of three runs.
 *
 * @throws Error that tells what was measured
 */
export async function expectHarmless(siege: Siege, attack: string): Promise<SiegeResult> {
  const measured: string[] = [];
  for (let attempt = 0; attempt < attempts; attempt++) {
    const result = await siege.run(attack);
    if (isHarmless(result)) return result;
    measured.push(`${result.quietMs.toFixed(1)} ms quiet, ${result.attackedMs.toFixed(1)} ms attacked`);
  }
  throw new Error(`during "${attack}" others wait for too long: ${measured.join('; ')}`);
}
