import { BenchWorld, measure, watch } from './bench.ts';

/** What catching up costs: one watcher far behind, and many behind at once, from the log and from the store. */

const value = 'v'.repeat(256);

let cancelNext = 0;

for (const revisions of [100_000]) {
  const world = new BenchWorld();
  const stream = world.open();
  for (let i = 0; i < revisions; i++) world.put(`k/${i % 5000}`, value);
  measure(
    `1 prefix watcher, ${revisions} revisions behind, a revision`,
    { rounds: 5, operations: revisions },
    () => {
      watch(stream, { key: 'k/', end: 'k0', start: 2 });
      world.drain();
      stream.request({
        requestUnion: { $case: 'cancelRequest', value: { watchId: BigInt(cancelNext++) } },
      });
    },
  );
  console.info(world.hub.metrics);
}

for (const watchers of [1_000, 10_000]) {
  for (const where of ['log', 'store'] as const) {
    const world = new BenchWorld();
    const revisions = 20_000;
    for (let i = 0; i < revisions; i++) world.put(`k/${i % 10_000}`, value);
    if (where === 'store') world.hub.restore();
    const start = performance.now();
    const stream = world.open();
    for (let i = 0; i < watchers; i++) {
      watch(stream, { key: `k/${i}`, start: 2 });
    }
    let longest = 0;
    let events = 0;
    while (stream.hasPending) {
      const before = performance.now();
      events += stream.take(65_536).length;
      longest = Math.max(longest, performance.now() - before);
    }
    const ms = performance.now() - start;
    console.info(
      `${watchers} watchers on own keys, ${revisions} revisions behind in the ${where}: ${ms.toFixed(0)} ms, ` +
        `longest take ${longest.toFixed(1)} ms, ${events} responses, ${world.hub.metrics.historyReadsTotal} reads`,
    );
  }
}
