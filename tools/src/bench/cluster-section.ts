import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withClusters, type BenchCluster, type Roles } from './bench-cluster.ts';
import type { BenchRun } from './bench-run.ts';
import { prepare, rowSideOf } from './grpc-section.ts';
import type { LoadResult, UnaryWorkloadName } from './load-job.ts';
import { orderOf } from './measure.ts';
import { sideNames, type ClusterResult, type ClusterRow, type MemberRole, type Sides } from './results.ts';
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
  { workload: 'put', ...one, through: 'follower' },
  { workload: 'put', ...hundred, through: 'leader' },
  { workload: 'put', ...hundred, through: 'follower' },
  { workload: 'linearizable get', ...one, through: 'leader' },
  { workload: 'linearizable get', ...one, through: 'follower' },
  { workload: 'linearizable get', ...hundred, through: 'leader' },
  { workload: 'linearizable get', ...hundred, through: 'follower' },
  { workload: 'serializable get', ...hundred, through: 'follower' },
  { workload: 'mixed 9:1', ...hundred, through: 'leader' },
  { workload: 'mixed 9:1', ...hundred, through: 'follower' },
];

/** Three members of each side, in turn under the same load. */
export async function runClusterSection(run: BenchRun): Promise<ClusterResult> {
  const dir = join(run.dir, 'cluster');
  await mkdir(dir);
  return withClusters({ dir }, async (clusters) => {
    for (const side of sideNames) await prepare(run, (await clusters[side].settled()).leader);
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
    readonly clusters: Sides<BenchCluster>;
    readonly repeats: Repeats;
  },
): Promise<ClusterRow['sides']> {
  const { plan, clusters, repeats } = options;
  const results = { quorate: new Array<LoadResult>(), etcd: new Array<LoadResult>() };
  for (let repetition = 0; repetition < run.repetitions; repetition++) {
    for (const side of orderOf(repetition, sideNames)) {
      const cluster = clusters[side];
      const measure = (roles: Roles): Promise<LoadResult> => measureOnce(run, plan, { cluster, roles });
      results[side].push(await steadily(cluster, measure, () => repeats[side]++));
    }
  }
  return { quorate: rowSideOf(results.quorate), etcd: rowSideOf(results.etcd) };
}

function measureOnce(
  { load, warmUpMs, measureMs }: BenchRun,
  plan: ClusterPlan,
  { cluster, roles }: { readonly cluster: BenchCluster; readonly roles: Roles },
): Promise<LoadResult> {
  const { endpoint } = roles[plan.through];
  return load.run({ kind: 'measure', ...plan, endpoint, serverPids: cluster.pids, warmUpMs, measureMs });
}
