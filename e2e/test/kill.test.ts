import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCrashRounds } from '../src/crash-rounds.ts';

test(
  '50 times kill -9, now and then a stop, under load lose no acknowledged write and change nothing else',
  { timeout: 300_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'quorate-kill-'));
    try {
      // Small limits, so that kills also hit segment cuts, snapshot marks and batches of the store.
      const flags = ['--snapshot-count=500', '--backend-batch-interval=20ms'];
      const result = await runCrashRounds({ dataDir, rounds: 50, seed: 20261122, flags });
      expect(result.kills + result.stops).toBe(50);
      expect(result.stops).toBeGreaterThan(3);
      expect(result.acknowledged).toBeGreaterThan(2_000);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  },
);
