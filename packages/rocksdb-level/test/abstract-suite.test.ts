import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { rocksAvailable } from '../src/index.ts';

/** What tape counted, and what we did. */
interface Tally {
  readonly exitCode: unknown;
  readonly okCount: number;
  readonly failures: readonly string[];
  readonly plannedCount: number;
}

async function runSuite(): Promise<Tally> {
  const program = fileURLToPath(new URL('abstract-suite.ts', import.meta.url));
  const child = spawn(process.execPath, ['--no-warnings', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  const [exitCode] = (await ended) as unknown[]; // The event's arguments: exit code, signal.
  const lines = output.split('\n');
  return {
    exitCode,
    okCount: lines.filter((line) => /^ok \d/.test(line)).length,
    failures: lines.filter((line) => line.startsWith('not ok')),
    plannedCount: Number(lines.findLast((line) => /^1\.\.\d+$/.test(line))?.slice(3)),
  };
}

test.skipIf(!rocksAvailable())(
  'RocksLevel passes all of the suite of abstract-level, sublevels included',
  async () => {
    const { exitCode, okCount, failures, plannedCount } = await runSuite();
    expect(failures).toEqual([]);
    expect(exitCode).toBe(0);
    expect(okCount).toBe(plannedCount);
    // 4586 with abstract-level 3.1.1; far fewer would mean that something was not run.
    expect(okCount).toBeGreaterThan(4500);
  },
  120_000,
);
