import { etcdBin } from '@quorate/e2e';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import type { BenchRun } from './bench-run.ts';
import { runCatchUpSection } from './catch-up-section.ts';
import { runClusterSection } from './cluster-section.ts';
import { describeEnvironment } from './environment.ts';
import { runFailoverSection } from './failover-section.ts';
import { runGrpcSection } from './grpc-section.ts';
import { runInProcessSection } from './in-process-section.ts';
import { LoadProcess } from './load-process.ts';
import { commandOf, parseOptions, root, type BenchOptions } from './options.ts';
import { renderReport } from './report.ts';
import { runRestartSection } from './restart-section.ts';
import type { BenchResult } from './results.ts';
import { runSnapshotSection } from './snapshot-section.ts';

/**
 * `npm run bench -- [--only=grpc,in-process,restart,cluster,catch-up,snapshot,failover] [--repetitions=5]
 * [--seconds=4] [--keys=1000000] [--entries=100000] [--snapshot-keys=500000] [--rounds=50] [--quick] [--dir=DIR]
 * [--json=FILE] [--from=FILE,FILE] [--write]`: measures Quorate beside a real etcd, prints a report in Markdown, and
 * with `--write` makes docs/benchmarks.md of it. `--quick` goes through all of it in little time.
 */
const options = parseOptions(process.argv.slice(2));
const results =
  options.from === undefined ? [await measure(options)] : await Promise.all(options.from.map(read));
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(results.at(-1), null, 2)}\n`);
const page = resolve(root, 'docs/benchmarks.md');
const report = await format(renderReport(...results), {
  ...(await resolveConfig(page)),
  parser: 'markdown',
  proseWrap: 'always',
});
console.log(report);
if (options.write) await writeFile(page, report);

async function measure(asked: BenchOptions): Promise<BenchResult> {
  if (etcdBin === undefined)
    throw new Error('QUORATE_ETCD_BIN must name the folder of an etcd to compare with');
  await mkdir(asked.dir, { recursive: true });
  const dir = await mkdtemp(join(asked.dir, 'quorate-bench-'));
  try {
    await using load = new LoadProcess();
    const environment = await describeEnvironment({ dir, command: commandOf(asked) });
    const measureMs = 1000 * asked.seconds;
    const run: BenchRun = {
      dir,
      repetitions: asked.repetitions,
      measureMs,
      warmUpMs: Math.min(1000, measureMs / 2),
      calmMs: asked.quick ? 200 : 5000,
      load,
      progress: (text) => process.stderr.write(`${text}\n`),
    };
    const has = (name: (typeof asked.sections)[number]): boolean => asked.sections.includes(name);
    const sections = {
      ...(has('grpc') && { grpc: await runGrpcSection(run) }),
      ...(has('in-process') && { inProcess: await runInProcessSection(run) }),
      ...(has('restart') && { restart: await runRestartSection(run, asked.keys) }),
      ...(has('cluster') && { cluster: await runClusterSection(run) }),
      ...(has('catch-up') && { catchUp: await runCatchUpSection(run, asked.entries) }),
      ...(has('snapshot') && { snapshot: await runSnapshotSection(run, asked.snapshotKeys) }),
      ...(has('failover') && { failover: await runFailoverSection(run, asked.rounds) }),
    };
    const [loadAfter = 0] = loadavg();
    return { environment: { ...environment, loadAfter }, ...sections };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function read(path: string): Promise<BenchResult> {
  // Written by `--json` of an earlier run.
  return JSON.parse(await readFile(path, 'utf8')) as BenchResult;
}
