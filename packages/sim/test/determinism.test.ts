import { expect, test } from 'vitest';
import { runSeed, type SeedReport } from '../src/world/run-seed.ts';
import { drawPlan } from '../src/world/swarm.ts';

const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

async function runAll(order: readonly number[]): Promise<Map<number, SeedReport>> {
  const reports = new Map<number, SeedReport>();
  for (const seed of order) reports.set(seed, await runSeed(drawPlan(seed, { durationMs: 3_000 })));
  return reports;
}

test(
  'a seed is the same run every time, whatever ran before it in the process',
  { timeout: 120_000 },
  async () => {
    const first = await runAll(seeds);
    const again = await runAll([...seeds].reverse());
    for (const seed of seeds) {
      expect(again.get(seed)!.hash, `seed ${seed}`).toBe(first.get(seed)!.hash);
      expect(again.get(seed)!.events, `seed ${seed}`).toBe(first.get(seed)!.events);
      expect(again.get(seed)!.error?.message).toBe(first.get(seed)!.error?.message);
    }
    expect(new Set([...first.values()].map(({ hash }) => hash)).size).toBe(seeds.length);
  },
);
