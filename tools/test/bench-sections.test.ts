import { etcdBin } from '@quorate/e2e';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { BenchResult } from '../src/bench/results.ts';

const program = resolve(import.meta.dirname, '../src/bench/main.ts');

test.skipIf(etcdBin === undefined)(
  'every section of clusters runs from end to end (QUORATE_ETCD_BIN names the etcd beside)',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'quorate-bench-test-'));
    try {
      const json = join(dir, 'result.json');
      const args = ['--quick', '--only=cluster,catch-up,snapshot,failover', `--dir=${dir}`, `--json=${json}`];
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
      // It was just written by that program.
      const result = JSON.parse(await readFile(json, 'utf8')) as BenchResult;
      expect(result.cluster?.rows).toHaveLength(11);
      for (const { sides } of result.cluster?.rows ?? []) {
        expect(sides.quorate.perSecond.median).toBeGreaterThan(0);
        expect(sides.etcd.perSecond.median).toBeGreaterThan(0);
      }
      expect(result.catchUp?.sides.quorate.phases.during.count).toBeGreaterThan(0);
      expect(result.snapshot?.sides.quorate.recoveredMs.runs).toBe(1);
      expect(result.failover?.sides.quorate.medianMs).toBeGreaterThan(0);
      for (const head of ['Clusters of three', 'Catching up', 'Installing a snapshot', 'Failover']) {
        expect(stdout).toContain(`## ${head}`);
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
  300_000,
);
