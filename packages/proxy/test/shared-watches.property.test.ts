import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WatchScene, type SceneClient } from './watch-scene.ts';

const keys = ['a', 'b', 'c', 'd'] as const;
const ranges = [
  ...keys.map((key) => ({ key, rangeEnd: '' })),
  { key: 'a', rangeEnd: 'c' },
  { key: 'a', rangeEnd: '\0' },
] as const;

const client = fc.nat({ max: 2 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put'), key: fc.constantFrom(...keys) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete'), key: fc.constantFrom(...keys) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('create'),
      client,
      range: fc.constantFrom(...ranges),
      // Back from the latest revision; below zero is the future, and undefined is from now on.
      back: fc.option(fc.integer({ min: -3, max: 12 }), { nil: undefined }),
      filters: fc.constantFrom([], [], [0 as const], [1 as const]),
      watchId: fc.constantFrom(0n, 0n, 0n, 5n),
      progressNotify: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel'), client, which: fc.nat({ max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ask'), client }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take') }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('deliver'), first: fc.constantFrom('control', 'news') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('catchUp') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('notify') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('connect') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact'), back: fc.nat({ max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forbid') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('slow'), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fast'), client }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(scene: WatchScene, action: Step): Promise<void> {
  const { store, member, clients } = scene;
  const one = 'client' in action ? clients[action.client] : undefined;
  if (action.do === 'put' && 'key' in action) store.write(action.key, `v${store.revision}`);
  else if (action.do === 'delete' && 'key' in action) store.write(action.key, undefined);
  else if ('range' in action && one !== undefined) {
    const { range, back, filters, watchId, progressNotify } = action;
    const wanted = back === undefined ? 0n : store.revision - BigInt(back);
    const startRevision = wanted < 0n ? 1n : wanted;
    one.create({ ...range, startRevision, filters: [...filters], watchId, progressNotify });
  } else if ('which' in action && one !== undefined) {
    const [id] = one.live[action.which] ?? [];
    if (id !== undefined) one.cancel(id);
  } else if (action.do === 'ask') one?.askProgress();
  else if (action.do === 'slow') one?.slow();
  else if (action.do === 'fast') await one?.fast();
  else if (action.do === 'take') member?.takeRequest();
  else if ('first' in action) scene.deliver(action.first);
  else if (action.do === 'catchUp') member?.catchUp();
  else if (action.do === 'notify') member?.notifyProgress();
  else if (action.do === 'break' && member !== undefined) scene.disconnect();
  else if (action.do === 'connect' && member === undefined) scene.connect();
  else if (action.do === 'compact' && 'back' in action) {
    const revision = store.revision - BigInt(action.back ?? 0);
    if (revision > store.compacted) store.compacted = revision;
  } else if (action.do === 'forbid') member?.forbidden.add('b');
}

/** A response of progress promises that all there was up to its revision has been sent. */
function checkProgress(scene: WatchScene, { responses, live }: SceneClient, from: number): void {
  for (const { watchId, header, events, created, canceled } of responses.slice(from)) {
    if (events.length > 0 || created || canceled) continue;
    for (const [id, heard] of live) {
      if (watchId !== -1n && watchId !== id) continue;
      const promised = scene.expected(heard).filter(({ revision }) => revision <= (header?.revision ?? 0n));
      expect(heard.events.slice(0, promised.length)).toEqual(promised);
    }
  }
}

test('every watcher gets each event once and in order, whoever joins, leaves, lags or breaks meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120 }), async (steps) => {
      const scene = new WatchScene(3);
      scene.connect();
      for (const action of steps) {
        const before = scene.clients.map(({ responses }) => responses.length);
        await take(scene, action);
        scene.watches.checkInvariants();
        scene.clients.forEach((one, i) => checkProgress(scene, one, before[i] ?? 0));
      }
      if (scene.member === undefined) scene.connect();
      scene.settle();
      for (const one of scene.clients) await one.fast();
      scene.settle();
      for (const { heard } of scene.clients) {
        for (const one of heard) {
          const expected = scene.expected(one);
          if (one.canceled === undefined) expect(one.events).toEqual(expected);
          else expect(one.events).toEqual(expected.slice(0, one.events.length));
        }
      }
      // And those of a range that are up to date share one watcher of the member's.
      for (const key of [...keys, ...keys]) scene.store.write(key, 'last');
      scene.settle();
      const watched = scene.clients.flatMap(({ live }) => live.map(([, { asked }]) => asked));
      const isAhead = ({ startRevision = 0n }) => startRevision > scene.store.revision;
      const shared = new Set(watched.filter((asked) => !isAhead(asked)).map((a) => a.key + a.rangeEnd));
      expect(scene.watches.sourceCount).toBeLessThanOrEqual(shared.size + watched.filter(isAhead).length);
    }),
    { numRuns: 400 },
  );
});
