import type { MemberProcess } from '@quorate/e2e';
import { startSide, type BenchRun } from './bench-run.ts';
import { prefixes, rangeKeys, rangeKeySize, singleKeys, singleKeySize, valueSize } from './dataset.ts';
import type { LoadResult, WorkloadName } from './load-job.ts';
import { orderOf, spreadOf } from './measure.ts';
import { sideNames, type GrpcResult, type GrpcRow, type RowSide, type Sides } from './results.ts';

interface RowPlan {
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly connections: number;
}

const unaryWorkloads: readonly WorkloadName[] = [
  'put',
  'linearizable get',
  'serializable get',
  'range of 1,000 keys',
  'guarded update',
  'lease keep-alive',
];

/** One at a time, and 100 in flight over ten connections; watchers on ten streams. */
const rowPlans: readonly RowPlan[] = [
  ...unaryWorkloads.flatMap((workload) => [
    { workload, inFlight: 1, connections: 1 },
    { workload, inFlight: 100, connections: 10 },
  ]),
  { workload: 'watch', inFlight: 100, connections: 10 },
  { workload: 'watch', inFlight: 1000, connections: 10 },
];

/** Both servers over gRPC, in turn under the same load; the one that is not asked idles meanwhile. */
export async function runGrpcSection(run: BenchRun): Promise<GrpcResult> {
  await using etcd = await startSide('etcd', run.dir);
  await using quorate = await startSide('quorate', run.dir);
  const members = { quorate, etcd };
  for (const side of sideNames) await prepare(run, members[side]);
  const rows: GrpcRow[] = [];
  for (const plan of rowPlans) {
    run.progress(`gRPC: ${plan.workload}, ${plan.inFlight}`);
    rows.push({ ...plan, sides: await measureRow(run, plan, members) });
  }
  return { seconds: run.measureMs / 1000, rows };
}

/** Puts the keys that reads will ask for. */
export async function prepare({ load }: BenchRun, member: { readonly endpoint: string }): Promise<void> {
  const common = {
    kind: 'fill',
    endpoint: member.endpoint,
    valueSize,
    connections: 10,
    inFlight: 100,
  } as const;
  await load.run({ ...common, prefix: prefixes.single, count: singleKeys, keySize: singleKeySize });
  await load.run({ ...common, prefix: prefixes.range, count: rangeKeys, keySize: rangeKeySize });
}

/** One measurement of one server. */
export function measureOnce(run: BenchRun, plan: RowPlan, member: MemberProcess): Promise<LoadResult> {
  const { load, warmUpMs, measureMs } = run;
  const { endpoint, pid } = member;
  return load.run({ kind: 'measure', ...plan, endpoint, serverPids: [pid], warmUpMs, measureMs });
}

async function measureRow(
  run: BenchRun,
  plan: RowPlan,
  members: Sides<MemberProcess>,
): Promise<Sides<RowSide>> {
  const results = { quorate: new Array<LoadResult>(), etcd: new Array<LoadResult>() };
  for (let repetition = 0; repetition < run.repetitions; repetition++) {
    for (const side of orderOf(repetition, sideNames)) {
      results[side].push(await measureOnce(run, plan, members[side]));
    }
  }
  return { quorate: rowSideOf(results.quorate), etcd: rowSideOf(results.etcd) };
}

/** What the repetitions of one side come to. */
export function rowSideOf(results: readonly LoadResult[]): RowSide {
  const spread = (of: (result: LoadResult) => number) => spreadOf(results.map(of));
  return {
    perSecond: spread(perSecondOf),
    p50Ms: spread((result) => result.p50Ms),
    p99Ms: spread((result) => result.p99Ms),
    cpuMicros: spread((result) => (1000 * result.serverCpuMs) / result.operations),
    generatorMicros: spread((result) => (1000 * result.generatorCpuMs) / result.operations),
  };
}

export function perSecondOf(result: LoadResult): number {
  return result.operations / result.seconds;
}
