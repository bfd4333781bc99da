import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test } from 'vitest';
import { compare, op, type Client, type Keyspace } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';

describeOnBoth('namespaces', (fixture) => {
  let client: Client;
  beforeAll(() => {
    ({ client } = fixture());
  });

  async function keysOf(keyspace: Keyspace, ...args: Parameters<Keyspace['getAll']>): Promise<string[]> {
    return (await keyspace.getAll(...args)).map((kv) => toUtf8(kv.key));
  }

  test('names are without the prefix inside, and with it outside', async () => {
    const space = client.namespace('ns/');
    await client.put('ns.', 'before');
    await client.put('ns0', 'behind');
    await space.put('a', '1');
    await space.put('b', '2');
    await space.put('c', '3');
    expect(toUtf8((await space.get('a'))?.key ?? new Uint8Array())).toBe('a');
    expect(await keysOf(client, { prefix: 'ns/' })).toEqual(['ns/a', 'ns/b', 'ns/c']);
    expect(await keysOf(space, { prefix: '' })).toEqual(['a', 'b', 'c']);
    expect(await keysOf(space, { range: { from: 'b' } })).toEqual(['b', 'c']);
    expect(await keysOf(space, { range: { from: 'a', endExclusive: 'c' } })).toEqual(['a', 'b']);
    expect(await space.count({ prefix: '' })).toBe(3n);
    const { prevKvs } = await space.kv.deleteRange({ key: fromUtf8('a'), prevKv: true });
    expect(prevKvs.map((kv) => toUtf8(kv.key))).toEqual(['a']);
    expect(await space.delete({ prefix: '' })).toBe(2n);
    expect(await client.count({ range: { from: 'ns.', endExclusive: 'ns1' } })).toBe(2n);
  });

  test('the end of a prefix of 0xFF bytes is the end of all keys', async () => {
    const space = client.namespace(Uint8Array.of(0xff, 0xff));
    await space.put('a', '1');
    expect(await keysOf(space, { prefix: '' })).toEqual(['a']);
    expect(await space.delete({ prefix: '' })).toBe(1n);
  });

  test('an empty key is refused, as it is without a namespace', async () => {
    const space = client.namespace('ns/');
    const message = 'etcdserver: key is not provided';
    await expect(space.put('', 'x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
    await expect(space.get('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
    await expect(client.get('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
  });

  test('all keys of a transaction are within the namespace, of those inside it too', async () => {
    const space = client.namespace('txn/').namespace('deep/');
    const inner = {
      compare: [compare.version({ prefix: '' }, '=', 0n)],
      success: [op.put('a', '1'), op.get({ prefix: '' }), op.delete({ key: 'none' }, { prevKv: true })],
    };
    const { responses } = await space.txn({ success: [op.txn(inner)] });
    const response = responses[0]?.response;
    if (response?.$case !== 'responseTxn') throw new Error('the transaction has one inside');
    expect(response.value.succeeded).toBe(true);
    const range = response.value.responses[1]?.response;
    if (range?.$case !== 'responseRange') throw new Error('its second operation is a read');
    expect(range.value.kvs.map((kv) => toUtf8(kv.key))).toEqual(['a']);
    expect(await client.get('txn/deep/a')).toBeDefined();
    expect((await space.txn(inner)).succeeded).toBe(false);
  });

  test('a watch hears of the namespace only', async () => {
    const space = client.namespace('watched/');
    const { header } = await client.put('watched', 'outside');
    await space.put('a', '1');
    await client.put('watched0', 'outside');
    await space.delete('a');
    const startRevision = header.revision;
    const heard: string[] = [];
    for await (const { type, kv, prevKv } of space.watch({ prefix: '', startRevision, prevKv: true })) {
      heard.push(`${type} ${toUtf8(kv.key)} ${prevKv === undefined ? '-' : toUtf8(prevKv.key)}`);
      if (heard.length === 2) break;
    }
    expect(heard).toEqual(['put a -', 'delete a a']);
  });

  test('of the keys of a lease it shows its own', async () => {
    const space = client.namespace('leased/');
    const { ID: lease } = await client.lease.grant({ ttlSeconds: 60 });
    await client.put('outside', '1', { lease });
    await space.put('inside', '1', { lease });
    const { keys } = await space.lease.timeToLive(lease, { keys: true });
    expect(keys.map(toUtf8)).toEqual(['inside']);
    expect((await client.lease.timeToLive(lease, { keys: true })).keys).toHaveLength(2);
  });

  test('locks, elections, views, pages and transactions are within it', async () => {
    const space = client.namespace('all/');
    await using session = await space.session();
    await using lock = await session.lock('lock');
    expect(await client.count({ prefix: 'all/lock/' })).toBe(1n);
    expect((await space.txn({ compare: [lock.guard], success: [op.put('a', '1')] })).succeeded).toBe(true);
    await using waiting = await client.session();
    expect(await waiting.tryLock('all/lock')).toBeUndefined();
    await using _leadership = await session.campaign('election', 'x');
    expect(await space.election('election').leader()).toBeDefined();
    await space.stm(async (tx) => tx.put('b', `${toUtf8((await tx.get('a')) ?? new Uint8Array())}2`));
    expect(toUtf8((await client.get('all/b'))?.value ?? new Uint8Array())).toBe('12');
    await using view = await space.view({ range: { from: 'a', endExclusive: 'c' } });
    expect(view.entries().map((kv) => toUtf8(kv.key))).toEqual(['a', 'b']);
    const { header } = await space.put('aa', '3');
    await view.untilRevision(header.revision);
    expect(toUtf8(view.get('aa')?.value ?? new Uint8Array())).toBe('3');
    const pages: string[][] = [];
    for await (const { kvs } of space.pages({ range: { from: 'a', endExclusive: 'c' } }, { pageSize: 2 })) {
      pages.push(kvs.map((kv) => toUtf8(kv.key)));
    }
    expect(pages).toEqual([['a', 'aa'], ['b']]);
  });
});
