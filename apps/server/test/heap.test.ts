import { execFile } from 'node:child_process';
import { getHeapSpaceStatistics } from 'node:v8';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { knowsExternalFlag, tuneHeap } from '../src/heap.ts';

test('the space that is bounded is one that V8 tells of, and V8 knows the flags', () => {
  const end = tuneHeap();
  const names = getHeapSpaceStatistics().map(({ space_name: name }) => name);
  expect(names).toContain('new_space');
  end();
});

test.each([
  ['12.4.254.21-node.33', false],
  ['13.5.212.10', false],
  ['13.6.233.17-node.53', true],
  ['14.1.146.11-node.14', true],
  ['14.7.0', true],
  ['14.8.0', false],
  ['15.0.1', false],
])('V8 %s can be told how to count memory outside of the heap: %s', (version, can) => {
  expect(knowsExternalFlag(version)).toBe(can);
});

/** How often all garbage is collected, and how much is left at most, while 2 GB come in pieces as large as a socket reads. */
async function received({
  before = '',
  keptMiB = 0,
}): Promise<{ readonly collections: number; readonly mostMiB: number }> {
  const program = `
    import { PerformanceObserver } from 'node:perf_hooks';
    import { getHeapStatistics } from 'node:v8';
    ${before}
    let collections = 0;
    const add = (entries) => (collections += entries.filter(({ detail }) => detail.kind === 4).length);
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ entryTypes: ['gc'] });
    const kept = Array.from({ length: ${keptMiB} }, () => new Uint8Array(1 << 20));
    let mostMiB = 0;
    for (let i = 0; i < 32_768; i++) {
      new Uint8Array(65_536);
      if (i % 64 > 0) continue;
      mostMiB = Math.max(mostMiB, getHeapStatistics().external_memory >> 20);
      const wait = i % 1024 === 0 ? (go) => setTimeout(go, 60) : setImmediate; // Time for a look at the heap.
      await new Promise(wait);
    }
    add(observer.takeRecords());
    console.log(JSON.stringify({ collections, mostMiB: mostMiB - kept.length }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as { collections: number; mostMiB: number };
}

describe.skipIf(!knowsExternalFlag(process.versions.v8))('what is received', () => {
  const before = `(await import('${new URL('../src/heap.ts', import.meta.url).href}')).tuneHeap();`;

  test('is collected less than half as often as V8 would, and does not grow for ever', async () => {
    const [tuned, untuned] = await Promise.all([received({ before }), received({})]);
    expect(tuned.collections).toBeLessThan(untuned.collections / 2);
    expect(tuned.mostMiB).toBeLessThan(500);
  });

  test('is collected as often where much is kept', async () => {
    const [tuned, untuned] = await Promise.all([
      received({ before, keptMiB: 300 }),
      received({ keptMiB: 300 }),
    ]);
    expect(tuned.mostMiB).toBeLessThan(untuned.mostMiB + 64);
  });
});
