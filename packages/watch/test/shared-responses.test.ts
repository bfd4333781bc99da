import { toHex } from '@quorate/std';
import { messagesOf, rpcpb, type MessageBatch } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { World, type TestClient } from './harness.ts';

/** Streams with so many watchers each, all of the same key. */
function openStreams(world: World, streams: number, watchers: number): TestClient[] {
  return Array.from({ length: streams }, () => {
    const client = world.open();
    for (let i = 0; i < watchers; i++) client.create({});
    client.read();
    return client;
  });
}

function idsAndRevisions(batch: MessageBatch): string[] {
  return messagesOf(batch).map((bytes) => {
    const { watchId, events } = rpcpb.WatchResponse.decode(bytes);
    return `#${watchId} ${events.map(({ kv }) => kv!.modRevision).join(' ')}`;
  });
}

describe('what the streams of all connections have in common', () => {
  test.each([
    { streams: 1, watchers: 100 },
    { streams: 100, watchers: 1 },
    { streams: 50, watchers: 20 },
  ])('is encoded once for $streams streams of $watchers watchers', ({ streams, watchers }) => {
    const world = new World();
    const clients = openStreams(world, streams, watchers);
    const before = world.hub.metrics;
    world.put('k', 'v'.repeat(300));
    for (const client of clients) expect(client.read()).toHaveLength(watchers);
    const after = world.hub.metrics;
    expect(after.eventsSentTotal - before.eventsSentTotal).toBe(streams * watchers);
    expect(after.eventsEncodedTotal - before.eventsEncodedTotal).toBe(1);
    // The response around it once for each size that IDs have: 0 takes no byte, all others here take one.
    expect(after.responsesEncodedTotal - before.responsesEncodedTotal).toBe(watchers === 1 ? 1 : 2);
    expect(after.sharedBytes).toBe(0);
  });

  test('is encoded once for those who want the previous value, and once for those who do not', () => {
    const world = new World();
    world.put('k', 'old');
    const clients = openStreams(world, 4, 2);
    for (const client of clients) client.create({ key: 'a', end: 'z', prevKv: true });
    for (const client of clients) client.read();
    const before = world.hub.metrics;
    world.put('k', 'new');
    for (const client of clients) expect(client.read()).toHaveLength(3);
    expect(world.hub.metrics.eventsEncodedTotal - before.eventsEncodedTotal).toBe(2);
    expect(world.hub.metrics.sharedBytes).toBe(0);
  });

  test('is the same memory for streams with the same IDs, and stays as it is until all have released it', () => {
    const world = new World();
    const [first, second, third] = openStreams(world, 3, 10) as [TestClient, TestClient, TestClient];
    const taken: { readonly batch: MessageBatch; readonly copy: string }[] = [];
    const take = ({ stream }: TestClient): MessageBatch => {
      const batch = stream.takeBatch(1 << 20);
      taken.push({ batch, copy: toHex(batch.bytes) });
      return batch;
    };
    world.put('k');
    const own = take(first);
    const handedOn = take(second);
    expect(handedOn.bytes.buffer).toBe(own.bytes.buffer);
    expect(handedOn.bytes.byteOffset).toBe(own.bytes.byteOffset);
    own.release();
    handedOn.release();
    handedOn.release();
    const last = take(third);
    expect(last.bytes.buffer).toBe(own.bytes.buffer);
    for (let i = 0; i < 3; i++) {
      world.put('k');
      for (const client of [first, second, third]) take(client);
    }
    for (const { batch, copy } of taken) {
      if (batch !== own && batch !== handedOn) expect(toHex(batch.bytes)).toBe(copy);
    }
    // Now that nobody reads it, it is written over.
    last.release();
    for (const { batch } of taken) batch.release();
    world.put('k');
    expect(take(first).bytes.buffer).toBe(taken.at(-2)!.batch.bytes.buffer);
  });

  test('goes out in the order of the revisions behind what only one stream has to say', () => {
    const world = new World();
    const [quick, other] = openStreams(world, 2, 3) as [TestClient, TestClient];
    world.put('k');
    quick.read();
    other.create({ key: 'x' });
    world.put('k');
    world.put('x');
    quick.read();
    expect(idsAndRevisions(other.stream.takeBatch(1 << 20))).toEqual([
      ...['#3 '],
      ...['#0 2', '#1 2', '#2 2'],
      ...['#0 3', '#1 3', '#2 3'],
      ...['#3 4'],
    ]);
  });

  test('is made anew for streams with a header or IDs of their own', () => {
    const world = new World();
    let raftTerm = 2;
    const header = { clusterId: 1n, memberId: 2n };
    const clients = [1n, 1n, 7n, 300n].map((id) => {
      const client = world.open({ headerOf: (revision) => ({ ...header, revision, raftTerm }) });
      client.create({ id });
      client.create({ id: id + 1n });
      client.read();
      return client;
    });
    world.put('k');
    for (const client of clients) {
      const [first, second] = client.read();
      expect([first!.watchId, second!.watchId]).toEqual(
        clients.indexOf(client) < 2 ? [1n, 2n] : clients.indexOf(client) === 2 ? [7n, 8n] : [300n, 301n],
      );
      expect(first!.header!.raftTerm).toBe(BigInt(raftTerm));
      raftTerm++;
    }
    expect(world.hub.metrics.sharedBytes).toBe(0);
  });

  test('has for each stream the IDs of its own watchers, in whatever order and of whatever size they are', () => {
    const world = new World();
    const idsOf = [
      [1n, 2n, 3n],
      [1n, 2n, 3n],
      [3n, 2n, 1n],
      [4n, 5n, 6n],
      [1n, 2n],
      [1n, 2n, 3n, 4n],
      [200n, 2n, -5n],
      [200n, 2n, -5n],
    ];
    const clients = idsOf.map((ids) => {
      const client = world.open();
      for (const id of ids) client.create({ id });
      client.read();
      return client;
    });
    for (let round = 0; round < 3; round++) {
      const revision = world.put('k');
      for (const [index, client] of clients.entries()) {
        expect(client.lines()).toEqual(idsOf[index]!.map((id) => `#${id} @${revision} +k@${revision}`));
      }
    }
    // One more, and one less, and again what it was: nobody takes an old list for the new one.
    clients[1]!.create({ id: 9n });
    clients[0]!.cancel(3n);
    for (const client of clients) client.read();
    const revision = world.put('k');
    const got = clients.slice(0, 2).map((client) => client.read().map(({ watchId }) => watchId));
    expect(got).toEqual([
      [1n, 2n],
      [1n, 2n, 3n, 9n],
    ]);
    expect(world.hub.revision).toBe(revision);
  });

  test('tells a watcher whose start revision is still to come nothing before that', () => {
    const world = new World();
    const [first, second] = openStreams(world, 2, 2) as [TestClient, TestClient];
    for (const client of [first, second]) client.create({ start: 4 });
    for (const client of [first, second]) client.read();
    for (let revision = world.put('k'); revision < 5; revision = world.put('k')) {
      const ids = revision < 4 ? ['#0', '#1'] : ['#0', '#1', '#2'];
      for (const client of [first, second]) {
        expect(client.lines()).toEqual(ids.map((id) => `${id} @${revision} +k@${revision}`));
      }
    }
  });

  test('is forgotten at a bound when some streams are slow, which still get all of it', () => {
    const world = new World();
    const [quick, ...slow] = openStreams(world, 3, 5) as [TestClient, ...TestClient[]];
    const value = 'v'.repeat(20_000);
    for (let i = 0; i < 100; i++) {
      world.put('k', value);
      expect(quick.read()).toHaveLength(5);
      expect(world.hub.metrics.sharedBytes).toBeLessThanOrEqual(1024 * 1024);
    }
    expect(world.hub.metrics.sharedBytes).toBeGreaterThan(500_000);
    for (const client of slow) {
      expect(client.read().map(({ watchId, header }) => [watchId, header!.revision])).toEqual(
        Array.from({ length: 500 }, (_, i) => [BigInt(i % 5), BigInt(2 + Math.floor(i / 5))]),
      );
    }
    expect(world.hub.metrics.sharedBytes).toBe(0);
  });

  test('is forgotten with the last stream that waited for it', () => {
    const world = new World();
    const [quick, ...slow] = openStreams(world, 3, 5) as [TestClient, ...TestClient[]];
    world.put('k');
    quick.read();
    expect(world.hub.metrics.sharedBytes).toBeGreaterThan(0);
    for (const { stream } of slow) stream.close();
    expect(world.hub.metrics.sharedBytes).toBe(0);
  });

  test('is handed on as far as there is room', () => {
    const world = new World();
    const [quick, slow] = openStreams(world, 2, 10) as [TestClient, TestClient];
    world.put('k', 'v'.repeat(100));
    quick.read();
    const ids: bigint[] = [];
    while (slow.stream.hasPending) {
      const responses = slow.take(400);
      expect(responses.length).toBeLessThan(5);
      ids.push(...responses.map(({ watchId }) => watchId));
    }
    expect(ids).toEqual(Array.from({ length: 10 }, (_, i) => BigInt(i)));
  });
});
