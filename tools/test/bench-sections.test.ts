import { etcdBin } from '@quorate/e2e';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { BenchResult } from '../src/bench/results.ts';
import { readStored } from '../src/bench/stored.ts';
import { environment } from './bench-figures.ts';

const program = resolve(import.meta.dirname, '../src/bench/main.ts');

/** What another run has stored. */
const tuning: BenchResult['tuning'] = { environment, result: { seconds: 1, placements: [] } };

test('what cannot be measured is refused with one sentence', async () => {
  const ran = promisify(execFile)(process.execPath, [program, '--fast']);
  await expect(ran).rejects.toMatchObject({
    code: 1,
    stderr: "bench: unknown option '--fast'; --help lists all options\n",
  });
});

test.skipIf(etcdBin === undefined)(
  'sections run from end to end, and are stored with the page beside those of other runs (QUORATE_ETCD_BIN names the etcd beside)',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'quorate-bench-test-'));
    try {
      await mkdir(join(dir, 'benchmarks'));
      await writeFile(join(dir, 'benchmarks/tuning.json'), JSON.stringify(tuning));
      const args = ['--quick', '--only=calls,cluster', `--dir=${dir}`, `--to=${dir}`, '--seconds=0.1'];
      await promisify(execFile)(process.execPath, [program, ...args]);
      const { calls, cluster } = await readStored(dir);
      for (const { sides } of calls!.result.placements.flatMap(({ rows }) => rows)) {
        expect(sides.quorate.perSecond.median).toBeGreaterThan(0);
        expect(sides.etcd.perSecond.median).toBeGreaterThan(0);
      }
      expect(cluster!.result.rows).toHaveLength(6);
      const page = await readFile(join(dir, 'benchmarks.md'), 'utf8');
      for (const head of ['How etcd was tuned', 'Calls to one member', 'Clusters of three']) {
        expect(page).toContain(`## ${head}`);
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
  300_000,
);
