import { SeededRandom, type Clock } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { headerRevision } from '../src/header-revision.ts';
import { RevisionOrder } from '../src/revision-order.ts';

/** Time that passes at once. */
const clock: Clock = {
  now: () => 0,
  wallMs: () => 0,
  after: (_delayMs, action) => {
    queueMicrotask(action);
    return { cancel: () => {} };
  },
  soon: (action) => queueMicrotask(action),
};

const answerOf = (revision: bigint) =>
  rpcpb.RangeResponse.encode({
    ...rpcpb.RangeResponse.create(),
    header: { clusterId: 2n ** 64n - 1n, memberId: 2n ** 63n, revision, raftTerm: 7n },
  }).finish();

function newOrder(isKept = true) {
  const endpoints = ['one', 'two', 'three'];
  return new RevisionOrder({ isKept, endpoints: () => endpoints, clock, random: new SeededRandom(1) });
}

const { signal } = new AbortController();

test('the revision of an answer is read without the rest of it', () => {
  expect(headerRevision(answerOf(123_456_789n))).toBe(123_456_789n);
  expect(headerRevision(new Uint8Array(0))).toBe(0n);
  expect(headerRevision(rpcpb.RangeResponse.encode(rpcpb.RangeResponse.create()).finish())).toBe(0n);
});

test('a member that is behind what was answered before is passed over', async () => {
  const order = newOrder();
  order.note(10n);
  const asked: (string | undefined)[] = [];
  const answer = await order.read((endpoint) => {
    asked.push(endpoint);
    return Promise.resolve(answerOf(endpoint === 'three' ? 11n : 9n));
  }, signal);
  expect(headerRevision(answer)).toBe(11n);
  expect(asked).toEqual([undefined, 'two', 'three']);
  expect([order.allows(10n), order.allows(11n)]).toEqual([false, true]);
});

test('when all members are behind, that is said rather than something old', async () => {
  const order = newOrder();
  order.note(10n);
  await expect(order.read(() => Promise.resolve(answerOf(9n)), signal)).rejects.toMatchObject({
    status: 14,
    message: 'etcdclient: no cluster members have a revision higher than the previously received revision',
  });
});

test('a read that began before something newer was answered may be older than that', async () => {
  const order = newOrder();
  const reading = order.read(async () => {
    await Promise.resolve();
    order.note(10n);
    return answerOf(9n);
  }, signal);
  expect(headerRevision(await reading)).toBe(9n);
});

test('without the option any revision is good', async () => {
  const order = newOrder(false);
  order.note(10n);
  expect(headerRevision(await order.read(() => Promise.resolve(answerOf(3n)), signal))).toBe(3n);
  expect(order.allows(3n)).toBe(true);
});
