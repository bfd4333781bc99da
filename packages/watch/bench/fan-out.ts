import { BenchWorld, measure, watch } from './bench.ts';

/** What a put costs with many watchers on its key, spread over streams, and with many on other keys. */

const value = 'v'.repeat(256);

for (const watchers of [1_000, 10_000]) {
  for (const streams of [1, 100, watchers]) {
    const world = new BenchWorld();
    for (let i = 0; i < streams; i++) {
      const stream = world.open();
      for (let j = 0; j < watchers / streams; j++) watch(stream, { key: 'k' });
    }
    world.drain();
    const name = `1 put of 256 B to ${watchers} watchers on ${streams} streams, an event`;
    measure(name, { rounds: 30, operations: watchers }, () => {
      world.put('k', value);
      const { responses } = world.drain();
      if (responses !== watchers) throw new Error(`${responses} responses`);
    });
  }
}

for (const prefixes of [1_000]) {
  const world = new BenchWorld();
  for (let i = 0; i < prefixes; i++) {
    const stream = world.open();
    for (let j = 0; j < 10; j++) watch(stream, { key: `p${i}/`, end: `p${i}0`, prevKv: true });
  }
  world.drain();
  let next = 0;
  measure(
    `1 put to ${prefixes} prefixes x 10 watchers with prev_kv, an event`,
    { rounds: 20, operations: 10_000 },
    () => {
      for (let i = 0; i < 1000; i++) world.put(`p${next++ % prefixes}/x`, value);
      world.drain();
    },
  );
}

for (const kind of ['keys', 'prefixes'] as const) {
  for (const watchers of [0, 10_000, 100_000]) {
    const world = new BenchWorld();
    const stream = world.open();
    for (let i = 0; i < watchers; i++) {
      watch(stream, kind === 'keys' ? { key: `idle${i}` } : { key: `idle${i}/`, end: `idle${i}0` });
    }
    world.drain();
    const changes = Array.from({ length: 1000 }, (_, i) => ({ key: `busy${i}` }));
    const made = world.source.put('x', value)[0]!;
    world.hub.append(world.source.currentRevision, [made]);
    let revision = world.source.currentRevision;
    measure(
      `append of a put beside ${watchers} idle watchers of other ${kind}`,
      { rounds: 50, operations: 1000 },
      () => {
        for (let i = 0; i < 1000; i++) {
          world.hub.append(++revision, [{ type: 0, key: changes[i]!.key, kv: made.kv, prev: undefined }]);
        }
      },
    );
  }
}
