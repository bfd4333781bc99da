import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test } from 'vitest';
import { json, text, type Client } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';

interface Fruit {
  readonly colour: string;
  readonly count: number;
}

/** Refuses what is no fruit. */
function fruitOf(value: unknown): Fruit {
  if (typeof value !== 'object' || value === null) throw new TypeError('no fruit');
  if (!('colour' in value) || typeof value.colour !== 'string') throw new TypeError('no colour');
  if (!('count' in value) || typeof value.count !== 'number') throw new TypeError('no count');
  return { colour: value.colour, count: value.count };
}

describeOnBoth('pages, views and typed keys', (fixture) => {
  let client: Client;
  beforeAll(() => {
    ({ client } = fixture());
  });

  test('pages are all as of one revision, whatever is written between them', async () => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) await client.put(`page/${key}`, key);
    const seen: string[][] = [];
    const revisions = new Set<bigint>();
    for await (const { kvs, revision } of client.pages({ prefix: 'page/' }, { pageSize: 2 })) {
      seen.push(kvs.map((kv) => toUtf8(kv.value)));
      revisions.add(revision);
      await client.delete('page/e');
      await client.put('page/b0', 'new');
    }
    expect(seen).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(revisions.size).toBe(1);
  });

  test('of no keys there is one page without any', async () => {
    const pages: number[] = [];
    for await (const { kvs } of client.pages({ prefix: 'no such/' })) pages.push(kvs.length);
    expect(pages).toEqual([0]);
    const unpaged = client.pages({ prefix: '' }, { pageSize: 0 });
    await expect(unpaged.next()).rejects.toThrow(RangeError);
  });

  test('pages whose revision was compacted away end with an error', async () => {
    await client.put('page/a', '1');
    await client.put('page/b', '1');
    const pages = client.pages({ prefix: 'page/' }, { pageSize: 1 });
    await pages.next();
    const { header } = await client.put('page/a', '2');
    await client.kv.compact({ revision: header.revision });
    await expect(pages.next()).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
  });

  test('a view has the keys in order, and follows them', async () => {
    await client.put('view/b', '1');
    await client.put('view/a', '1');
    await using view = await client.view({ prefix: 'view/' });
    const keys = () => view.entries().map((kv) => toUtf8(kv.key));
    expect(keys()).toEqual(['view/a', 'view/b']);
    const changes = view.changes();
    await client.put('view/\u00e9', '1');
    await client.put('view/c', '1');
    await client.delete('view/a');
    // Nothing in the view is written, so only word of progress can tell.
    const { header } = await client.put('elsewhere', '1');
    await view.untilRevision(header.revision);
    expect(keys()).toEqual(['view/b', 'view/c', 'view/\u00e9']);
    expect(view.size).toBe(3);
    expect(view.get('view/a')).toBeUndefined();
    const seen: string[] = [];
    for await (const { type, key } of changes) {
      seen.push(`${type} ${toUtf8(key)}`);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(['put view/\u00e9', 'put view/c', 'delete view/a']);
  });

  test('waiting for a revision that is not there yet ends by its time limit or its signal', async () => {
    await using view = await client.view({ prefix: 'late/' });
    const far = view.revision + 1_000_000n;
    await expect(view.untilRevision(far, { timeoutMs: 5 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const reason = new Error('enough');
    await expect(view.untilRevision(far, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('a view that ended says so to all who wait, and keeps what it has', async () => {
    await client.put('ended/a', '1');
    const stop = new AbortController();
    await using view = await client.view({ prefix: 'ended/', signal: stop.signal });
    const next = view.changes().next();
    const waiting = view.untilRevision(view.revision + 1_000_000n);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(next).rejects.toBe(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(view.signal.reason).toBe(reason);
    expect(view.size).toBe(1);
    await expect(view.changes().next()).rejects.toBe(reason);
  });

  test('a view of what may not be read is refused', async () => {
    const view = client.view({ prefix: 'x', signal: AbortSignal.abort(new Error('never')) });
    await expect(view).rejects.toThrow('never');
  });

  test('typed values come back as what they were', async () => {
    const fruits = client.namespace('fruit/').typed(json(fruitOf));
    expect(await fruits.create('apple', { colour: 'red', count: 1 })).toBe(true);
    expect(await fruits.create('apple', { colour: 'green', count: 1 })).toBe(false);
    const revision = await fruits.put('pear', { colour: 'green', count: 2 });
    expect(await fruits.get('pear')).toMatchObject({ key: 'pear', value: { colour: 'green', count: 2 } });
    expect((await fruits.getAll({ prefix: '' })).map(({ key, value }) => `${key} ${value.colour}`)).toEqual([
      'apple red',
      'pear green',
    ]);
    expect(await fruits.delete('pear')).toBe(true);
    expect(await fruits.delete('pear')).toBe(false);
    const heard: string[] = [];
    for await (const event of fruits.watch({ prefix: '', startRevision: revision })) {
      heard.push(event.type === 'put' ? `${event.key} ${event.value.count}` : `no ${event.key}`);
      if (heard.length === 2) break;
    }
    expect(heard).toEqual(['pear 2', 'no pear']);
    await client.put('fruit/stone', '"grey"');
    await expect(fruits.get('stone')).rejects.toThrow('no fruit');
    await expect(client.typed(json<string>()).get('fruit/stone')).resolves.toMatchObject({ value: 'grey' });
    await expect(client.typed(text).get('fruit/stone')).resolves.toMatchObject({ value: '"grey"' });
  });

  test('updates by many at a time are all done', async () => {
    const counters = client.typed(json<number>());
    const add = () => counters.update('counter', (count = 0) => count + 1);
    await Promise.all(Array.from({ length: 10 }, add));
    expect((await counters.get('counter'))?.value).toBe(10);
    expect((await client.get('counter'))?.value).toEqual(fromUtf8('10'));
  });
});
