import type { MemberProcess } from '@quorate/e2e';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSide, type BenchRun } from './bench-run.ts';
import { prefixes } from './dataset.ts';
import { orderOf, spreadOf } from './measure.ts';
import { memoryOf, type MemoryUse } from './proc.ts';
import { sideNames, type RestartResult, type RestartSide, type SideName, type Sides } from './results.ts';

const keySize = 64;
const valueSize = 256;

/** Time for a server to put its house in order after a load, before its memory is looked at. */
const settleMs = 3000;

/** One side while it is measured. */
interface Side {
  member: MemberProcess;
  loadSeconds: number;
  afterLoad: MemoryUse;
  afterRestart: MemoryUse;
  readonly stopMs: number[];
  readonly firstReadMs: number[];
}

/** Loads both servers with keys, then stops and starts them in turn. The files stay in the page cache. */
export async function runRestartSection(run: BenchRun, keys: number): Promise<RestartResult> {
  const dir = join(run.dir, 'restart');
  await mkdir(dir);
  const etcd = await load(run, { side: 'etcd', dir, keys });
  const quorate = await load(run, { side: 'quorate', dir, keys });
  const sides: Sides<Side> = { quorate, etcd };
  try {
    for (let repetition = 0; repetition < run.repetitions; repetition++) {
      for (const name of orderOf(repetition, sideNames)) {
        run.progress(`restart: ${name}, ${repetition + 1} of ${run.repetitions}`);
        await restart(run, { name, side: sides[name], dir, keys });
      }
    }
  } finally {
    for (const name of sideNames) await sides[name].member[Symbol.asyncDispose]();
  }
  return { keys, sides: { quorate: resultOf(quorate), etcd: resultOf(etcd) } };
}

async function load(
  run: BenchRun,
  options: { readonly side: SideName; readonly dir: string; readonly keys: number },
): Promise<Side> {
  const { side, dir, keys } = options;
  run.progress(`restart: loading ${keys} keys into ${side}`);
  const member = await startSide(side, dir);
  const { seconds } = await run.load.run({
    kind: 'fill',
    endpoint: member.endpoint,
    prefix: prefixes.many,
    count: keys,
    keySize,
    valueSize,
    connections: 10,
    inFlight: 500,
  });
  await sleep(settleMs);
  const afterLoad = memoryOf(member.pid);
  return { member, loadSeconds: seconds, afterLoad, afterRestart: afterLoad, stopMs: [], firstReadMs: [] };
}

async function restart(
  run: BenchRun,
  options: {
    readonly name: SideName;
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
  side.member = await startSide(name, dir);
  const { endpoint, pid } = side.member;
  // The last key: none of those loaded may be missing.
  await run.load.run({ kind: 'probe', endpoint, prefix: prefixes.many, index: keys - 1, keySize, valueSize });
  side.firstReadMs.push(performance.now() - startsAt);
  side.afterRestart = memoryOf(pid);
}

function resultOf(side: Side): RestartSide {
  const { loadSeconds, afterLoad, afterRestart } = side;
  return {
    loadSeconds,
    afterLoad,
    afterRestart,
    stopMs: spreadOf(side.stopMs),
    firstReadMs: spreadOf(side.firstReadMs),
  };
}
