import { InvariantError } from '@quorate/std';
import { setTimeout as sleep } from 'node:timers/promises';
import { valueOf } from './dataset.ts';
import { runKeepAlive } from './keep-alive-load.ts';
import { callOnce } from './call-once.ts';
import { checkGet, probeRequest, rangePath } from './kv-requests.ts';
import type {
  ClientJob,
  FillJob,
  LoadJob,
  LoadMessage,
  LoadResult,
  MeasureJob,
  PacedJob,
  ProbeJob,
} from './load-job.ts';
import { LoadWindow } from './load-window.ts';
import { runClient } from './client-load.ts';
import { PacedPuts } from './paced-puts.ts';
import { runUnary } from './unary-load.ts';
import { fillWorkload, newUnaryWorkload } from './unary-workloads.ts';
import { runWatch } from './watch-load.ts';

/** The process of the load generator: does one job after the other, as its parent asks for them. */
process.on('message', (message) => {
  // Its parent sends nothing else; see load-process.ts.
  const job = message as LoadJob;
  run(job).then(
    (result) => answer({ kind: 'done', result }),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      answer({ kind: 'failed', message, isWrongAnswer: error instanceof InvariantError });
    },
  );
});

function answer(message: LoadMessage): void {
  process.send?.(message);
}

async function run(job: LoadJob): Promise<LoadResult> {
  switch (job.kind) {
    case 'measure':
      return measure(job);
    case 'client':
      return measureClient(job);
    case 'paced':
      return pace(job);
    case 'fill':
      return fill(job);
    case 'probe':
      return probe(job);
  }
}

async function measure(job: MeasureJob): Promise<LoadResult> {
  const { endpoint, connections, inFlight, workload } = job;
  // A workload prepares its requests before the clock starts.
  const unary =
    workload === 'watch' || workload === 'lease keep-alive'
      ? undefined
      : newUnaryWorkload(workload, job.keys);
  const window = new LoadWindow({ ...job, now: performance.now() });
  if (unary !== undefined) await runUnary({ workload: unary, endpoint, connections, inFlight, window });
  else if (workload === 'watch') await runWatch({ endpoint, connections, watchers: inFlight, window });
  else await runKeepAlive({ endpoint, connections, inFlight, window });
  return window.result;
}

async function measureClient(job: ClientJob): Promise<LoadResult> {
  const window = new LoadWindow({ ...job, now: performance.now() });
  await runClient({ ...job, window });
  return window.result;
}

async function pace({ endpoint, perSecond, measureMs }: PacedJob): Promise<LoadResult> {
  const startedAt = performance.now();
  const puts = await PacedPuts.start({ endpoint, perSecond });
  await sleep(measureMs);
  const latenciesMs = (await puts.stop()).map(({ latencyMs }) => latencyMs);
  return { ...timed(latenciesMs.length, startedAt), latenciesMs };
}

async function fill(job: FillJob): Promise<LoadResult> {
  const startedAt = performance.now();
  await runUnary({ ...job, workload: fillWorkload(job) });
  return timed(job.count, startedAt);
}

/** Gets one key over a connection of its own. */
async function probe(job: ProbeJob): Promise<LoadResult> {
  const startedAt = performance.now();
  const expected = valueOf(job.index, job.valueSize);
  checkGet(await callOnce({ endpoint: job.endpoint, path: rangePath, request: probeRequest(job) }), expected);
  return timed(1, startedAt);
}

function timed(operations: number, startedAt: number): LoadResult {
  const seconds = (performance.now() - startedAt) / 1000;
  return { operations, seconds, p50Ms: 0, p99Ms: 0, p999Ms: 0, serverCpuMs: 0, generatorCpuMs: 0 };
}
