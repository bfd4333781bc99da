import { tellCounts } from '@quorate/e2e/test-run';
import { Command } from 'commander';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { costOf, cpuBaseline, medianCalibration, type CpuBaseline } from './cpu-baseline.ts';
import { cpuKinds } from './cpu-kinds.ts';
import { CpuRounds, type CpuSamples } from './cpu-rounds.ts';
import { verdictOfCpu, type CpuVerdict } from './cpu-verdict.ts';
import { revisionOfCheckout } from './environment.ts';

/**
 * `npm run check:cpu`: whether an operation costs a member more CPU time than it did when it was recorded. Time is
 * counted in rounds of two fixed loops that run beside it, not in seconds, so that a slower machine, or one with
 * other work, makes no difference.
 */
const baselineFile = join(import.meta.dirname, 'cpu-baseline.json');

const rounds = 5;

/** Rounds that are added when something seems too dear: one more look before it counts. */
const moreRounds = 6;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(1)); // The member ends with this process.
}
await new Command('npm run check:cpu --')
  .description(
    'Compares the CPU time of operations with what was recorded, and fails when one has become dearer.',
  )
  .option('--record', `write what is measured to ${baselineFile.split('/').at(-1)} instead`, false)
  .action(async ({ record }: { readonly record: boolean }) => {
    if (record) await recordBaseline();
    else process.exitCode = (await check()) ? 0 : 1;
  })
  .parseAsync();

async function recordBaseline(): Promise<void> {
  const samples = await measure(rounds + moreRounds);
  const all = [...samples.values()].flat();
  const baseline: CpuBaseline = {
    recorded: {
      date: new Date().toISOString().slice(0, 10),
      node: process.version,
      quorate: revisionOfCheckout(),
      ...medianCalibration(all),
    },
    operations: Object.fromEntries([...samples].map(([name, of]) => [name, costOf(of)])),
  };
  writeFileSync(baselineFile, `${JSON.stringify(baseline, null, 2)}\n`);
  console.log(JSON.stringify(baseline, null, 2));
}

async function measure(times: number): Promise<CpuSamples> {
  await using running = await CpuRounds.start();
  const samples: CpuSamples = new Map();
  for (let i = 0; i < times; i++) await running.run(samples);
  return samples;
}

async function check(): Promise<boolean> {
  const baseline = cpuBaseline.parse(JSON.parse(readFileSync(baselineFile, 'utf8')));
  await using running = await CpuRounds.start();
  const samples: CpuSamples = new Map();
  for (let i = 0; i < rounds; i++) await running.run(samples);
  const judge = (): CpuVerdict[] =>
    cpuKinds.map((kind) => verdictOfCpu(kind, baseline, samples.get(kind.name)!));
  if (judge().some(({ problem }) => problem !== undefined)) {
    for (let i = 0; i < moreRounds; i++) await running.run(samples);
  }
  const judged = judge();
  for (const { text, problem } of judged) console.log(problem === undefined ? text : `FAILED ${problem}`);
  const failed = judged.filter(({ problem }) => problem !== undefined).length;
  tellCounts({ passed: judged.length - failed, failed, skipped: 0 });
  return failed === 0;
}
