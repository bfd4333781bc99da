import type { Client } from '@quorate/client';
import { systemClock } from '@quorate/std';
import type { Action } from '../cli/command.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { listenForInterrupts } from '../interruption.ts';
import { pacedPermits, runLoad, type LoadReport } from '../load.ts';
import { startProgress } from '../progress.ts';
import {
  compactIfAsked,
  defragIfAsked,
  deleteWritten,
  loadOf,
  openClients,
  refuseKeys,
  tellErrors,
  writerOf,
  type LoadName,
} from './check.ts';

/** How many write, how much together by the second, and for how long. */
export interface PerfLoad {
  readonly writers: number;
  readonly writesPerSecond: number;
  readonly durationSeconds: number;
}

/** etcdctl's loads. */
const perfLoads: Readonly<Record<LoadName, PerfLoad>> = {
  s: { writers: 50, writesPerSecond: 150, durationSeconds: 60 },
  m: { writers: 200, writesPerSecond: 1_000, durationSeconds: 60 },
  l: { writers: 500, writesPerSecond: 8_000, durationSeconds: 60 },
  xl: { writers: 1_000, writesPerSecond: 15_000, durationSeconds: 60 },
};

const written = { keySize: 256, valueSize: 1_024 };
/** What is demanded of a cluster. */
const throughputPartMin = 0.9;
const slowestSecondsMax = 0.5;
const deviationSecondsMax = 0.1;
/** From here on it is this process that could not write faster, and the cluster perhaps could. */
const busyPartMin = 0.9;
const busyText =
  'this process was busy all the time: the cluster may be able to do more than it could ask for; ' +
  'check with a smaller --load, or from a faster machine\n';
/** As etcdctl's. */
const deleteTimeoutMs = 30_000;

/** Writes at a rate for a minute, and says whether the cluster kept up with it. Interrupted, it ends early. */
export const checkPerf = perfCheck(perfLoads);

/** `check perf` with other loads, for tests that cannot take a minute. */
export function perfCheck(loads: Readonly<Record<LoadName, PerfLoad>>): Action {
  return async (context) => {
    const load = loadOf(context, loads);
    const clients = await openClients(context, load.writers);
    const [client] = clients;
    await refuseKeys(context, client, (prefix) => `'etcdctl del --prefix ${prefix}'`);
    using interruption = listenForInterrupts(context.terminal);
    const idle = performance.eventLoopUtilization();
    const report = await writeAtRate(context, load, writerOf(context, clients, written), interruption.signal);
    const { utilization } = performance.eventLoopUtilization(idle);
    await cleanUp(context, client);
    await defragIfAsked(context, client);
    if (judge(context, load, report)) return;
    if (utilization > busyPartMin) context.terminal.err(busyText);
    throw new ExitError('error');
  };
}

async function writeAtRate(
  { terminal }: Context,
  { writers, writesPerSecond, durationSeconds }: PerfLoad,
  write: (writer: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<LoadReport> {
  using progress = startProgress(terminal, { label: 'writing', total: durationSeconds, unit: 's' });
  const second = setInterval(() => progress.advance(1), 1_000);
  try {
    const rate = { perSecond: writesPerSecond, durationMs: durationSeconds * 1_000 };
    const permits = pacedPermits(systemClock, rate);
    return await runLoad({ writers, permits, write, clock: systemClock, signal });
  } finally {
    clearInterval(second);
  }
}

/** What cannot be deleted is told of, and the check is none the worse for it. */
async function cleanUp(context: Context, client: Client): Promise<void> {
  let revision: bigint;
  try {
    revision = await deleteWritten(context, client, deleteTimeoutMs);
  } catch (error) {
    context.printText(`FAIL: Cleanup failed during key deletion: ERROR(${errorText(error)})\n`);
    return;
  }
  await compactIfAsked(context, client, revision);
}

/** Says what was good and what was not, and whether all was good. */
function judge(context: Context, { writesPerSecond }: PerfLoad, report: LoadReport): boolean {
  const { perSecond, slowestSeconds: slowest, deviationSeconds: deviation } = report;
  let isGood = !tellErrors(context, report);
  const tell = (good: boolean, ifGood: string, ifNot: string) => {
    isGood &&= good;
    context.printText(`${good ? ifGood : ifNot}\n`);
  };
  const shown = `${Math.trunc(perSecond) + 1} writes/s`;
  const isFast = perSecond / writesPerSecond > throughputPartMin;
  tell(isFast, `PASS: Throughput is ${shown}`, `FAIL: Throughput too low: ${shown}`);
  const [slowestText, deviationText] = [`${slowest.toFixed(6)}s`, `${deviation.toFixed(6)}s`];
  tell(
    slowest <= slowestSecondsMax,
    `PASS: Slowest request took ${slowestText}`,
    `Slowest request took too long: ${slowestText}`,
  );
  tell(
    deviation <= deviationSecondsMax,
    `PASS: Stddev is ${deviationText}`,
    `Stddev too high: ${deviationText}`,
  );
  context.printText(isGood ? 'PASS\n' : 'FAIL\n');
  return isGood;
}
