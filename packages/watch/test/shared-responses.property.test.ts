import { toHex } from '@quorate/std';
import { encodeEvent, encodeWatchResponse, messagesOf, rpcpb, type MessageBatch } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LiveChange } from '../src/index.ts';
import { headerOf, World, type TestClient } from './harness.ts';

/** What is made once and shared by watchers, against what would be made for each of them alone. */

interface Wish {
  readonly key: string;
  readonly end: string;
  readonly prevKv: boolean;
  /** Everything here is too small for pieces. */
  readonly fragment: boolean;
  readonly filters: readonly number[];
}

/** Sizes of IDs change between them. */
const ids = [1n, 5n, 127n, 128n, 129n, 16_383n, 16_384n, 1n << 62n, -1n, -77n] as const;

const anyWish: fc.Arbitrary<Wish> = fc.record({
  key: fc.constantFrom('a', 'b'),
  end: fc.constantFrom('', 'c'),
  prevKv: fc.boolean(),
  fragment: fc.boolean(),
  filters: fc.constantFrom([], [0], [1]),
});

/** Often the same, so that streams with other IDs want it, too. */
const wish = fc.oneof(
  { weight: 2, arbitrary: anyWish },
  {
    weight: 3,
    arbitrary: fc.constant<Wish>({ key: 'a', end: 'c', prevKv: false, fragment: false, filters: [] }),
  },
);

const stream = fc.nat(2);
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('create' as const), stream, id: fc.constantFrom(...ids), wish }),
  },
  // On all streams, as clients do that let the server count.
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('join' as const), id: fc.constantFrom(...ids), wish }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('cancel' as const), stream, id: fc.constantFrom(...ids) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'd'), { minLength: 1 }),
      isPut: fc.boolean(),
      size: fc.nat(600),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      stream,
      bytes: fc.nat(3000),
      isReleased: fc.boolean(),
    }),
  },
);

/** One stream, what its watchers have to get, and what they got. */
class Side {
  readonly client: TestClient;
  readonly wishes = new Map<bigint, Wish>();
  readonly due = new Map<bigint, string[]>();
  readonly got = new Map<bigint, string[]>();
  readonly kept: { readonly batch: MessageBatch; readonly copy: string }[] = [];

  constructor(world: World) {
    this.client = world.open();
  }

  create(id: bigint, wish: Wish): void {
    if (this.wishes.has(id)) return;
    this.wishes.set(id, wish);
    this.client.create({ ...wish, id });
  }

  expectFrom(revision: number, changes: readonly LiveChange[]): void {
    for (const [watchId, { key, end, prevKv, filters }] of this.wishes) {
      const events = changes
        .filter((change) => (end === '' ? change.key === key : change.key >= key && change.key < end))
        .filter(({ type }) => !filters.includes(type))
        .map(({ type, kv, prev }) => encodeEvent(type, kv, prevKv ? prev : undefined));
      if (events.length === 0) continue;
      const bytes = encodeWatchResponse({ ...plain, header: headerOf(revision), watchId, events });
      add(this.due, watchId, toHex(bytes));
    }
  }

  take(maxBytes: number, isReleased: boolean): void {
    const batch = this.client.stream.takeBatch(maxBytes);
    for (const bytes of messagesOf(batch)) {
      const { watchId, created, canceled } = rpcpb.WatchResponse.decode(bytes);
      if (!created && !canceled) add(this.got, watchId, toHex(bytes));
    }
    if (isReleased) batch.release();
    else this.kept.push({ batch, copy: toHex(batch.bytes) });
  }
}

test('each watcher gets, byte for byte, what would be made for it alone, in whatever batches and memory', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const world = new World();
      const sides = [new Side(world), new Side(world), new Side(world)];
      for (const one of commands) {
        if (one.do === 'write') {
          const { keys, isPut, size } = one;
          const value = 'x'.repeat(size);
          const changes = world.source.txn(
            keys.map((key) => (isPut ? { op: 'put', key, value } : { op: 'delete', key })),
          );
          if (changes.length === 0) continue;
          for (const side of sides) side.expectFrom(world.source.currentRevision, changes);
          world.hub.append(world.source.currentRevision, changes);
          continue;
        }
        if (one.do === 'join') {
          for (const side of sides) side.create(one.id, one.wish);
          continue;
        }
        const side = sides[one.stream]!;
        if (one.do === 'take') side.take(one.bytes, one.isReleased);
        else if (one.do === 'cancel') {
          // What is queued for it is given up with it.
          if (side.wishes.delete(one.id)) side.due.set(one.id, [...(side.got.get(one.id) ?? [])]);
          side.client.cancel(one.id);
        } else side.create(one.id, one.wish);
      }
      for (const side of sides) {
        while (side.client.stream.hasPending) side.take(1 << 20, true);
        expect(entries(side.got)).toEqual(entries(side.due));
        for (const { batch, copy } of side.kept) expect(toHex(batch.bytes)).toBe(copy);
      }
      expect(world.hub.metrics).toMatchObject({ pendingEvents: 0, sharedBytes: 0 });
    }),
    { numRuns: 300 },
  );
});

const plain = { created: false, canceled: false, compactRevision: 0, cancelReason: '', fragment: false };

function add(to: Map<bigint, string[]>, watchId: bigint, bytes: string): void {
  const before = to.get(watchId);
  if (before === undefined) to.set(watchId, [bytes]);
  else before.push(bytes);
}

function entries(responses: ReadonlyMap<bigint, string[]>): [bigint, string[]][] {
  return [...responses].filter(([, all]) => all.length > 0).sort(([a], [b]) => (a < b ? -1 : 1));
}
