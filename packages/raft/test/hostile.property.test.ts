import { SeededRandom, fromUtf8 } from '@quorate/std';
import type { ConfState, Entry, Message, Snapshot } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RaftNode } from '../src/index.ts';
import { drain, entriesOf, from, messageType, startLeader, startNode, stepped } from './support.ts';

const count = fc.oneof(
  { weight: 8, arbitrary: fc.nat(8) },
  fc.constantFrom(-1, 0.5, NaN, Infinity, 2 ** 53 - 1, 2 ** 52, 1e300),
);
const id = fc.constantFrom(0n, 1n, 2n, 2n, 3n, 3n, 4n, 2n ** 64n - 1n);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constant(fromUtf8('CampaignTransfer')));
const entry: fc.Arbitrary<Entry> = fc.record({
  term: count,
  index: count,
  // The type says otherwise; the wire does not.
  type: fc.constantFrom(0, 0, 0, 1, 2, 7 as 0),
  data: bytes,
});
const ids = fc.uniqueArray(fc.constantFrom(0n, 1n, 2n, 3n, 4n), { maxLength: 4 });
const anyConfState: fc.Arbitrary<ConfState> = fc.record({
  ...{ voters: ids, learners: ids, votersOutgoing: ids, learnersNext: ids },
  autoLeave: fc.boolean(),
});
const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  ...{ index: count, term: count, data: bytes, confState: anyConfState },
});
const message: fc.Arbitrary<Message> = fc.record({
  type: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 18 }) }, fc.integer({ min: -3, max: 40 })),
  ...{ to: fc.oneof({ weight: 9, arbitrary: fc.constant(1n) }, id), from: id },
  ...{ term: count, logTerm: count, index: count, commit: count, rejectHint: count, vote: id },
  entries: fc.array(entry, { maxLength: 3 }),
  snapshot: fc.option(snapshot, { nil: undefined }),
  ...{ reject: fc.boolean(), context: bytes, responses: fc.constant([]) },
});

/** Entries that fit, so that more than the front door is tried. */
const plausible: fc.Arbitrary<Message> = message.map((one) => {
  const logTerm = one.index > 0 ? Math.max(1, one.logTerm) : 0;
  const entries = one.entries.map((e, i) => ({
    ...e,
    index: one.index + 1 + i,
    term: Math.max(logTerm, one.term),
  }));
  return { ...one, to: 1n, logTerm, entries };
});

const start: Record<string, () => RaftNode> = {
  'a follower': () => startNode({ entries: entriesOf(1, 1, 2), hardState: { term: 2, vote: 2n, commit: 2 } }),
  'a candidate': () => {
    const node = startNode({ preVote: false });
    node.campaign();
    drain(node);
    return node;
  },
  'a leader': () => {
    const node = startLeader({ entries: entriesOf(1, 1), hardState: { term: 1, vote: 0n, commit: 1 } });
    stepped(node, from(2n, messageType.MsgAppResp, { term: 2, index: 3 }));
    return node;
  },
};

test.each(Object.keys(start))('nothing that arrives makes %s throw or break an invariant', (role) => {
  const messages = fc.array(fc.oneof(message, plausible), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(messages, fc.nat(), (all, seed) => {
      const node = start[role]!();
      const random = new SeededRandom(seed);
      for (const one of all) {
        const { commit, term } = node.status;
        node.step(one);
        node.checkInvariants();
        expect(node.commit).toBeGreaterThanOrEqual(commit);
        expect(node.term).toBeGreaterThanOrEqual(term);
        if (random.below(3) === 0) node.tick();
        if (random.below(2) === 0) handle(node);
      }
      handle(node);
      for (let i = 0; i < 25; i++) node.tick();
      handle(node);
    }),
    { numRuns: 600 },
  );
});

/** `drain`, with all that is committed taken for applied; changes of the configuration stay without effect. */
function handle(node: RaftNode): void {
  drain(node);
}

test('what makes no sense is counted', () => {
  const node = startNode();
  stepped(node, from(2n, messageType.MsgHup));
  stepped(node, { ...from(2n, messageType.MsgHeartbeat), to: 9n });
  expect(node.status.ignoredMessageCount).toBe(2);
});
