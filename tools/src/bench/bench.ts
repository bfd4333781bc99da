import { etcdBin } from '@quorate/e2e';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { BenchRun } from './bench-run.ts';
import { runCallsSection } from './calls-section.ts';
import { runCatchUpSection } from './catch-up-section.ts';
import { runClientsSection } from './clients-section.ts';
import { runClusterSection } from './cluster-section.ts';
import { describeEnvironment } from './environment.ts';
import { runFailoverSection } from './failover-section.ts';
import { runInProcessSection } from './in-process-section.ts';
import { runInterferenceSection } from './interference-section.ts';
import { Loads } from './loads.ts';
import { runMillionSection } from './million-section.ts';
import { commandOf, OptionsError, type BenchOptions } from './options.ts';
import { placementsHere } from './placement.ts';
import { formatPage, readStored, writeStored } from './stored.ts';
import { renderReport } from './report.ts';
import type { BenchResult } from './results.ts';
import { runSnapshotSection } from './snapshot-section.ts';
import { defaultTuning, runTuningSection, settingsOf } from './tuning-section.ts';

/**
 * Measures what is asked for and prints the page, made of that and, where there is a target, of what is stored
 * there. Files are written when all of it is done: what is aborted leaves them as they were.
 *
 * @throws OptionsError when there is no etcd to compare with
 */
export async function runBench(options: BenchOptions): Promise<void> {
  const stored = options.target === undefined ? {} : await readStored(options.target);
  const measured = options.render ? {} : await measure(options, stored);
  const result: BenchResult = { ...stored, ...measured };
  const page = await formatPage(renderReport(result));
  console.log(page);
  if (options.target !== undefined) await writeStored(options.target, { measured, page });
}

async function measure(options: BenchOptions, stored: BenchResult): Promise<BenchResult> {
  if (etcdBin === undefined) {
    throw new OptionsError('--against must name an etcd to compare with, or QUORATE_ETCD_BIN its folder');
  }
  mkdirSync(options.dir, { recursive: true });
  const dir = mkdtempSync(join(options.dir, 'quorate-bench-'));
  const startedAt = performance.now();
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const placements = placementsHere();
    await using loads = new Loads();
    const environment = await describeEnvironment({ dir, command: commandOf(options), placements });
    const measureMs = 1000 * options.seconds;
    const run: BenchRun = {
      ...{ dir, measureMs, loads, placements, repetitions: options.repetitions },
      repetitionsMax: options.quick ? options.repetitions : options.repetitions + 2,
      firstWarmUpMs: Math.min(2000, measureMs),
      warmUpMs: Math.min(500, measureMs / 2),
      calmMs: options.quick ? 200 : 5000,
      settings: settingsOf(stored.tuning?.result ?? defaultTuning),
      progress: (text) => process.stderr.write(`${minutesSince(startedAt)} ${text}\n`),
    };
    const sections = await runSections(run, options);
    const [loadAfter = 0] = loadavg();
    // Every section that was measured carries where and how.
    return Object.fromEntries(
      Object.entries(sections).map(([name, result]) => [
        name,
        { environment: { ...environment, loadAfter }, result },
      ]),
    );
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** As `3:07`. */
function minutesSince(startedAt: number): string {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** What each section has measured, without where. */
type Sections = { [Name in keyof BenchResult]?: NonNullable<BenchResult[Name]>['result'] };

async function runSections(run: BenchRun, options: BenchOptions): Promise<Sections> {
  const has = (name: (typeof options.sections)[number]): boolean => options.sections.includes(name);
  const tuning = has('tuning') ? await runTuningSection(run) : undefined;
  const tuned: BenchRun = tuning === undefined ? run : { ...run, settings: settingsOf(tuning) };
  return {
    ...(tuning !== undefined && { tuning }),
    ...(has('calls') && { calls: await runCallsSection(tuned) }),
    ...(has('million') && { million: await runMillionSection(tuned, options.keys) }),
    ...(has('interference') && { interference: await runInterferenceSection(tuned, options.quick) }),
    ...(has('cluster') && { cluster: await runClusterSection(tuned) }),
    ...(has('clients') && { clients: await runClientsSection(run, options.quick) }),
    ...(has('in-process') && { inProcess: await runInProcessSection(run) }),
    ...(has('catch-up') && { catchUp: await runCatchUpSection(run, options.entries) }),
    ...(has('snapshot') && { snapshot: await runSnapshotSection(run, options.snapshotKeys) }),
    ...(has('failover') && { failover: await runFailoverSection(run, options.rounds) }),
  };
}
