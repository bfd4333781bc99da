import { emptyBytes, fromUtf8 } from '@quorate/std';
import { raftpb } from '@quorate/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  changeConfiguration,
  faultOf,
  fromConfState,
  isJoint,
  membersOf,
  toConfState,
} from '../src/configuration.ts';
import {
  ConfChangeError,
  decodeConfChange,
  encodeConfChange,
  encodeConfChangeV2,
  entersJoint,
  leavesJoint,
  noConfChange,
} from '../src/index.ts';
import type { ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2 } from '../src/index.ts';
import { jointVote, majorityValue, majorityVote } from '../src/quorum.ts';
import { confState } from './support.ts';

const change = (...singles: [ConfChangeType, bigint][]): ConfChangeV2 => ({
  transition: 'auto',
  changes: singles.map(([type, nodeId]) => ({ type, nodeId })),
});

const after = (start: ReturnType<typeof confState>, ...changes: ConfChangeV2[]) =>
  toConfState(changes.reduce(changeConfiguration, fromConfState(start)));

describe('simple changes', () => {
  test('add and remove a voter', () => {
    expect(after(confState([1n]), change(['addNode', 2n]))).toEqual(confState([1n, 2n]));
    expect(after(confState([1n, 2n]), change(['removeNode', 2n]))).toEqual(confState([1n]));
  });

  test('add a learner, and make it a voter', () => {
    const withLearner = after(confState([1n]), change(['addLearner', 2n]));
    expect(withLearner).toEqual(confState([1n], [2n]));
    expect(after(withLearner, change(['addNode', 2n]))).toEqual(confState([1n, 2n]));
  });

  test('make a voter a learner', () => {
    expect(after(confState([1n, 2n]), change(['addLearner', 2n]))).toEqual(confState([1n], [2n]));
  });

  test('change nothing that is so already, and nobody', () => {
    const start = confState([1n, 2n], [3n]);
    for (const same of [change(['addNode', 1n]), change(['addLearner', 3n]), change(['removeNode', 9n])])
      expect(after(start, same)).toEqual(start);
    expect(after(start, change(['updateNode', 1n]))).toEqual(start);
    expect(after(start, noConfChange)).toEqual(start);
    expect(after(start, { transition: 'auto', changes: [] })).toEqual(start);
  });

  test('leave somebody to vote', () => {
    expect(() => after(confState([1n]), change(['removeNode', 1n]))).toThrow(ConfChangeError);
    expect(() => after(confState([1n]), change(['addLearner', 1n]))).toThrow(ConfChangeError);
  });
});

describe('joint changes', () => {
  test('keep the voters of before as the outgoing half, and leave by themselves', () => {
    const joint = after(confState([1n, 2n]), change(['addNode', 3n], ['removeNode', 2n]));
    expect(joint).toEqual({ ...confState([1n, 3n]), votersOutgoing: [1n, 2n], autoLeave: true });
    expect(after(joint, change())).toEqual(confState([1n, 3n]));
  });

  test('make a learner of an outgoing voter only when they are left', () => {
    const explicit: ConfChangeV2 = { ...change(['addLearner', 2n]), transition: 'jointExplicit' };
    const joint = after(confState([1n, 2n]), explicit);
    expect(joint).toEqual({ ...confState([1n]), votersOutgoing: [1n, 2n], learnersNext: [2n] });
    expect(after(joint, change())).toEqual(confState([1n], [2n]));
  });

  test('do not take another change in the middle', () => {
    const joint = changeConfiguration(
      fromConfState(confState([1n, 2n])),
      change(['addNode', 3n], ['addNode', 4n]),
    );
    expect(() => changeConfiguration(joint, change(['addNode', 5n]))).toThrow(ConfChangeError);
    expect(() => changeConfiguration(joint, change(['addNode', 5n], ['addNode', 6n]))).toThrow(
      ConfChangeError,
    );
    expect(changeConfiguration(joint, noConfChange)).toBe(joint);
  });

  test('need voters to begin with', () => {
    expect(() => after(confState([]), change(['addNode', 1n], ['addNode', 2n]))).toThrow(ConfChangeError);
    expect(after(confState([]), change(['addNode', 1n]))).toEqual(confState([1n]));
  });

  test('whatever is changed, two configurations in a row have a voter of every majority in common', () => {
    const type = fc.constantFrom<ConfChangeType>('addNode', 'removeNode', 'addLearner', 'updateNode');
    const single = fc.record({ type, nodeId: fc.bigInt(1n, 6n) });
    const transition = fc.constantFrom<ConfChangeTransition>('auto', 'jointImplicit', 'jointExplicit');
    const any = fc.record({ transition, changes: fc.array(single, { maxLength: 4 }) });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), (changes) => {
        let config = fromConfState(confState([1n, 2n, 3n]));
        for (const next of changes) {
          const before = config;
          try {
            config = changeConfiguration(config, next);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfChangeError);
          }
          expect(faultOf(config)).toBe(undefined);
          expect(fromConfState(toConfState(config))).toEqual(config);
          expect(quorumsOverlap(before, config)).toBe(true);
        }
      }),
    );
  });
});

describe('configurations from outside', () => {
  test.each([
    ['a learner that votes', { ...confState([1n], [1n]) }],
    ['a learner that votes in the outgoing half', { ...confState([1n], [2n]), votersOutgoing: [2n] }],
    ['a learner to be that does not vote', { ...confState([1n]), votersOutgoing: [1n], learnersNext: [2n] }],
    ['a learner to be that goes on voting', { ...confState([1n]), votersOutgoing: [1n], learnersNext: [1n] }],
    ['leaving what is not joint', { ...confState([1n]), autoLeave: true }],
    ['nobody who votes', confState([], [1n])],
    ['the ID of nobody', confState([0n])],
  ])('are refused with %s', (_, state) => {
    expect(() => fromConfState(state)).toThrow(ConfChangeError);
  });

  test('may be empty: that of a node not yet told', () => {
    expect(membersOf(fromConfState(confState([])))).toEqual([]);
  });
});

describe('changes in entries', () => {
  test('version 1 is read as version 2 with one step', () => {
    const data = encodeConfChange({
      id: 7n,
      type: 'addLearner',
      nodeId: 2n ** 64n - 1n,
      context: fromUtf8('{}'),
    });
    expect(decodeConfChange({ type: 1, data })).toEqual({
      ...{ id: 7n, context: fromUtf8('{}'), transition: 'auto' },
      changes: [{ type: 'addLearner', nodeId: 2n ** 64n - 1n }],
    });
  });

  test('version 2 goes there and back', () => {
    const single = fc.record({
      type: fc.constantFrom<ConfChangeType>('addNode', 'removeNode', 'updateNode', 'addLearner'),
      nodeId: fc.bigInt(0n, 2n ** 64n - 1n),
    });
    const transition = fc.constantFrom<ConfChangeTransition>('auto', 'jointImplicit', 'jointExplicit');
    fc.assert(
      fc.property(
        transition,
        fc.array(single),
        fc.uint8Array(),
        (how, changes: ConfChangeSingle[], context) => {
          const data = encodeConfChangeV2({ transition: how, changes, context });
          const decoded = decodeConfChange({ type: 2, data });
          expect(decoded).toMatchObject({ id: 0n, transition: how, changes });
          expect(Buffer.compare(decoded.context, context)).toBe(0);
        },
      ),
    );
  });

  test('the change that leaves a joint configuration has no bytes', () => {
    expect(encodeConfChangeV2({ transition: 'auto', changes: [] })).toHaveLength(0);
    const leave = decodeConfChange({ type: 2, data: emptyBytes });
    expect([leavesJoint(leave), entersJoint(leave)]).toEqual([true, false]);
  });

  test('what is none is refused', () => {
    const unknown = raftpb.ConfChange.encode({ type: 9 as never, nodeId: 1n }).finish();
    expect(() => decodeConfChange({ type: 1, data: unknown })).toThrow(ConfChangeError);
    expect(() => decodeConfChange({ type: 1, data: fromUtf8('\u007f\u007f') })).toThrow(ConfChangeError);
    const transition = raftpb.ConfChangeV2.encode({ transition: 9 as never, changes: [] }).finish();
    expect(() => decodeConfChange({ type: 2, data: transition })).toThrow(ConfChangeError);
    expect(() => decodeConfChange({ type: 0, data: emptyBytes })).toThrow(ConfChangeError);
  });
});

describe('majorities', () => {
  test('of numbers: the largest that more than half have reached', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
        const reached = (value: number): boolean =>
          values.filter((v) => v >= value).length * 2 > values.length;
        const best = Math.max(...values.filter(reached));
        expect(majorityValue([...values])).toBe(best);
      }),
    );
    expect(majorityValue([])).toBe(Infinity);
  });

  test('of votes: decided as soon as the missing ones cannot change it', () => {
    const voters = new Set([1n, 2n, 3n, 4n]);
    const vote = (...votes: [bigint, boolean][]) => majorityVote(voters, new Map(votes));
    expect(vote([1n, true], [2n, true])).toBe('pending');
    expect(vote([1n, true], [2n, true], [3n, true])).toBe('won');
    expect(vote([1n, false], [2n, false])).toBe('lost');
    expect(vote([9n, true], [8n, true], [7n, true])).toBe('pending');
    expect(majorityVote(new Set(), new Map())).toBe('won');
  });

  test('of two halves: one that is lost decides', () => {
    const halves = { voters: new Set([1n, 2n]), votersOutgoing: new Set([2n, 3n]) };
    const vote = (...votes: [bigint, boolean][]) => jointVote(halves, new Map(votes));
    expect(vote([1n, true], [2n, true])).toBe('pending');
    expect(vote([1n, true], [2n, true], [3n, true])).toBe('won');
    expect(vote([1n, true], [3n, false])).toBe('lost');
  });
});

/** By trying all sets of six nodes: no quorum of one configuration is apart from all of the other. */
function quorumsOverlap(a: ReturnType<typeof fromConfState>, b: ReturnType<typeof fromConfState>): boolean {
  const isQuorum = (config: ReturnType<typeof fromConfState>, set: number): boolean =>
    [config.voters, ...(isJoint(config) ? [config.votersOutgoing] : [])].every(
      (half) => [...half].filter((id) => set & (1 << Number(id))).length * 2 > half.size,
    );
  for (let set = 0; set < 128; set++) {
    if (isQuorum(a, set) && isQuorum(b, ~set & 127)) return false;
  }
  return true;
}
