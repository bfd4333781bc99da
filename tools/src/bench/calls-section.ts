import type { MemberProcess } from '@quorate/e2e';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { warmUpOf, withSides, type BenchRun } from './bench-run.ts';
import {
  listKeys,
  listKeySize,
  listValueSize,
  prefixes,
  rangeKeys,
  rangeKeySize,
  singleKeys,
  singleKeySize,
  valueSize,
} from './dataset.ts';
import type { LoadResult, WorkloadName } from './load-job.ts';
import type { LoadProcess } from './load-process.ts';
import { inTurns, spreadOf } from './measure.ts';
import type { Placement } from './placement.ts';
import { forgetPeak, memoryOf, peakRssOf } from './proc.ts';
import { contenders, sideNames, type CallRow, type CallsResult, type Contender } from './results.ts';
import type { RowMemory, RowSide } from './results.ts';

export interface RowPlan {
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly connections: number;
  /** How many keys there are, for workloads that read all of them. */
  readonly keys?: number;
}

const one = { inFlight: 1, connections: 1 } as const;
const hundred = { inFlight: 100, connections: 10 } as const;

/** The rows that the table at the head of the page is made of: the tuned etcd is one of the sides. */
const headlinePlans: readonly RowPlan[] = [
  { workload: 'put', ...one },
  { workload: 'put', ...hundred },
  { workload: 'linearizable get', ...hundred },
  { workload: 'guarded update', ...hundred },
  { workload: 'list of 10,000 keys of 1 KiB', ...one },
  { workload: 'lease keep-alive', ...hundred },
  { workload: 'watch', inFlight: 1000, connections: 10 },
];

/** What else there is to know. */
const otherPlans: readonly RowPlan[] = [
  { workload: 'linearizable get', ...one },
  { workload: 'serializable get', ...hundred },
  { workload: 'range of 1,000 keys', ...one },
  { workload: 'guarded update', ...one },
];

/** The servers, in turn under the same load; those that are not asked idle meanwhile. */
export async function runCallsSection(run: BenchRun): Promise<CallsResult> {
  const measured: CallsResult['placements'][number][] = [];
  for (const placement of run.placements) {
    const dir = join(run.dir, `calls-${placement}`);
    await mkdir(dir);
    const rows = await withSides(run, contenders, { dir, placement }, (members) =>
      measureRows(run, { members, placement }),
    );
    measured.push({ placement, rows });
  }
  return { seconds: run.measureMs / 1000, placements: measured };
}

/** Servers that are measured in turn, and where they run. */
export interface Measuring {
  readonly members: ReadonlyMap<Contender, MemberProcess>;
  readonly placement: Placement;
}

async function measureRows(run: BenchRun, measuring: Measuring): Promise<CallRow[]> {
  const load = run.loads.of(measuring.placement);
  for (const member of measuring.members.values()) {
    await prepare(load, member);
    await fillList(load, member);
  }
  const rows: CallRow[] = [];
  for (const plan of headlinePlans)
    rows.push(await measureRow(run, { plan, sides: contenders, ...measuring }));
  for (const plan of otherPlans) rows.push(await measureRow(run, { plan, sides: sideNames, ...measuring }));
  return rows;
}

/** Puts the keys that reads will ask for. */
export async function prepare(load: LoadProcess, member: { readonly endpoint: string }): Promise<void> {
  const { endpoint } = member;
  const common = { kind: 'fill', endpoint, valueSize, connections: 10, inFlight: 100 } as const;
  await load.run({ ...common, prefix: prefixes.single, count: singleKeys, keySize: singleKeySize });
  await load.run({ ...common, prefix: prefixes.range, count: rangeKeys, keySize: rangeKeySize });
}

async function fillList(load: LoadProcess, { endpoint }: MemberProcess): Promise<void> {
  const keys = { prefix: prefixes.list, count: listKeys, keySize: listKeySize, valueSize: listValueSize };
  await load.run({ kind: 'fill', endpoint, ...keys, connections: 10, inFlight: 100 });
}

/** One measurement of one server. */
export function measureOnce(
  run: BenchRun,
  plan: RowPlan,
  where: { readonly member: MemberProcess; readonly placement: Placement; readonly repetition?: number },
): Promise<LoadResult> {
  const { loads, measureMs } = run;
  const { member, placement, repetition = 0 } = where;
  const { endpoint, pid } = member;
  const warmUpMs = warmUpOf(run, repetition);
  const job = { kind: 'measure', ...plan, endpoint, serverPids: [pid], warmUpMs, measureMs } as const;
  return loads.of(placement).run(job);
}

/** One row of several sides. */
export async function measureRow(
  run: BenchRun,
  options: Measuring & { readonly plan: RowPlan; readonly sides: readonly Contender[] },
): Promise<CallRow> {
  const { plan, sides, members, placement } = options;
  const { workload, inFlight, connections } = plan;
  run.progress(`${workload}, ${inFlight} in flight, ${placement}`);
  const memories = new Map(sides.map((side) => [side, new Array<RowMemory>()]));
  const results = await inTurns(run, sides, {
    measure: async (side, repetition) => {
      const member = members.get(side)!;
      forgetPeak(member.pid);
      const result = await measureOnce(run, plan, { member, placement, repetition });
      const { pss, pssAnonymous } = memoryOf(member.pid);
      memories.get(side)!.push({ pss, pssAnonymous, peakRss: peakRssOf(member.pid) });
      return result;
    },
    figure: perSecondOf,
  });
  return {
    ...{ workload, inFlight, connections },
    sides: contendersOf(results, rowSideOf),
    memory: contendersOf(memories, largestOf),
  };
}

/** The results of each side as one value. */
export function contendersOf<T, R>(
  results: ReadonlyMap<Contender, readonly T[]>,
  of: (results: readonly T[]) => R,
): { quorate: R; etcd: R; tuned?: R } {
  const tuned = results.get('tuned');
  return {
    quorate: of(results.get('quorate') ?? []),
    etcd: of(results.get('etcd') ?? []),
    ...(tuned !== undefined && { tuned: of(tuned) }),
  };
}

function largestOf(memories: readonly RowMemory[]): RowMemory {
  const largest = (of: (memory: RowMemory) => number): number => Math.max(...memories.map(of));
  return {
    pss: largest(({ pss }) => pss),
    pssAnonymous: largest(({ pssAnonymous }) => pssAnonymous),
    peakRss: largest(({ peakRss }) => peakRss),
  };
}

/** What the repetitions of one side come to. */
export function rowSideOf(results: readonly LoadResult[]): RowSide {
  const spread = (of: (result: LoadResult) => number) => spreadOf(results.map(of));
  return {
    perSecond: spread(perSecondOf),
    p50Ms: spread(({ p50Ms }) => p50Ms),
    p99Ms: spread(({ p99Ms }) => p99Ms),
    p999Ms: spread(({ p999Ms }) => p999Ms),
    cpuMicros: spread((result) => (1000 * result.serverCpuMs) / result.operations),
    generatorMicros: spread((result) => (1000 * result.generatorCpuMs) / result.operations),
  };
}

export function perSecondOf(result: LoadResult): number {
  return result.operations / result.seconds;
}
