import { SeededRandom } from '@quorate/std';
import { expect, test, vi } from 'vitest';
import { checkCompaction, checkLinearizable, TruthLog } from '../../src/index.ts';
import { mutate } from './mutate.ts';
import { randomRun } from './random-history.ts';
import { found, kv, put, Story } from './story.ts';

vi.setConfig({ testTimeout: 120_000 });

const old = (revision: number, more: object = {}) =>
  ({ kind: 'range', key: 'a', revision, ...more }) as const;
const compact = (revision: number) => ({ kind: 'compact', revision }) as const;

function rulesOf(story: Story): readonly string[] {
  return checkCompaction(story.history, TruthLog.ofEntries(story.entries)).violations.map(({ rule }) => rule);
}

function storyOfTwoPuts(): Story {
  const story = new Story().put([0, 1], 'a', '1', 2).put([2, 3], 'a', '2', 3);
  return story.log(put('a', '1'), put('a', '2'));
}

test('an old read gives what there was then, before and while it is compacted', () => {
  const story = storyOfTwoPuts()
    .ok([4, 5], old(2), 3, found(kv('a', '1', 2)))
    .ok([6, 9], compact(3), 3, { kind: 'compact' })
    .ok([7, 8], old(2), 3, found(kv('a', '1', 2)))
    .ok([10, 11], old(3), 3, found(kv('a', '2', 3, { createRevision: 2, version: 2 })))
    .refused([10, 11], old(2), 'compacted')
    .log(compact(3));
  expect(rulesOf(story)).toEqual([]);
  expect(rulesOf(story.ok([4, 5], old(2), 3, found(kv('a', '2', 2))))).toEqual(['wrong-answer']);
});

test('nothing is served below a compaction that was acknowledged, unless from a member that lags', () => {
  const story = storyOfTwoPuts().ok([4, 5], compact(3), 3, { kind: 'compact' });
  story.ok([6, 7], old(2, { serializable: true }), 3, found(kv('a', '1', 2)));
  expect(rulesOf(story)).toEqual([]);
  expect(rulesOf(story.ok([6, 7], old(2), 3, found(kv('a', '1', 2))))).toEqual(['read-below-compaction']);
});

test('nothing is refused as compacted that nobody can have compacted by then', () => {
  const story = storyOfTwoPuts().refused([4, 5], old(1), 'compacted').unknown(6, compact(2));
  expect(rulesOf(story)).toEqual(['false-compacted']);
  expect(rulesOf(storyOfTwoPuts().unknown(5, compact(2)).refused([4, 5], old(1), 'compacted'))).toEqual([]);
  expect(rulesOf(storyOfTwoPuts().unknown(5, compact(2)).refused([6, 7], old(2), 'compacted'))).toEqual([
    'false-compacted',
  ]);
});

test('compactions go up, and not beyond what there is', () => {
  const story = storyOfTwoPuts().ok([4, 5], compact(2), 3, { kind: 'compact' });
  expect(rulesOf(story)).toEqual([]);
  expect(rulesOf(story.refused([6, 7], compact(2), 'compacted'))).toEqual([]);
  expect(rulesOf(story.ok([6, 7], compact(2), 3, { kind: 'compact' }))).toEqual(['compaction-order']);
  expect(rulesOf(storyOfTwoPuts().ok([4, 5], compact(4), 3, { kind: 'compact' }))).toEqual([
    'compaction-order',
  ]);
});

test('no revision is of the future once it was shown', () => {
  expect(rulesOf(storyOfTwoPuts().refused([2, 3], old(3), 'futureRevision'))).toEqual([]);
  expect(rulesOf(storyOfTwoPuts().refused([4, 5], old(3), 'futureRevision'))).toEqual(['wrong-refusal']);
  expect(rulesOf(storyOfTwoPuts().refused([4, 5], compact(3), 'futureRevision'))).toEqual(['wrong-refusal']);
  expect(rulesOf(storyOfTwoPuts().refused([4, 5], old(3, { serializable: true }), 'futureRevision'))).toEqual(
    [],
  );
});

test('it never complains where the main checker does not', () => {
  for (let seed = 1; seed <= 5000; seed++) {
    const random = new SeededRandom(seed);
    const run = randomRun(random, { operationCount: 12, unknownPercent: 10 });
    const history = random.below(2) === 0 ? run.history : (mutate(run, random)?.history ?? run.history);
    const truth = TruthLog.ofEntries(run.entries);
    const { violations } = checkCompaction(history, truth);
    if (violations.length === 0) continue;
    const main = checkLinearizable(history, truth, { leasesExpire: false });
    expect(main.violationCount, `seed ${seed}: ${violations[0]!.message}`).toBeGreaterThan(0);
  }
});
