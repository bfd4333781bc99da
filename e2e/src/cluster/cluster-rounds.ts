import { SeededRandom } from '@quorate/std';
import type { MemberKind } from '../member-process.ts';
import { faults, type FaultName } from './faults.ts';
import type { LoadTarget } from './judged.ts';
import { ClusterLoad } from './load.ts';
import { withCluster, type ProcessCluster } from './process-cluster.ts';
import { RecordedWatch } from './recorded-watch.ts';
import { verify, type Verified } from './verify.ts';

/** How a run of faults goes. */
export interface ClusterRoundsOptions {
  /** What happens, one after the other. */
  readonly faults: readonly FaultName[];
  readonly seed: number;
  /** One for each member. Default three of Quorate. */
  readonly kinds?: readonly MemberKind[];
  readonly flags?: readonly string[];
  readonly onRound?: (round: number, fault: FaultName) => void;
}

/** Between so many and so many writes go before each fault. */
const writesBefore = { min: 20, max: 200 };

/**
 * Does one fault after the other to a cluster under load, then judges all that clients saw.
 *
 * @throws Error that names the seed and shows what is wrong
 */
export async function runClusterRounds(options: ClusterRoundsOptions): Promise<Verified> {
  const { kinds = ['quorate', 'quorate', 'quorate'], flags = [], seed } = options;
  try {
    return await withCluster({ kinds, flags }, (cluster) => runRounds(cluster, options));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed}, faults ${options.faults.join(', ')}: ${text}`, { cause: error });
  }
}

async function runRounds(
  cluster: ProcessCluster,
  { faults: names, seed, onRound }: ClusterRoundsOptions,
): Promise<Verified> {
  const random = new SeededRandom(seed);
  const members = () => cluster.members;
  const load = new ClusterLoad({ members, seed });
  const watches = startWatches(members);
  const moreWrites = (count: number) => load.moreWrites(count);
  for (const [round, name] of names.entries()) {
    await moreWrites(writesBefore.min + random.below(writesBefore.max - writesBefore.min));
    await faults[name]({ cluster, random, moreWrites });
    cluster.checkRunning();
    onRound?.(round, name);
  }
  await moreWrites(writesBefore.min);
  return verify(cluster, load, watches);
}

/** A watch of everything, and one of few keys with what was there before. */
export function startWatches(members: () => readonly LoadTarget[]): readonly RecordedWatch[] {
  return [
    new RecordedWatch({ id: 0, members, request: { key: '\0', rangeEnd: '\0', startRevision: 1 } }),
    new RecordedWatch({ id: 1, members, request: { key: 'key 1', startRevision: 1, prevKv: true } }),
  ];
}
