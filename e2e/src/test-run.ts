import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const countsVariable = 'QUORATE_TEST_COUNTS';

/** A run of tests. */
export interface TestRunOptions {
  /** As vitest takes them. */
  readonly args: readonly string[];
  /** Placed before the command. */
  readonly enter?: readonly string[];
  /** Ends the run. */
  readonly signal?: AbortSignal;
  /** Whether to tell which files took longest. */
  readonly tellsSlowest?: boolean;
  /** Whether to tell how long each test took, in place of a dot for each. */
  readonly tellsEach?: boolean;
}

/** The part of vitest's report that is counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/**
 * Runs tests by vitest, and ends with their counts (`tellCounts`), taken from vitest's own report.
 *
 * @returns whether all passed
 * @throws the reason of the signal
 */
export async function runTests(options: TestRunOptions): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-test-'));
  const report = join(dir, 'report.json');
  const [file = '', ...args] = [
    ...(options.enter ?? []),
    ...[join(root, 'node_modules/.bin/vitest'), 'run'],
    ...[`--reporter=${options.tellsEach === true ? 'verbose' : 'dot'}`, '--reporter=json'],
    ...[`--outputFile.json=${report}`, ...options.args],
  ];
  // A test that runs tests is one test.
  const env = { ...process.env, [countsVariable]: '' };
  const { signal } = options;
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  const child = spawn(file, args, { cwd: root, env, stdio: [...stdio], ...(signal && { signal }) });
  await once(child, 'exit');
  let counted: Report;
  try {
    // vitest writes it; were it not of this shape, the counts below would not be numbers.
    counted = JSON.parse(readFileSync(report, 'utf8')) as Report;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const failed = counted.numFailedTests + tellBrokenFiles(counted);
  tellSkipped(counted);
  if (options.tellsSlowest === true) tellSlowest(counted);
  tellCounts({ passed: counted.numPassedTests, failed, skipped: counted.numPendingTests });
  return failed === 0 && child.exitCode === 0;
}

/** How many tests of a run came to what. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Prints `N passed, N failed[, N skipped]`, and adds that line to the file that `QUORATE_TEST_COUNTS` names. */
export function tellCounts({ passed, failed, skipped }: TestCounts): void {
  const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  const sum = process.env[countsVariable];
  if (sum !== undefined && sum !== '') appendFileSync(sum, `${line}\n`);
  console.log(line);
}

/** A file that fails before its first test counts as one failure: its tests did not run. */
function tellBrokenFiles({ testResults }: Report): number {
  const broken = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  for (const { name, message } of broken) console.log(`failed to run: ${name}\n${message}`);
  return broken.length;
}

function tellSkipped({ testResults }: Report): void {
  for (const { assertionResults } of testResults)
    for (const { status, fullName } of assertionResults)
      if (status === 'pending' || status === 'skipped') console.log(`skipped: ${fullName}`);
}

/** Where the time goes: the first to look at when it takes too long. */
function tellSlowest({ testResults }: Report): void {
  const slowest = testResults
    .map(({ name, startTime, endTime }) => ({
      file: relative(root, name),
      seconds: (endTime - startTime) / 1000,
    }))
    .toSorted((a, b) => b.seconds - a.seconds);
  for (const { file, seconds } of slowest.slice(0, 12))
    console.log(`${seconds.toFixed(0).padStart(5)} s ${file}`);
}
