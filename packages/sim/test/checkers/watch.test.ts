import { SeededRandom } from '@quorate/std';
import { expect, test, vi } from 'vitest';
import {
  checkWatch,
  TruthLog,
  type AppliedEntry,
  type WatchAttempt,
  type WatchHistory,
} from '../../src/index.ts';
import { watchMutations, type WatchMutation, type WatchScene } from './mutate-watch.ts';
import { randomRun } from './random-history.ts';
import { randomWatch } from './random-watch.ts';
import { kv, put } from './story.ts';

vi.setConfig({ testTimeout: 120_000 });

/** How many wrong histories each mutation makes. */
const wrongCount = 1000;

function sceneOf(seed: number): WatchScene {
  const random = new SeededRandom(seed);
  const run = randomRun(random, { operationCount: 30, keys: ['a', 'b', 'c'] });
  const truth = TruthLog.ofEntries(
    run.entries.map(({ index, request }): AppliedEntry => ({ index, request })),
  );
  return { attempt: randomWatch(random, truth), truth, random };
}

function watchOf(...attempts: readonly WatchAttempt[]): readonly WatchHistory[] {
  return [{ id: 1, client: 1, attempts }];
}

function violationsOf({ attempt, truth }: Pick<WatchScene, 'attempt' | 'truth'>) {
  return checkWatch(watchOf(attempt), truth).violations;
}

test('watchers that were told what they were due pass', () => {
  for (let seed = 1; seed <= 5000; seed++) {
    const [violation] = violationsOf(sceneOf(seed));
    expect(violation, `seed ${seed}`).toBeUndefined();
  }
});

test.each(watchMutations)('$name is found, every time', ({ rules, apply }: WatchMutation) => {
  let made = 0;
  for (let seed = 1; made < wrongCount && seed < wrongCount * 100; seed++) {
    const scene = sceneOf(seed);
    const messages = apply(scene);
    if (messages === undefined) continue;
    made++;
    const found = violationsOf({ ...scene, attempt: { ...scene.attempt, messages } }).map(({ rule }) => rule);
    if (!found.some((rule) => rules.includes(rule))) {
      expect.fail(`seed ${seed}: found [${found.join(', ')}], not one of [${rules.join(', ')}]`);
    }
  }
  expect(made).toBe(wrongCount);
});

const entries: readonly AppliedEntry[] = ['1', '2', '3', '4'].map((value, i) => ({
  index: i + 2,
  request: put('a', value),
  at: 10 * (i + 1),
}));
const truth = TruthLog.ofEntries(entries);
const created = { at: 0, revision: 1, created: true, events: [] };

function told(at: number, value: string, revision: number) {
  const more = { createRevision: 2, version: revision - 1 };
  return { at, revision, events: [{ type: 'put' as const, kv: kv('a', value, revision, more) }] };
}

test('a client that resumes must leave nothing out', () => {
  const first = { request: { key: 'a' }, calledAt: 0, messages: [created, told(11, '1', 2)] };
  const resumed = (startRevision: number, ...messages: readonly ReturnType<typeof told>[]) => ({
    ...{ request: { key: 'a', startRevision }, calledAt: 30 },
    messages: [{ at: 31, revision: 4, created: true, events: [] }, ...messages],
  });
  const rulesOf = (...attempts: readonly WatchAttempt[]) =>
    checkWatch(watchOf(...attempts), truth).violations.map(({ rule }) => rule);
  expect(rulesOf(first, resumed(3, told(32, '2', 3)))).toEqual([]);
  expect(rulesOf(first, resumed(4, told(32, '3', 4)))).toEqual(['watch-lost-event']);
});

test('an event that arrives before any member applied its revision is not committed', () => {
  const attempt = { request: { key: 'a' }, calledAt: 0, messages: [created, told(5, '1', 2)] };
  expect(violationsOf({ attempt, truth }).map(({ rule }) => rule)).toEqual(['watch-header']);
});

test('a stream that breaks in the middle of fragments owes nothing more', () => {
  const txn = { kind: 'txn', compare: [], success: [put('a', '1'), put('b', '1')], failure: [] } as const;
  const both = TruthLog.ofEntries([{ index: 2, request: txn }]);
  const events = [{ type: 'put' as const, kv: kv('a', '1', 2) }];
  const request = { key: 'a', rangeEnd: '\0', fragment: true };
  const cut = { request, calledAt: 0, messages: [created, { at: 1, revision: 2, events, fragment: true }] };
  expect(violationsOf({ attempt: cut, truth: both })).toEqual([]);
  const whole = { ...cut, messages: [created, { at: 1, revision: 2, events }] };
  expect(violationsOf({ attempt: whole, truth: both }).map(({ rule }) => rule)).toEqual(['watch-lost-event']);
});

test('a truth of events lets a cancel for a compaction pass unless it is told how far anybody compacted', () => {
  const events = TruthLog.ofEvents([
    { revision: 2, events: [{ type: 'put', kv: kv('a', '1', 2) }] },
    { revision: 3, events: [{ type: 'put', kv: kv('b', '1', 3) }] },
  ]);
  const cancel = { at: 1, revision: 3, canceled: true, compactRevision: 3, events: [] };
  const attempt = { request: { key: 'a', startRevision: 1 }, calledAt: 0, messages: [created, cancel] };
  expect(checkWatch(watchOf(attempt), events).violations).toEqual([]);
  expect(checkWatch(watchOf(attempt), events, { compactedRevision: 2 }).violationCount).toBe(1);
});
