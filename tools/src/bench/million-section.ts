import type { MemberProcess } from '@quorate/e2e';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sharedLoad, startSide, type BenchRun } from './bench-run.ts';
import { contendersOf, measureRow } from './calls-section.ts';
import { manyKeySize, manyValueSize, prefixes } from './dataset.ts';
import { orderOf, spreadOf } from './measure.ts';
import { memoryOf, type MemoryUse } from './proc.ts';
import { contenders, type CallRow, type Contender, type MillionResult, type MillionSide } from './results.ts';

/** Time for a server to put its house in order after a load, before its memory is looked at. */
const settleMs = 3000;

const workloads = ['count of all keys', 'page of 500 keys'] as const;

/** One side while it is measured. */
interface Side {
  member: MemberProcess;
  loadSeconds: number;
  afterLoad: MemoryUse;
  afterRestart: MemoryUse;
  readonly stopMs: number[];
  readonly firstReadMs: number[];
}

/**
 * Loads the servers with keys, counts them and gets pages of them, then stops and starts the servers in turn. The files stay in
 * the page cache.
 */
export async function runMillionSection(run: BenchRun, keys: number): Promise<MillionResult> {
  const dir = join(run.dir, 'million');
  await mkdir(dir);
  const sides = new Map<Contender, Side>();
  try {
    for (const name of contenders) sides.set(name, await load(run, { name, dir, keys }));
    const rows = await measureRows(run, { sides, keys });
    for (let repetition = 0; repetition < run.repetitions; repetition++) {
      for (const name of orderOf(repetition, contenders)) {
        run.progress(`restart of ${name} with ${keys} keys, ${repetition + 1} of ${run.repetitions}`);
        await restart(run, { name, side: sides.get(name)!, dir, keys });
      }
    }
    const each = new Map([...sides].map(([name, side]) => [name, [resultOf(side)]] as const));
    return { keys, rows, sides: contendersOf(each, ([only]) => only!) };
  } finally {
    for (const { member } of sides.values()) await member[Symbol.asyncDispose]();
  }
}

async function load(
  run: BenchRun,
  options: { readonly name: Contender; readonly dir: string; readonly keys: number },
): Promise<Side> {
  const { name, dir, keys } = options;
  run.progress(`loading ${keys} keys into ${name}`);
  const member = await startSide(run, name, { dir });
  const { seconds } = await sharedLoad(run).run({
    ...{ kind: 'fill', endpoint: member.endpoint, prefix: prefixes.many, count: keys },
    ...{ keySize: manyKeySize, valueSize: manyValueSize, connections: 10, inFlight: 500 },
  });
  await sleep(settleMs);
  const afterLoad = memoryOf(member.pid);
  return { member, loadSeconds: seconds, afterLoad, afterRestart: afterLoad, stopMs: [], firstReadMs: [] };
}

async function measureRows(
  run: BenchRun,
  { sides, keys }: { readonly sides: ReadonlyMap<Contender, Side>; readonly keys: number },
): Promise<CallRow[]> {
  const members = new Map([...sides].map(([name, { member }]) => [name, member]));
  const rows: CallRow[] = [];
  for (const workload of workloads) {
    const plan = { workload, inFlight: 1, connections: 1, keys };
    rows.push(await measureRow(run, { plan, sides: contenders, members, placement: 'shared' }));
  }
  return rows;
}

async function restart(
  run: BenchRun,
  options: {
    readonly name: Contender;
    readonly side: Side;
    readonly dir: string;
    readonly keys: number;
  },
): Promise<void> {
  const { name, side, dir, keys } = options;
  const stopsAt = performance.now();
  await side.member.stop();
  const startsAt = performance.now();
  side.stopMs.push(startsAt - stopsAt);
  side.member = await startSide(run, name, { dir });
  const { endpoint, pid } = side.member;
  // The last key: none of those loaded may be missing.
  await sharedLoad(run).run({
    ...{ kind: 'probe', endpoint, prefix: prefixes.many, index: keys - 1 },
    ...{ keySize: manyKeySize, valueSize: manyValueSize },
  });
  side.firstReadMs.push(performance.now() - startsAt);
  side.afterRestart = memoryOf(pid);
}

function resultOf(side: Side): MillionSide {
  const { loadSeconds, afterLoad, afterRestart } = side;
  return {
    loadSeconds,
    afterLoad,
    afterRestart,
    stopMs: spreadOf(side.stopMs),
    firstReadMs: spreadOf(side.firstReadMs),
  };
}
