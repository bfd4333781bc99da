import { SeededRandom } from '@quorate/std';
import { describe, expect, test } from 'vitest';
import { requestKey } from '../../src/checkers/linearizability/request-key.ts';
import {
  checkLinearizable,
  HistoryError,
  TruthLog,
  type LinearizabilityOptions,
  type TruthStep,
} from '../../src/index.ts';
import { randomRun } from './random-history.ts';
import { found, kv, put, Story } from './story.ts';

const noExpiry = { leasesExpire: false };

/** The rules that a story breaks, and with its log. */
function rulesOf(story: Story, options: LinearizabilityOptions = noExpiry): readonly string[] {
  const truth = story.entries.length > 0 ? TruthLog.ofEntries(story.entries) : undefined;
  const { violations, unresolved } = checkLinearizable(story.history, truth, options);
  expect(unresolved).toEqual([]);
  return violations.map(({ rule }) => rule);
}

function messageOf(story: Story): string {
  return checkLinearizable(story.history, undefined, noExpiry).violations[0]?.message ?? '';
}

describe('the order of real time', () => {
  test('writes and reads that overlap may come in any order that the revisions give', () => {
    const story = new Story()
      .put([0, 10], 'a', '1', 3)
      .put([0, 10], 'b', '1', 2)
      .get([0, 10], 'a', 2)
      .get([5, 6], 'a', 3, kv('a', '1', 3));
    expect(rulesOf(story)).toEqual([]);
  });

  test('a read that misses a write which had returned before it is stale', () => {
    const story = new Story().put([0, 1], 'a', '1', 2).get([2, 3], 'a', 1);
    expect(rulesOf(story)).toEqual(['real-time-order']);
    expect(messageOf(story)).toContain('#1 range "a"');
    expect(messageOf(story)).toContain('#0 put "a"="1"');
  });

  test('a read that shows a write before it was called is from the future', () => {
    const story = new Story().get([0, 1], 'a', 2, kv('a', '1', 2)).put([2, 3], 'a', '1', 2);
    expect(rulesOf(story)).toEqual(['real-time-order']);
  });

  test('two reads must not see a write come and go', () => {
    const story = new Story()
      .put([0, 100], 'a', '1', 2)
      .get([1, 2], 'a', 2, kv('a', '1', 2))
      .get([3, 4], 'a', 1);
    expect(rulesOf(story)).toEqual(['real-time-order']);
  });

  test('one misplaced write is reported once, however many operations it puts out of order', () => {
    const story = new Story().put([900, 901], 'a', '0', 2);
    for (let i = 0; i < 50; i++) story.put([i * 10, i * 10 + 1], `k${i}`, '1', 3 + i);
    expect(rulesOf(story)).toEqual(['real-time-order']);
    expect(messageOf(story)).toContain('49 others');
  });

  test('a call at the very moment of a return is concurrent with it', () => {
    expect(rulesOf(new Story().put([0, 5], 'a', '1', 2).get([5, 6], 'a', 1))).toEqual([]);
  });
});

describe('answers', () => {
  test('a value, a count or a previous value that the state does not have is wrong', () => {
    const story = new Story()
      .put([0, 1], 'a', '1', 2)
      .get([2, 3], 'a', 2, kv('a', 'x', 2))
      .ok([4, 5], { kind: 'range', key: 'a' }, 2, {
        kind: 'range',
        kvs: [kv('a', '1', 2)],
        count: 2,
        more: false,
      })
      .ok([6, 7], { ...put('a', '2'), prevKv: true }, 3, { kind: 'put', prevKv: kv('a', '0', 2) });
    expect(rulesOf(story)).toEqual(['wrong-answer', 'wrong-answer', 'wrong-answer']);
    expect(messageOf(story)).toContain('"a"="x" (create 2, mod 2, version 1) where there is "a"="1"');
  });

  test('a version or create revision that does not survive a delete is right, one that does is wrong', () => {
    const story = new Story()
      .put([0, 1], 'a', '1', 2)
      .ok([2, 3], { kind: 'deleteRange', key: 'a' }, 3, { kind: 'deleteRange', deleted: 1, prevKvs: [] })
      .put([4, 5], 'a', '2', 4);
    expect(rulesOf(story.get([6, 7], 'a', 4, kv('a', '2', 4)))).toEqual([]);
    story.get([8, 9], 'a', 4, kv('a', '2', 4, { createRevision: 2, version: 2 }));
    expect(rulesOf(story)).toEqual(['wrong-answer']);
  });

  test('a transaction whose compares give the other branch is wrong', () => {
    const request = {
      kind: 'txn',
      compare: [{ key: 'a', target: 'version', result: 'equal', operand: 0 }],
      success: [put('a', '1')],
      failure: [{ kind: 'range', key: 'a' }],
    } as const;
    const story = new Story()
      .ok([0, 1], request, 2, { kind: 'txn', succeeded: true, responses: [{ kind: 'put' }] })
      .ok([2, 3], request, 3, { kind: 'txn', succeeded: true, responses: [{ kind: 'put' }] });
    expect(rulesOf(story)).toEqual(['wrong-answer']);
  });

  test('two writes cannot have made the same revision', () => {
    const story = new Story().put([0, 1], 'a', '1', 2).put([0, 1], 'b', '1', 2);
    expect(rulesOf(story)).toContain('shared-revision');
  });

  test('equals of a sort may come in any order, but not out of order', () => {
    const request = {
      kind: 'range',
      key: 'a',
      rangeEnd: '\0',
      sortTarget: 'version',
      sortOrder: 'ascend',
    } as const;
    const [a, b] = [kv('a', '1', 2), kv('b', '1', 3)];
    const story = new Story().put([0, 1], 'a', '1', 2).put([2, 3], 'b', '1', 3);
    story.ok([4, 5], request, 3, { kind: 'range', kvs: [b, a], count: 2, more: false });
    expect(rulesOf(story)).toEqual([]);
    const byMod = { ...request, sortTarget: 'mod' } as const;
    story.ok([6, 7], byMod, 3, { kind: 'range', kvs: [b, a], count: 2, more: false });
    expect(rulesOf(story)).toEqual(['wrong-answer']);
  });
});

describe('serializable reads', () => {
  const stale = { kind: 'range', key: 'a', serializable: true } as const;

  test('may be old, but not wrong, and not from the future', () => {
    const story = new Story().put([0, 1], 'a', '1', 2).ok([2, 3], stale, 1, found());
    expect(rulesOf(story)).toEqual([]);
    expect(rulesOf(story.ok([2, 3], stale, 2, found()))).toEqual(['wrong-answer']);
    const early = new Story().ok([0, 1], stale, 2, found(kv('a', '1', 2))).put([2, 3], 'a', '1', 2);
    expect(rulesOf(early)).toEqual(['real-time-order']);
  });

  test('must not go back on one connection', () => {
    const story = new Story()
      .put([0, 1], 'a', '1', 2)
      .ok([2, 3], stale, 2, found(kv('a', '1', 2)), 1)
      .ok([4, 5], stale, 1, found(), 2);
    expect(rulesOf(story)).toEqual([]);
    expect(rulesOf(story.ok([6, 7], stale, 1, found(), 1))).toEqual(['connection-order']);
  });
});

describe('operations of unknown outcome', () => {
  test('may have happened, at any time after the call, or not', () => {
    const story = new Story().unknown(0, put('a', '1')).get([10, 11], 'a', 1);
    expect(rulesOf(story)).toEqual([]);
    expect(rulesOf(story.get([20, 21], 'a', 2, kv('a', '1', 2)))).toEqual([]);
    expect(rulesOf(story.get([30, 31], 'a', 1))).toEqual(['not-linearizable']);
  });

  test('cannot have happened before their call', () => {
    const story = new Story().get([0, 1], 'a', 2, kv('a', '1', 2)).unknown(5, put('a', '1'));
    expect(rulesOf(story)).toEqual(['not-linearizable']);
    expect(rulesOf(story.log(put('a', '1')))).toEqual(['real-time-order']);
  });

  test('are found in the log by what they ask for', () => {
    const story = new Story()
      .unknown(0, put('a', '1'))
      .put([5, 6], 'b', '1', 3)
      .log(put('a', '1'), put('b', '1'));
    expect(rulesOf(story)).toEqual([]);
  });

  test('a search that is not allowed enough steps leaves the question open', () => {
    const story = new Story().unknown(0, put('a', '1')).put([5, 6], 'b', '1', 3);
    const { violations, unresolved } = checkLinearizable(story.history, undefined, { searchStepsMax: 1 });
    expect(violations).toEqual([]);
    expect(unresolved).toHaveLength(1);
  });
});

describe('the log', () => {
  test('must have every write that was acknowledged', () => {
    const story = new Story().put([0, 1], 'a', '1', 2).put([2, 3], 'a', '2', 3).log(put('a', '1'));
    expect(rulesOf(story)).toContain('lost-write');
  });

  test('must not have a write that nobody asked for, nor one twice', () => {
    expect(rulesOf(new Story().log(put('a', '1')))).toEqual(['write-by-nobody']);
    const twice = new Story().unknown(0, put('a', '1')).log(put('a', '1'), put('a', '1'));
    expect(rulesOf(twice)).toEqual(['write-by-nobody']);
    const named = new Story().unknown(0, put('a', '1'));
    named.entries.push({ index: 2, request: put('a', '1'), operation: 0 });
    named.entries.push({ index: 3, request: put('a', '1'), operation: 0 });
    expect(rulesOf(named)).toEqual(['double-write']);
  });

  test('must not have a write that was refused', () => {
    const story = new Story().refused([0, 1], put('a', '1'), 'other').log(put('a', '1'));
    expect(rulesOf(story)).toEqual(['refused-but-executed']);
  });

  test('and the revisions that its source states must agree', () => {
    const story = new Story().put([0, 1], 'a', '1', 2);
    story.entries.push({ index: 2, request: put('a', '1'), revision: 3 });
    expect(rulesOf(story)).toEqual(['truth-disagrees']);
  });

  test('that lost, doubled or swapped writes is found out, every time', () => {
    let made = 0;
    for (let seed = 1; made < 2000; seed++) {
      const random = new SeededRandom(seed);
      const { history, entries } = randomRun(random, { operationCount: 12 });
      const right = TruthLog.ofEntries(entries);
      const writes = [...entries.keys()].filter((i) => isWrite(right.steps![i]!));
      const at = writes[random.below(Math.max(1, writes.length))];
      if (at === undefined) continue;
      const requests = entries.map(({ request }) => request);
      const [last] = writes.slice(-1);
      const change = random.below(3);
      if (change === 0) requests.splice(at, 1);
      else if (change === 1) requests.splice(at + 1, 0, requests[at]!);
      else [requests[at], requests[last!]] = [requests[last!]!, requests[at]!];
      const truth = TruthLog.ofEntries(requests.map((request, i) => ({ index: i + 2, request })));
      // Another entry may do just what was lost, and a doubled one nothing: then the log tells the same story.
      if (storyOf(truth) === storyOf(right)) continue;
      made++;
      expect(checkLinearizable(history, truth, noExpiry).violationCount, `seed ${seed}`).toBeGreaterThan(0);
    }
  });

  test('orders compactions and grants that one revision does not', () => {
    const compact = { kind: 'compact', revision: 2 } as const;
    const old = { kind: 'range', key: 'a', revision: 1 } as const;
    const story = new Story()
      .put([0, 1], 'a', '1', 2)
      .ok([2, 9], compact, 2, { kind: 'compact' })
      .ok([3, 4], old, 2, found())
      .refused([5, 6], old, 'compacted')
      .log(put('a', '1'), compact);
    expect(rulesOf(story)).toEqual([]);
    expect(rulesOf(story.ok([7, 8], old, 2, found()))).not.toEqual([]);
  });
});

describe('refusals', () => {
  const grant = { kind: 'leaseGrant', id: 7n, ttlSeconds: 60 } as const;
  const granted = { kind: 'leaseGrant', id: 7n, ttlSeconds: 60 } as const;
  const revoke = { kind: 'leaseRevoke', id: 7n } as const;

  test('of a lease that is not there need a moment at which it was not', () => {
    const story = new Story()
      .ok([10, 11], grant, 1, granted)
      .refused([0, 1], put('a', '1', 7n), 'leaseNotFound')
      .ok([20, 21], revoke, 1, { kind: 'leaseRevoke' })
      .refused([30, 31], put('a', '1', 7n), 'leaseNotFound');
    expect(rulesOf(story)).toEqual([]);
    expect(rulesOf(story.refused([12, 13], put('a', '1', 7n), 'leaseNotFound'))).toEqual(['wrong-refusal']);
  });

  test('of a lease that may have ended by itself are left open without a log', () => {
    const story = new Story().ok([10, 11], grant, 1, granted).refused([12, 13], revoke, 'leaseNotFound');
    expect(checkLinearizable(story.history).violations).toEqual([]);
    expect(checkLinearizable(story.history).unresolved).toHaveLength(1);
    expect(rulesOf(story.log(grant, revoke), {})).toEqual([]);
  });

  test('of a future revision are wrong once that revision was seen', () => {
    const future = { kind: 'range', key: 'a', revision: 2 } as const;
    const story = new Story().refused([0, 1], future, 'futureRevision').put([2, 3], 'a', '1', 2);
    expect(rulesOf(story)).toEqual([]);
    expect(rulesOf(story.refused([4, 5], future, 'futureRevision'))).toContain('wrong-refusal');
  });

  test('that say nothing about the state are taken as they are', () => {
    const story = new Story().refused([0, 1], put('a', '1'), 'other').refused([0, 1], put('', ''), 'invalid');
    expect(rulesOf(story)).toEqual([]);
  });
});

describe('a watch of all keys as truth', () => {
  test('tells which unknown write made a revision, and which lease ended', () => {
    const lease = 7n;
    const story = new Story()
      .ok([0, 1], { kind: 'leaseGrant', id: lease, ttlSeconds: 5 }, 1, {
        kind: 'leaseGrant',
        id: lease,
        ttlSeconds: 5,
      })
      .ok([2, 3], put('a', '1', lease), 2, { kind: 'put' })
      .unknown(4, put('b', '1'))
      .get([90, 91], 'a', 4);
    const truth = TruthLog.ofEvents([
      { revision: 2, events: [{ type: 'put', kv: kv('a', '1', 2, { lease }) }] },
      { revision: 3, events: [{ type: 'put', kv: kv('b', '1', 3) }] },
      { revision: 4, events: [{ type: 'delete', kv: kv('a', '', 4, { createRevision: 0, version: 0 }) }] },
    ]);
    expect(checkLinearizable(story.history, truth).violations).toEqual([]);
    const { violations } = checkLinearizable(story.history, truth, noExpiry);
    expect(violations.map(({ rule }) => rule)).toEqual(['write-by-nobody']);
  });

  test('must be without gaps, and its fields must follow from each other', () => {
    const gap = TruthLog.ofEvents([{ revision: 3, events: [] }]);
    expect(gap.violations.map(({ rule }) => rule)).toEqual(['truth-disagrees']);
    const wrong = TruthLog.ofEvents([
      { revision: 2, events: [{ type: 'put', kv: kv('a', '1', 2, { version: 2 }) }] },
    ]);
    expect(wrong.violations.map(({ rule }) => rule)).toEqual(['truth-disagrees']);
  });

  test('contradicts a write that was acknowledged with one of its revisions', () => {
    const story = new Story().put([0, 1], 'a', '1', 2);
    const truth = TruthLog.ofEvents([{ revision: 2, events: [{ type: 'put', kv: kv('a', '2', 2) }] }]);
    expect(checkLinearizable(story.history, truth).violations.map(({ rule }) => rule)).toContain(
      'lost-write',
    );
  });
});

test('a history may begin with a store that others have filled', () => {
  const initial = {
    revision: 9,
    compactedRevision: 5,
    kvs: [kv('a', '1', 7, { lease: 3n })],
    leases: [{ id: 3n, ttlSeconds: 10 }],
  };
  const story = new Story().get([0, 1], 'a', 9, kv('a', '1', 7, { lease: 3n })).put([2, 3], 'b', '1', 10);
  const right = { ...story.history, initial };
  expect(checkLinearizable(right).violations).toEqual([]);
  const tooOld = { ...new Story().get([0, 1], 'a', 8).history, initial };
  expect(checkLinearizable(tooOld).violations.map(({ rule }) => rule)).toEqual(['wrong-answer']);
});

test('a history that cannot have been recorded so is refused', () => {
  const [operation] = new Story().put([5, 6], 'a', '1', 2).operations;
  const check = (change: object) => () => checkLinearizable({ operations: [{ ...operation!, ...change }] });
  expect(check({ returnedAt: 4 })).toThrow(HistoryError);
  expect(check({ returnedAt: Infinity })).toThrow(HistoryError);
  expect(check({ id: -1 })).toThrow(HistoryError);
  expect(check({ request: { kind: 'range', key: 'a' } })).toThrow(HistoryError);
  expect(() => checkLinearizable({ operations: [operation!, operation!] })).toThrow(HistoryError);
});

test('as many violations are reported as asked for, and all are counted', () => {
  const story = new Story();
  for (let i = 0; i < 20; i++) story.get([i, i], 'a', 1, kv('a', 'x', 1));
  const { violations, violationCount } = checkLinearizable(story.history, undefined, { violationsMax: 3 });
  expect(violations).toHaveLength(3);
  expect(violationCount).toBe(20);
});

function isWrite({ revisionBefore, revisionAfter }: TruthStep): boolean {
  return revisionAfter > revisionBefore;
}

/** What was written, in order. */
function storyOf({ steps = [] }: TruthLog): string {
  return steps
    .filter(isWrite)
    .map(({ entry }) => requestKey(entry.request))
    .join();
}
