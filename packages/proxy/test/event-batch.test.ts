import { fromUtf8 } from '@quorate/std';
import { mvccpb, rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { EventBatch, type ResponseShape } from '../src/watch/event-batch.ts';

const header = { clusterId: 1n, memberId: 2n, revision: 30n, raftTerm: 3n };
const shape: ResponseShape = {
  watchId: 4n,
  prevKv: false,
  skipsPuts: false,
  skipsDeletes: false,
  fragment: false,
};

/** Events of the revisions 10, 11 and so on, with values of that size; the last one deletes. */
function batchOf(count: number, valueBytes = 1): EventBatch {
  const events = Array.from({ length: count }, (_, i): mvccpb.Event => {
    const kv = { ...mvccpb.KeyValue.create(), key: fromUtf8('k'), modRevision: BigInt(10 + i) };
    const isLast = i === count - 1;
    return {
      type: isLast ? mvccpb.Event_EventType.DELETE : mvccpb.Event_EventType.PUT,
      kv: isLast ? kv : { ...kv, value: new Uint8Array(valueBytes) },
      prevKv: { ...kv, modRevision: 9n },
    };
  });
  return new EventBatch({ ...rpcpb.WatchResponse.create(), header, watchId: 99n, events });
}

const decoded = (responses: readonly Uint8Array[]) =>
  responses.map((bytes) => rpcpb.WatchResponse.decode(bytes));
const revisionsOf = (responses: readonly Uint8Array[]) =>
  decoded(responses).flatMap(({ events }) => events.map(({ kv }) => kv?.modRevision));

test('a watcher gets what it lacks, under its own ID and the member’s header', () => {
  const responses = batchOf(4).responses(12n, shape);
  expect(revisionsOf(responses)).toEqual([12n, 13n]);
  expect(decoded(responses)).toMatchObject([{ header, watchId: 4n, fragment: false }]);
  expect(decoded(responses)[0]?.events[0]?.prevKv).toBeUndefined();
  expect(batchOf(4).responses(14n, shape)).toEqual([]);
});

test('a response of which filters leave nothing is not sent', () => {
  expect(revisionsOf(batchOf(3).responses(1n, { ...shape, skipsDeletes: true }))).toEqual([10n, 11n]);
  expect(revisionsOf(batchOf(3).responses(1n, { ...shape, skipsPuts: true }))).toEqual([12n]);
  expect(batchOf(3).responses(1n, { ...shape, skipsPuts: true, skipsDeletes: true })).toEqual([]);
});

test('watchers that want the same get the same bytes', () => {
  const batch = batchOf(3);
  expect(batch.responses(1n, shape)[0]).toBe(batch.responses(10n, { ...shape })[0]);
  expect(batch.responses(1n, { ...shape, prevKv: true })[0]).not.toBe(batch.responses(1n, shape)[0]);
});

test('what is too large is split for those who allow it, and no event is', () => {
  const batch = batchOf(6, 1_000_000);
  expect(batch.responses(1n, shape)).toHaveLength(1);
  const pieces = decoded(batch.responses(1n, { ...shape, fragment: true }));
  expect(pieces.map(({ fragment, events, watchId }) => [fragment, events.length, watchId])).toEqual([
    [true, 2, 4n],
    [true, 2, 4n],
    [false, 2, 4n],
  ]);
  expect(batchOf(2, 3_000_000).responses(1n, { ...shape, fragment: true })).toHaveLength(2);
});
