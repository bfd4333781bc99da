import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

/**
 * Runs every test of the workspace (or those that the arguments name, as vitest takes them), and ends with
 * the one line `N passed, N failed[, N skipped]`, counted from vitest's own report.
 */
const root = resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'quorate-test-'));
const report = join(dir, 'report.json');
const vitest = join(root, 'node_modules/.bin/vitest');
const { status } = spawnSync(
  vitest,
  ['run', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);

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

let counted: Report;
try {
  // vitest writes it; were it not of this shape, the counts below would not be numbers.
  counted = JSON.parse(readFileSync(report, 'utf8')) as Report;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
// A file that fails before its first test counts as one failure: its tests did not run.
const brokenFiles = counted.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
);
for (const file of brokenFiles) console.log(`failed to run: ${file.name}\n${file.message}`);
for (const file of counted.testResults) {
  for (const test of file.assertionResults) {
    if (test.status === 'pending' || test.status === 'skipped') console.log(`skipped: ${test.fullName}`);
  }
}
// Where the time goes, of a run of all: the first to look at when it takes too long.
if (process.argv.length === 2) {
  const slowest = counted.testResults
    .map(({ name, startTime, endTime }) => ({
      file: relative(root, name),
      seconds: (endTime - startTime) / 1000,
    }))
    .toSorted((a, b) => b.seconds - a.seconds);
  for (const { file, seconds } of slowest.slice(0, 12))
    console.log(`${seconds.toFixed(0).padStart(5)} s ${file}`);
}
const failed = counted.numFailedTests + brokenFiles.length;
const skipped = counted.numPendingTests > 0 ? `, ${counted.numPendingTests} skipped` : '';
console.log(`${counted.numPassedTests} passed, ${failed} failed${skipped}`);
process.exitCode = failed > 0 || status !== 0 ? 1 : 0;
