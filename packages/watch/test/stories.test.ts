import { describe, expect, test } from 'vitest';
import type { rpcpb } from '@quorate/wire';
import { lineOf, World, type TestClient } from './harness.ts';
import { maxRequestBytes, stories, type Teller } from './stories.ts';

function tell(world: World, client: TestClient): Teller {
  const inbox: rpcpb.WatchResponse[] = [];
  return {
    txn: async (...ops) => {
      world.txn(...ops);
      // Somebody who keeps up gets one response for a revision, as of etcd.
      inbox.push(...client.read());
    },
    compact: async (revision) => world.source.compact(revision),
    create: (options) => client.create(options),
    cancel: (watchId) => client.cancel(watchId),
    progress: () => client.progress(),
    expect: async (...lines) => {
      const responses = [...inbox.splice(0), ...client.read()].sort((a, b) => Number(a.watchId - b.watchId));
      expect(responses.map(lineOf)).toEqual(lines);
    },
  };
}

describe.each([
  ['with a log of recent events', 64 * 1024 * 1024],
  ['with the store alone', 0],
])('%s', (_, maxLogBytes) => {
  test.each(Object.entries(stories))('%s', async (_name, story) => {
    const world = new World({ maxLogBytes });
    const client = world.open({ maxFragmentBytes: maxRequestBytes + 512 * 1024 });
    await story(tell(world, client));
    expect(client.lines()).toEqual([]);
  });
});
