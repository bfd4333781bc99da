import { describe, expect, test } from 'vitest';
import { World } from './harness.ts';

describe('streams that are read slowly', () => {
  test('cost a bounded queue and a cursor, however much is written', () => {
    const maxLogBytes = 1 << 19;
    const world = new World({ maxLogBytes, liveQueueMax: 100 });
    const idle = Array.from({ length: 20 }, () => world.open());
    for (const client of idle) client.create({ key: 'k', end: 'l', prevKv: true });
    const value = 'v'.repeat(1024);
    for (let i = 0; i < 1500; i++) {
      world.put(`k${i % 100}`, value);
      expect(world.hub.metrics.logBytes).toBeLessThanOrEqual(maxLogBytes);
      expect(world.hub.metrics.pendingEvents).toBeLessThanOrEqual(idle.length * 102);
    }
    expect(world.hub.metrics.unsyncedWatchers).toBe(20);
    for (const client of idle) {
      const revisions = client
        .read()
        .flatMap(({ events }) => events.map(({ kv }) => Number(kv!.modRevision)));
      expect(revisions).toEqual(Array.from({ length: 1500 }, (_, i) => i + 2));
      expect(world.hub.metrics.logBytes).toBeLessThanOrEqual(maxLogBytes);
    }
    expect(world.hub.metrics).toMatchObject({ unsyncedWatchers: 0, pendingEvents: 0 });
  });

  test('do not hold up the others', () => {
    const world = new World({ liveQueueMax: 10 });
    const slow = world.open();
    const quick = world.open();
    slow.create({ key: 'k' });
    quick.create({ key: 'k' });
    quick.read();
    for (let i = 0; i < 100; i++) {
      const revision = world.put('k');
      expect(quick.lines()).toEqual([`#0 @${revision} +k@${revision}`]);
    }
  });

  test('watchers that are behind get their share beside watchers in step', () => {
    const world = new World();
    const value = 'v'.repeat(1000);
    for (let i = 0; i < 200; i++) world.put('old', value);
    const client = world.open();
    client.create({ key: 'old', start: 2 });
    client.create({ key: 'live' });
    const got = { old: 0, live: 0 };
    // Each take has room for one event, and a live one is always waiting.
    for (let takes = 0; got.old < 200; takes++) {
      expect(takes).toBeLessThan(1000);
      world.put('live', value);
      for (const { watchId, events } of client.take(100))
        got[watchId === 0n ? 'old' : 'live'] += events.length;
    }
    expect(got.live).toBeGreaterThan(50);
  });

  test('a watcher that fell behind a compaction is served while the log has its events', () => {
    const world = new World({ liveQueueMax: 0 });
    const client = world.open();
    client.create({});
    client.read();
    for (let i = 0; i < 5; i++) world.put('k');
    world.source.compact(6);
    expect(client.lines()).toEqual(['#0 @2 +k@2', '#0 @3 +k@3', '#0 @6 +k@4 +k@5 +k@6']);
  });

  test('and is canceled once they are gone, after whole revisions', () => {
    const world = new World({ liveQueueMax: 0, maxLogBytes: 0 });
    const client = world.open();
    client.create({});
    client.read();
    for (let i = 0; i < 5; i++) world.put('k');
    world.source.compact(6);
    expect(client.lines()).toEqual(['#0 @0 canceled compacted 6']);
    expect(world.hub.metrics).toMatchObject({ watchers: 0, unsyncedWatchers: 0, compactedTotal: 1 });
    world.put('k');
    expect(client.lines()).toEqual([]);
    client.cancel(0n);
    expect(client.lines()).toEqual(['#0 @7 canceled']);
  });

  test('history is read in slices, one a take, and shared by those who stand together', () => {
    const world = new World({ maxLogBytes: 0 });
    for (let i = 0; i < 3000; i++) world.put(`k${i % 100}`);
    const client = world.open();
    for (let i = 0; i < 100; i++) client.create({ key: `k${i}`, start: 2 });
    let reads = world.source.reads;
    while (client.stream.hasPending) {
      client.take(1 << 20);
      expect(world.source.reads - reads).toBeLessThanOrEqual(1);
      reads = world.source.reads;
    }
    expect(world.source.reads).toBe(6);
    expect(world.hub.metrics).toMatchObject({ eventsSentTotal: 3000, historyReadsTotal: 6 });
  });

  test('a store that returns more than was asked for does not put a watcher ahead', () => {
    const world = new World({ maxLogBytes: 0 });
    const { source } = world;
    const history = source.history.bind(source);
    source.history = ({ from }) => history({ from });
    world.put('k');
    const client = world.open();
    client.create({ start: 2 });
    const changes = source.put('k');
    expect(client.lines()).toEqual(['#0 @2 created', '#0 @2 +k@2']);
    world.hub.append(3, changes);
    expect(client.lines()).toEqual(['#0 @3 +k@3']);
  });
});

describe('a take', () => {
  test('keeps to its budget up to the end of a revision', () => {
    const world = new World();
    for (let i = 0; i < 100; i++) world.put('k', 'v'.repeat(500));
    const client = world.open();
    client.create({ start: 2 });
    client.take(1);
    while (client.stream.hasPending) {
      const bytes = client.stream.take(2000).reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThan(2000 + 1200);
    }
    expect(world.hub.metrics.eventsSentTotal).toBe(100);
  });

  test('holds no more than 1000 revisions in a response', () => {
    const world = new World();
    for (let i = 0; i < 2500; i++) world.put('k');
    const client = world.open();
    client.create({ start: 2 });
    const responses = client.read(1 << 30);
    for (const { events } of responses) expect(events.length).toBeLessThanOrEqual(1000);
    expect(responses.length).toBeLessThan(10);
  });

  test('sends the pieces of a response one after the other, whatever comes between the takes', () => {
    const world = new World();
    const client = world.open({ maxFragmentBytes: 200 });
    client.create({ key: 'a', end: 'z', fragment: true });
    client.create({ key: 'a', end: 'z' });
    client.read();
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    world.txn(...keys.map((key) => ({ op: 'put' as const, key, value: 'v'.repeat(60) })));
    const ids: bigint[] = [];
    while (client.stream.hasPending) {
      for (const response of client.take(1))
        if (response.watchId !== 1n) ids.push(response.watchId, response.fragment ? 1n : 0n);
      if (ids.length === 2) {
        client.cancel(0n);
        client.create({ id: 0n });
        world.put('a');
      }
    }
    // Four pieces of watcher 0, the last one not marked; then its cancel and the new watcher 2.
    expect(ids).toEqual([0n, 1n, 0n, 1n, 0n, 1n, 0n, 0n, 0n, 0n, 2n, 0n]);
  });
});
