import { memberId } from '@quorate/membership';
import { ManualClock } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DiscoveryError, joinCluster, registryKeys, type RegistryClient } from '../src/index.ts';
import { FakeRegistry } from './fake-registry.ts';

const token = 'any';
const keys = registryKeys(token);

/** The calls of one member go through in an order that the property chooses, and some of them fail. */
function shuffled(registry: FakeRegistry, scheduler: fc.Scheduler, failing: () => boolean): RegistryClient {
  const late = <T>(call: () => Promise<T>): Promise<T> =>
    scheduler.schedule(Promise.resolve()).then(() => {
      if (failing()) throw new Error('a passing fault');
      return call();
    });
  return {
    get: (key) => late(() => registry.get(key)),
    put: (key, value) => late(() => registry.put(key, value)),
    list: (prefix, options) => late(() => registry.list(prefix, options)),
    watch: (prefix, { startRevision, signal }) =>
      registry.watch(prefix, { startRevision, ...(signal && { signal }) }),
  };
}

const clock = Object.assign(new ManualClock(), {
  after: (_delayMs: number, action: () => void) => {
    queueMicrotask(action);
    return { cancel() {} };
  },
});

test('in any order of calls, with any faults, the first `size` form one cluster and the rest is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 4 }),
      fc.infiniteStream(fc.nat({ max: 9 })),
      fc.scheduler(),
      async (size, extra, dice, scheduler) => {
        const registry = new FakeRegistry();
        registry.set(keys.size, String(size));
        const outcomes = Array.from({ length: size + extra }, (_, n) => {
          const peerUrl = `http://10.0.0.${n}:2380`;
          return joinCluster({
            client: shuffled(registry, scheduler, () => dice.next().value === 0),
            clock,
            token,
            memberId: memberId({ peerUrls: [peerUrl], clusterToken: token }),
            registration: `m${n}=${peerUrl}`,
          }).catch((error: unknown) => {
            if (error instanceof DiscoveryError) return error.code;
            throw error;
          });
        });
        const results = await scheduler.waitFor(Promise.all(outcomes));
        const joined = results.filter((result) => result.startsWith('m'));
        expect(joined).toHaveLength(size);
        expect(new Set(joined).size).toBe(1);
        expect(joined[0]?.split(',')).toHaveLength(size);
        // Who was let in is in what they were told.
        results.forEach((result, n) => {
          expect(joined[0]?.includes(`m${n}=`)).toBe(result.startsWith('m'));
        });
        expect(results.filter((result) => result === 'DISCOVERY_CLUSTER_FULL')).toHaveLength(extra);
      },
    ),
    { numRuns: 150 },
  );
});

test('whatever stands in the registry, a member joins a cluster it is in, or is told why not', async () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('=', ',', 'a=http://h:1', 'a=http://h:1,b=http://h:2', 'x=unix:///s', '🦊=http://h:3'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.integer({ min: -3, max: 4 }).map(String), text),
      fc.array(fc.tuple(fc.string(), text), { minLength: 4, maxLength: 8 }),
      async (size, rows) => {
        const registry = new FakeRegistry();
        registry.set(keys.size, size);
        for (const [key, value] of rows) registry.set(keys.membersPrefix + key, value);
        const peerUrl = 'http://10.0.0.1:2380';
        const aborting = new AbortController();
        const outcome = await joinCluster({
          client: registry,
          clock,
          token,
          memberId: memberId({ peerUrls: [peerUrl], clusterToken: token }),
          registration: `me=${peerUrl}`,
          signal: aborting.signal,
          // Too few have registered, and nobody will.
          onEvent: ({ kind }) => {
            if (kind === 'waiting')
              setImmediate(() =>
                aborting.abort(new DiscoveryError('DISCOVERY_CLUSTER_FULL', 'told to stop')),
              );
          },
        }).catch((error: unknown) => error);
        if (typeof outcome === 'string') expect(outcome.split(',')).toContain(`me=${peerUrl}`);
        else expect(outcome).toBeInstanceOf(DiscoveryError);
      },
    ),
    { numRuns: 300 },
  );
});
