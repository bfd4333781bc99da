import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchCluster, withClusters, type Roles } from './bench-cluster.ts';
import { sharedLoad, warmUpOf, type BenchRun } from './bench-run.ts';
import { contendersOf, perSecondOf, prepare, rowSideOf } from './calls-section.ts';
import type { LoadResult, UnaryWorkloadName } from './load-job.ts';
import { inTurns } from './measure.ts';
import {
  contenders,
  type ClusterResult,
  type ClusterRow,
  type Contenders,
  type MemberRole,
} from './results.ts';
import { Repeats, steadily } from './steady.ts';

interface ClusterPlan {
  readonly workload: UnaryWorkloadName;
  readonly inFlight: number;
  readonly connections: number;
  readonly through: MemberRole;
}

const one = { inFlight: 1, connections: 1 } as const;
const hundred = { inFlight: 100, connections: 10 } as const;

const plans: readonly ClusterPlan[] = [
  { workload: 'put', ...one, through: 'leader' },
  { workload: 'put', ...hundred, through: 'leader' },
  { workload: 'put', ...hundred, through: 'follower' },
  { workload: 'linearizable get', ...hundred, through: 'leader' },
  { workload: 'linearizable get', ...hundred, through: 'follower' },
  { workload: 'mixed 9:1', ...hundred, through: 'leader' },
];

/** Three members of each side, in turn under the same load. */
export async function runClusterSection(run: BenchRun): Promise<ClusterResult> {
  const dir = join(run.dir, 'cluster');
  await mkdir(dir);
  return withClusters({ dir }, async (both) => {
    await using tuned = await BenchCluster.start({ dir, side: 'tuned', setting: run.settings.shared });
    const clusters = { ...both, tuned };
    for (const side of contenders) await prepare(sharedLoad(run), (await clusters[side].settled()).leader);
    const repeats = new Repeats();
    const rows: ClusterRow[] = [];
    for (const plan of plans) {
      run.progress(`cluster: ${plan.workload}, ${plan.inFlight} through the ${plan.through}`);
      rows.push({ ...plan, sides: await measureRow(run, { plan, clusters, repeats }) });
    }
    return { seconds: run.measureMs / 1000, repeated: { ...repeats }, rows };
  });
}

async function measureRow(
  run: BenchRun,
  options: {
    readonly plan: ClusterPlan;
    readonly clusters: Required<Contenders<BenchCluster>>;
    readonly repeats: Repeats;
  },
): Promise<ClusterRow['sides']> {
  const { plan, clusters, repeats } = options;
  const results = await inTurns(run, contenders, {
    measure: (side, repetition) => {
      const cluster = clusters[side];
      const measure = (roles: Roles): Promise<LoadResult> =>
        measureOnce(run, plan, { cluster, roles, repetition });
      return steadily(cluster, measure, () => repeats[side]++);
    },
    figure: perSecondOf,
  });
  return contendersOf(results, rowSideOf);
}

function measureOnce(
  run: BenchRun,
  plan: ClusterPlan,
  where: { readonly cluster: BenchCluster; readonly roles: Roles; readonly repetition: number },
): Promise<LoadResult> {
  const { cluster, roles, repetition } = where;
  const { endpoint } = roles[plan.through];
  const { measureMs } = run;
  const warmUpMs = warmUpOf(run, repetition);
  const job = { kind: 'measure', ...plan, endpoint, serverPids: cluster.pids, warmUpMs, measureMs } as const;
  return sharedLoad(run).run(job);
}
