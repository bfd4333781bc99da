import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** A run of tests. */
export interface TestRunOptions {
  /** As vitest takes them. */
  readonly args: readonly string[];
  /** Placed before the command. */
  readonly enter?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
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
 * Runs tests by vitest, and ends with the one line `N passed, N failed[, N skipped]`, counted from vitest's own report.
 * That line is also added to the file that `QUORATE_TEST_COUNTS` names, so that several runs can be summed up.
 *
 * @returns whether all passed
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
  const env = { ...process.env, ...options.env };
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
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
  const skipped = counted.numPendingTests > 0 ? `, ${counted.numPendingTests} skipped` : '';
  const line = `${counted.numPassedTests} passed, ${failed} failed${skipped}`;
  const sum = process.env['QUORATE_TEST_COUNTS'];
  if (sum !== undefined && sum !== '') appendFileSync(sum, `${line}\n`);
  console.log(line);
  return failed === 0 && child.exitCode === 0;
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
