import { SeededRandom } from '@quorate/std';
import { describe, expect, test, vi } from 'vitest';
import { LinearizedSet } from '../../src/checkers/wgl/linearized-set.ts';
import { SearchCache } from '../../src/checkers/wgl/search-cache.ts';
import { searchOrder } from '../../src/checkers/wgl/search.ts';
import { isLinearizableByBruteForce } from '../../src/checkers/brute-force/brute-force.ts';
import {
  checkLinearizable,
  checkWgl,
  TruthLog,
  type History,
  type Operation,
  type Verdict,
} from '../../src/index.ts';
import { longRun } from '../../bench/long-run.ts';
import { mutate } from './mutate.ts';
import { randomRun } from './random-history.ts';
import { kv, put, Story } from './story.ts';

vi.setConfig({ testTimeout: 120_000 });

/** The same history as if no answer had had a header. */
function withoutRevisions({ operations }: History): History {
  return {
    operations: operations.map((operation): Operation =>
      operation.outcome.kind === 'ok'
        ? { ...operation, outcome: { ...operation.outcome, revision: 0 } }
        : operation,
    ),
  };
}

function passes({ violationCount, unresolved }: Verdict): boolean {
  return violationCount === 0 && unresolved.length === 0;
}

test('histories without revisions are judged as brute force judges them', () => {
  for (let seed = 1; seed <= 10_000; seed++) {
    const random = new SeededRandom(seed);
    const run = randomRun(random, { operationCount: 2 + random.below(4), unknownPercent: 10 });
    const chosen = random.below(2) === 0 ? run.history : (mutate(run, random)?.history ?? run.history);
    const history = withoutRevisions(chosen);
    expect(passes(checkWgl(history, { leasesExpire: false })), `seed ${seed}`).toBe(
      isLinearizableByBruteForce(history),
    );
  }
});

test('long histories with revisions and unknown writes are searched without going astray', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new SeededRandom(seed);
    const options = {
      operationCount: 2000,
      clientCount: 8,
      keyCount: 20,
      withEntries: true,
      withEvents: false,
    };
    const run = longRun(random, options);
    const operations = run.history.operations.map((operation): Operation =>
      operation.request.kind === 'put' && random.below(20) === 0
        ? { ...operation, returnedAt: Infinity, outcome: { kind: 'unknown' } }
        : operation,
    );
    const { outcome, stepCount } = searchOrder(operations, { stepsMax: 1_000_000 });
    expect(outcome, `seed ${seed}`).toBe('found');
    expect(stepCount, `seed ${seed}`).toBeLessThan(200_000);
    expect(passes(checkLinearizable({ operations }))).toBe(true);
    expect(passes(checkLinearizable({ operations }, TruthLog.ofEntries(run.entries)))).toBe(true);
  }
});

test('a search that finds no order says how far it came and what stood in the way', () => {
  const story = new Story().put([0, 1], 'a', '1', 2).get([2, 3], 'a', 1).put([4, 5], 'b', '1', 3);
  const [violation] = checkWgl(story.history).violations;
  expect(violation?.rule).toBe('not-linearizable');
  expect(violation?.operations).toEqual([1]);
  expect(violation?.message).toContain('ends with [#0 put "a"="1"');
});

test('a lease may end by itself, if one says so', () => {
  const story = new Story()
    .ok([0, 1], { kind: 'leaseGrant', id: 7n, ttlSeconds: 1 }, 1, {
      kind: 'leaseGrant',
      id: 7n,
      ttlSeconds: 1,
    })
    .ok([2, 3], put('a', '1', 7n), 2, { kind: 'put' })
    .get([4, 5], 'a', 3);
  expect(passes(checkWgl(story.history))).toBe(true);
  expect(passes(checkWgl(story.history, { leasesExpire: false }))).toBe(false);
  const initial = {
    revision: 2,
    compactedRevision: -1,
    kvs: [kv('a', '1', 2, { lease: 7n })],
    leases: [{ id: 7n, ttlSeconds: 1 }],
  };
  expect(passes(checkWgl({ ...new Story().get([4, 5], 'a', 3).history, initial }))).toBe(true);
});

describe('the places where a search has been', () => {
  test('a set has the same hash and extent, whichever way it came about', () => {
    const random = new SeededRandom(3);
    const set = new LinearizedSet(200);
    const members = new Set<number>();
    for (let i = 0; i < 5000; i++) {
      const member = random.below(200);
      if (members.delete(member)) set.delete(member);
      else {
        members.add(member);
        set.add(member);
      }
      const fresh = new LinearizedSet(200);
      for (const other of members) fresh.add(other);
      expect([set.hashLow, set.hashHigh, set.endWord]).toEqual([
        fresh.hashLow,
        fresh.hashHigh,
        fresh.endWord,
      ]);
      expect(Math.min(set.firstOpenWord, set.endWord)).toBe(Math.min(fresh.firstOpenWord, fresh.endWord));
      expect(set.words).toEqual(fresh.words);
    }
  });

  test('each pair of a set and a state is new once', () => {
    const random = new SeededRandom(5);
    const cache = new SearchCache();
    const seen = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const set = new LinearizedSet(100);
      const members = Array.from({ length: random.below(3) }, () => random.below(100));
      for (const member of new Set(members)) set.add(member);
      const state = { history: random.below(3), meta: random.below(2) };
      const name = `${[...new Set(members)].sort().join()} ${state.history} ${state.meta}`;
      expect(cache.add(set, state)).toBe(!seen.has(name));
      seen.add(name);
    }
    expect(cache.size).toBe(seen.size);
  });
});
