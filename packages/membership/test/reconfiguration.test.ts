import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkAddition, checkPromotion, checkRemoval, quorum, type Member } from '../src/index.ts';

/** Members from a word: `s` is a started voter, `v` one that never was, `l` a learner. IDs count from 1. */
function cluster(word: string): Member[] {
  return [...word].map((letter, at) => ({
    id: BigInt(at + 1),
    peerUrls: [`http://m${at + 1}:1`],
    isLearner: letter === 'l',
    name: letter === 's' ? `m${at + 1}` : '',
    clientUrls: [],
  }));
}

/** The code that a check fails with; 'ok' when it passes. */
function outcome(check: () => void): unknown {
  try {
    check();
    return 'ok';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

test('a quorum is more than half', () => {
  expect([1, 2, 3, 4, 5, 6, 7].map(quorum)).toEqual([1, 2, 2, 3, 3, 4, 4]);
});

describe('adding a voter', () => {
  test.each([
    ['s', 1, 'ok'], // A cluster of one may grow.
    ['s', 0, 'ok'],
    ['v', 1, 'NOT_ENOUGH_STARTED'],
    ['ss', 2, 'ok'],
    ['sv', 2, 'NOT_ENOUGH_STARTED'], // 1 of 3 is started.
    ['ss', 1, 'UNHEALTHY'],
    ['sss', 3, 'ok'],
    ['sss', 2, 'UNHEALTHY'], // A quorum of 4 is 3.
    ['ssv', 3, 'NOT_ENOUGH_STARTED'],
    ['sssl', 3, 'ok'], // Learners do not count.
  ])('to %s, %i connected: %s', (word, connectedVoterCount, expected) => {
    const health = { members: cluster(word), connectedVoterCount };
    expect(outcome(() => checkAddition(health, { isLearner: false }))).toBe(expected);
  });
});

describe('adding a learner', () => {
  test.each([
    ['s', 1, 'ok'],
    ['sv', 2, 'ok'], // Who is started does not matter.
    ['sss', 2, 'UNHEALTHY'],
    ['sss', 3, 'ok'],
  ])('to %s, %i connected: %s', (word, connectedVoterCount, expected) => {
    const health = { members: cluster(word), connectedVoterCount };
    expect(outcome(() => checkAddition(health, { isLearner: true }))).toBe(expected);
  });
});

describe('removing member 1', () => {
  test.each([
    ['s', 1, true, 'NOT_ENOUGH_STARTED'], // The last one stays.
    ['ss', 2, true, 'ok'],
    ['sv', 2, true, 'NOT_ENOUGH_STARTED'],
    ['sss', 3, true, 'ok'],
    ['sss', 2, true, 'UNHEALTHY'], // 1 of the other 2 would be left.
    ['sss', 2, false, 'ok'], // It is down already and helps no quorum.
    ['sssss', 4, true, 'ok'],
    ['sssss', 3, true, 'UNHEALTHY'],
    ['lsv', 1, true, 'ok'], // Learners may always go.
  ])('from %s, %i connected, active: %s, is %s', (word, connectedVoterCount, isActive, expected) => {
    const health = { members: cluster(word), connectedVoterCount };
    expect(outcome(() => checkRemoval(health, { id: 1n, isActive }))).toBe(expected);
  });
});

describe('promoting a learner', () => {
  test.each([
    ['sl', 'ok'],
    ['vl', 'NOT_ENOUGH_STARTED'],
    ['svl', 'ok'], // 2 of 3, the learner counted.
    ['svvl', 'NOT_ENOUGH_STARTED'],
    ['ssvl', 'ok'],
  ])('of %s is %s', (word, expected) => {
    expect(outcome(() => checkPromotion(cluster(word)))).toBe(expected);
  });
});

test('while all voters are started and connected, everything but removing the last one is allowed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(2), (voterCount, learnerCount) => {
      const members = cluster('s'.repeat(voterCount) + 'l'.repeat(learnerCount));
      const health = { members, connectedVoterCount: voterCount };
      checkAddition(health, { isLearner: true });
      checkAddition(health, { isLearner: false });
      checkPromotion(members);
      if (voterCount > 1) checkRemoval(health, { id: 1n, isActive: true });
    }),
  );
});
