import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

/** States that a few hundred seeds reach many times; `npm run sim -- --seeds 20000` looks for the rarest as well. */
const reached = [
  'leader elected',
  'crash: power',
  'torn tail repaired',
  'snapshot installed',
  'learner promoted',
  'member removed',
  'lease expired',
  'leadership transferred',
  'all members down',
  'start failed by disk',
  'permission denied',
  'revoked token refused',
  'watch cancelled by a revocation',
  'write tried again for an old auth revision',
];

test('500 seeds of whole clusters under faults end without a violation', { timeout: 900_000 }, async () => {
  const args = ['--no-warnings', cli, '--seeds', '500', '--seed', '1', '--counters'];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 64 * 1024 ** 2 }).catch(
    // What `execFile` rejects with has the output; the lines behind it say which seed failed and how to replay it.
    (error: { stdout: string }) => error,
  );
  expect(stdout).toMatch(/^500 seeds, 0 failed, /m);
  for (const name of reached) expect(stdout).toMatch(new RegExp(`^ +[1-9]\\d*  ${name}`, 'm'));
});
