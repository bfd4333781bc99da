import type { BenchCluster, Roles } from './bench-cluster.ts';
import { LoadError } from './load-process.ts';

/** How often one measurement is tried before the run is given up. */
const attemptsMax = 5;

/**
 * Measures a cluster that has settled. A measurement during which the leader changed says nothing of what was
 * to be measured, and is made again; `onRepeat` hears of each.
 *
 * @throws Error when a measurement fails though the leader lasted, or a server answered what is not true
 */
export async function steadily<T>(
  cluster: BenchCluster,
  measure: (roles: Roles) => Promise<T>,
  onRepeat: () => void,
): Promise<T> {
  let cause: unknown;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const roles = await cluster.settled();
    const outcome = await measure(roles).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await cluster.revive();
    const isSteady = (await cluster.settled()).term === roles.term;
    if ('error' in outcome) {
      const { error } = outcome;
      if (isSteady || (error instanceof LoadError && error.isWrongAnswer)) throw error;
      cause = error;
    } else if (isSteady) return outcome.value;
    onRepeat();
  }
  throw new Error(`no leader of ${cluster.side} lasted through a measurement`, { cause });
}

/** How many measurements of each side were made again. */
export class Repeats {
  quorate = 0;
  etcd = 0;
  tuned = 0;
}
