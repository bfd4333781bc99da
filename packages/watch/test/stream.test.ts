import { describe, expect, test } from 'vitest';
import { World } from './harness.ts';

describe('onReadable', () => {
  test('is called once when something is pending, and again after all was taken', () => {
    const world = new World();
    const client = world.open();
    client.create({});
    client.create({});
    world.put('k');
    expect(client.readableCalls).toBe(1);
    client.read();
    expect(client.readableCalls).toBe(1);
    world.put('other');
    expect(client.readableCalls).toBe(1);
    world.put('k');
    expect(client.readableCalls).toBe(2);
  });

  test('may take at once', () => {
    const world = new World();
    const taken: number[] = [];
    const client = world.open({ onReadable: () => void taken.push(client.stream.take(1 << 20).length) });
    client.create({});
    world.put('k');
    world.txn({ op: 'put', key: 'k' }, { op: 'put', key: 'other' });
    expect(taken).toEqual([1, 1, 1]);
  });
});

describe('cancels from the server', () => {
  test('tell the reason, and nothing comes after them', () => {
    const world = new World();
    const client = world.open();
    client.create({});
    client.create({});
    client.read();
    world.put('k');
    client.stream.cancelWatcher(0n, 'because');
    client.stream.cancelWatcher(99n, 'nobody');
    expect(client.lines()).toEqual(['#0 @2 canceled "because"', '#1 @2 +k@2']);
    client.stream.cancelAll('all of you');
    expect(client.lines()).toEqual(['#1 @2 canceled "all of you"']);
    expect(world.hub.metrics).toMatchObject({ watchers: 0, pendingEvents: 0 });
  });
});

describe('permissions', () => {
  const denied = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';

  test('are asked for at create, for the range that will be watched, after the check of the revision', () => {
    const world = new World();
    const asked: unknown[] = [];
    const client = world.open({
      authorize: (range) => {
        asked.push(range);
        return range.start === 'secret' ? denied : undefined;
      },
    });
    client.create({ key: 'secret' });
    client.create({ key: 'secret', end: '\0' });
    client.create({ key: 'secret', start: -1 });
    client.create({ key: 'open', end: 'p' });
    expect(client.lines()).toEqual([
      `#-1 @1 created canceled "${denied}"`,
      `#-1 @1 created canceled "${denied}"`,
      '#-1 @1 created canceled "etcdserver: mvcc: required revision has been compacted"',
      '#0 @1 created',
    ]);
    expect(asked).toEqual([
      { start: 'secret', endExclusive: 'secret\0' },
      { start: 'secret', endExclusive: '\u0100' },
      { start: 'open', endExclusive: 'p' },
    ]);
  });

  test('that were taken away end the watchers concerned when they are asked for again', () => {
    const world = new World();
    const allowed = new Set(['a', 'b']);
    const client = world.open({ authorize: ({ start }) => (allowed.has(start) ? undefined : denied) });
    client.create({ key: 'a' });
    client.create({ key: 'b' });
    client.read();
    world.hub.reauthorize();
    allowed.delete('a');
    world.put('a');
    world.hub.reauthorize();
    world.put('b');
    expect(client.lines()).toEqual([`#0 @2 canceled "${denied}"`, '#1 @3 +b@3']);
  });
});

describe('the key-value before', () => {
  test('is of the revision before, and a put that creates its key has none, live and from history', () => {
    const world = new World();
    world.put('k');
    const live = world.open();
    live.create({ prevKv: true });
    live.read();
    world.txn({ op: 'delete', key: 'k' }, { op: 'put', key: 'k' });
    const expected = '#0 @3 -k@3(2) +k@3';
    expect(live.lines()).toEqual([expected]);
    world.hub.restore();
    const late = world.open();
    late.create({ prevKv: true, start: 3 });
    expect(late.lines()).toEqual(['#0 @3 created', expected]);
  });
});

describe('a restored snapshot', () => {
  test('makes watchers read what they missed from the new store', () => {
    const world = new World();
    const client = world.open();
    client.create({ prevKv: true });
    client.create({ key: 'other', start: 9 });
    client.read();
    world.put('k');
    world.source.put('k');
    world.source.put('k');
    world.hub.restore();
    expect(world.hub.revision).toBe(4);
    expect(client.lines()).toEqual(['#0 @4 +k@2(0) +k@3(2) +k@4(3)'.replace('(0)', '')]);
    world.put('k');
    expect(client.lines()).toEqual(['#0 @5 +k@5(4)']);
  });

  test('that is compacted beyond them ends them', () => {
    const world = new World();
    const client = world.open();
    client.create({});
    client.create({ key: 'future', start: 100 });
    client.read();
    for (let i = 0; i < 5; i++) world.source.put('k');
    world.source.compact(5);
    world.hub.restore();
    expect(client.lines()).toEqual(['#0 @0 canceled compacted 5']);
    expect(world.hub.metrics.watchers).toBe(1);
  });
});

describe('closing', () => {
  test('lets go of everything, and later calls are ignored', () => {
    const world = new World();
    const client = world.open();
    client.create({ key: 'k', end: 'l' });
    client.create({ start: 1 });
    world.put('k');
    client.stream.close();
    client.stream.close();
    client.create({});
    client.stream.cancelAll('late');
    world.hub.tick(1e9);
    world.put('k');
    world.hub.restore();
    expect(client.stream.take(1000)).toEqual([]);
    expect(client.stream.hasPending).toBe(false);
    expect(world.hub.metrics).toMatchObject({
      streams: 0,
      watchers: 0,
      unsyncedWatchers: 0,
      pendingEvents: 0,
    });
  });
});

describe('requests of a hostile client', () => {
  test('without reading are refused once their answers fill the control queue', () => {
    const world = new World();
    const client = world.open();
    let created = 0;
    while (client.stream.accepting) {
      client.create({});
      created++;
    }
    expect(created).toBe(1024);
    expect(() => client.create({})).toThrow(
      expect.objectContaining({ code: 'WATCH_REQUESTS_FULL' }) as Error,
    );
    client.take(1);
    expect(client.stream.accepting).toBe(true);
    client.create({});
    expect(client.read()).toHaveLength(1024);
  });

  test('for progress while events wait take no more than the live queue has room', () => {
    const world = new World({ liveQueueMax: 10 });
    const client = world.open();
    client.create({});
    client.read();
    world.put('k');
    for (let i = 0; i < 100_000; i++) client.progress();
    expect(client.read()).toHaveLength(12);
  });

  test('many thousands of watchers on one stream, of which a put reaches those concerned', () => {
    const world = new World();
    const client = world.open();
    for (let i = 0; i < 30_000; i++) {
      if (!client.stream.accepting) client.read();
      client.create(i % 3 === 0 ? { key: `k${i}` } : { key: `k${i}`, end: `k${i}\xff`, prevKv: i % 3 === 1 });
    }
    client.read();
    expect(world.hub.metrics).toMatchObject({ watchers: 30_000, unsyncedWatchers: 0 });
    world.put('k29999');
    // The key itself, and the prefixes k2, k29, k299 and k2999 as far as a range watcher has them.
    expect(client.lines().sort()).toEqual(
      [2, 29, 299, 2999, 29999]
        .filter((i) => i % 3 !== 0)
        .map((i) => `#${i} @2 +k29999@2`)
        .sort(),
    );
    client.stream.close();
    expect(world.hub.metrics.watchers).toBe(0);
  });

  test('creating and canceling in a storm leaves nothing behind', () => {
    const world = new World();
    world.put('k');
    const client = world.open();
    for (let i = 0; i < 20_000; i++) {
      client.create({ start: i % 2, id: 77n });
      world.put('k');
      client.cancel(77n);
      if (i % 100 === 99) client.read();
    }
    expect(client.lines()).toEqual([]);
    expect(world.hub.metrics).toMatchObject({ watchers: 0, unsyncedWatchers: 0, pendingEvents: 0 });
  });

  test('without content are ignored', () => {
    const client = new World().open();
    client.stream.request({ requestUnion: undefined });
    expect(client.stream.hasPending).toBe(false);
  });
});

describe('appending', () => {
  test('keeps nothing while there is no stream; whoever comes later reads the store', () => {
    const world = new World();
    world.put('k');
    expect(world.hub.metrics.logBytes).toBe(0);
    const client = world.open();
    client.create({ key: 'k', start: 2, prevKv: true });
    world.put('k');
    expect(client.lines()).toEqual(['#0 @2 created', '#0 @3 +k@2 +k@3(2)']);
    expect(world.hub.metrics.logBytes).toBeGreaterThan(0);
    client.stream.close();
    world.put('k');
    expect(world.hub.metrics.logBytes).toBe(0);
    const later = world.open();
    later.create({ key: 'k', start: 3 });
    expect(later.lines()).toEqual(['#0 @4 created', '#0 @4 +k@3', '#0 @4 +k@4']);
  });

  test('a revision twice, or with a gap, is a bug that stops us', () => {
    const world = new World();
    world.put('k');
    const change = { type: 0 as const, key: 'k', kv: new Uint8Array(), prev: undefined };
    expect(() => world.hub.append(2, [change])).toThrow('one after the other');
    expect(() => world.hub.append(4, [change])).toThrow('one after the other');
    expect(() => world.hub.append(3, [])).toThrow('has a change');
  });

  test('a deletion of very many keys reaches each watcher in one response', () => {
    const world = new World();
    const keys = Array.from({ length: 5000 }, (_, i) => `k${String(i).padStart(5, '0')}`);
    world.txn(...keys.map((key) => ({ op: 'put' as const, key })));
    const client = world.open();
    client.create({ key: 'k', end: 'l' });
    client.create({ key: 'k00010', end: 'k00020' });
    client.create({ key: 'k04999' });
    client.read();
    world.txn(...keys.map((key) => ({ op: 'delete' as const, key })));
    const counts = client.read().map(({ watchId, events }) => [watchId, events.length]);
    expect(counts.sort()).toEqual([
      [0n, 5000],
      [1n, 10],
      [2n, 1],
    ]);
  });
});
