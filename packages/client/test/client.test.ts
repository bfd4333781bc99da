import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test } from 'vitest';
import { Client, compare, CompactedError, LeaseLostError, op, type ReadAllOptions } from '../src/index.ts';
import type { StartedServer } from '../src/testing/index.ts';
import { describeOnBoth } from './both-servers.ts';

describeOnBoth('client', (fixture) => {
  let server: StartedServer;
  let client: Client;
  beforeAll(() => {
    ({ server, client } = fixture());
  });

  test('what was put is got, and gone when deleted', async () => {
    const { header } = await client.put('kv/a', 'one');
    const kv = await client.get('kv/a');
    expect(kv?.modRevision).toBe(header.revision);
    expect(toUtf8(kv?.value ?? new Uint8Array())).toBe('one');
    expect(await client.delete('kv/a')).toBe(1n);
    expect(await client.get('kv/a')).toBeUndefined();
  });

  test('keys with a prefix are read in order, counted and deleted', async () => {
    for (const key of ['p/b', 'p/a', 'p/c', 'q']) await client.put(key, key);
    const keys = (await client.getAll({ prefix: 'p/' })).map((kv) => toUtf8(kv.key));
    expect(keys).toEqual(['p/a', 'p/b', 'p/c']);
    expect(await client.count({ prefix: 'p/' })).toBe(3n);
    expect(await client.count({ range: { from: 'p/b', endExclusive: 'q' } })).toBe(2n);
    expect(await client.delete({ prefix: 'p/' })).toBe(3n);
  });

  test('a transaction does the one list or the other', async () => {
    const create = () =>
      client.txn({
        compare: [compare.version('txn/a', '=', 0n)],
        success: [op.put('txn/a', 'new')],
        failure: [op.get({ key: 'txn/a' })],
      });
    expect((await create()).succeeded).toBe(true);
    const second = await create();
    expect(second.succeeded).toBe(false);
    expect(second.responses[0]?.response?.$case).toBe('responseRange');
  });

  test('a transaction is put together step by step, and its answers have the types of its operations', async () => {
    const isNew = client.when(compare.version('built/a', '=', 0n));
    const build = isNew
      .do(op.put('built/a', '1'), op.get({ prefix: 'built/' }))
      .otherwise(op.get({ key: 'built/a' }), op.delete({ key: 'built/a' }), op.txn({}));
    const first = await build.commit();
    if (!first.succeeded) throw new Error('the key is new');
    expect(first.results[1].kvs.map(({ key }) => toUtf8(key))).toEqual(['built/a']);
    const second = await build.commit();
    if (second.succeeded) throw new Error('the key is there');
    const [got, deleted, nested] = second.results;
    expect([toUtf8(got.kvs[0]?.value ?? new Uint8Array()), deleted.deleted]).toEqual(['1', 1n]);
    expect(nested.succeeded).toBe(true);
    const never = isNew.and(compare.version('built/a', '>', 0n)).do(op.put('built/a', '2'));
    expect(await never.commit()).toMatchObject({ succeeded: false, results: [] });
  });

  test('keys are sorted and left out as asked for', async () => {
    const revisions: bigint[] = [];
    for (const [key, value] of [
      ['s/b', '1'],
      ['s/a', '2'],
      ['s/c', '0'],
    ] as const) {
      revisions.push((await client.put(key, value)).header.revision);
    }
    const keysOf = async (options: ReadAllOptions) =>
      (await client.getAll({ prefix: 's/' }, options)).map(({ key }) => toUtf8(key));
    expect(await keysOf({ sort: { order: 'descend' } })).toEqual(['s/c', 's/b', 's/a']);
    expect(await keysOf({ sort: { by: 'value' } })).toEqual(['s/c', 's/b', 's/a']);
    expect(await keysOf({ sort: { by: 'createRevision', order: 'descend' }, limit: 2 })).toEqual([
      's/c',
      's/a',
    ]);
    expect(await keysOf({ minModRevision: revisions[1] ?? 0n })).toEqual(['s/a', 's/c']);
    expect(await keysOf({ maxCreateRevision: revisions[1] ?? 0n })).toEqual(['s/a', 's/b']);
  });

  test('what a key held comes back when it is replaced or taken', async () => {
    await client.put('held', 'old');
    const { prevKv } = await client.put('held', 'new', { prevKv: true });
    expect(prevKv?.value).toEqual(fromUtf8('old'));
    const { ID } = await client.lease.grant({ ttlSeconds: 600 });
    await client.put('held', '', { ignoreValue: true, lease: ID });
    await client.put('held', 'newer', { ignoreLease: true });
    expect(await client.take('held')).toMatchObject([{ value: fromUtf8('newer'), lease: ID }]);
    expect(await client.take({ prefix: 'held' })).toEqual([]);
  });

  test('a watch delivers history and then what happens', async () => {
    const { header } = await client.put('w/a', '1');
    const heard: string[] = [];
    for await (const event of client.watch({ prefix: 'w/', startRevision: header.revision })) {
      heard.push(`${event.type} ${toUtf8(event.kv.key)}`);
      if (heard.length === 1) await client.put('w/b', '2');
      if (heard.length === 2) await client.delete('w/a');
      if (heard.length === 3) break;
    }
    expect(heard).toEqual(['put w/a', 'put w/b', 'delete w/a']);
  });

  test('a watch of revisions that compaction removed says where it could start', async () => {
    await client.put('c/a', '1');
    const { header } = await client.put('c/a', '2');
    await client.kv.compact({ revision: header.revision });
    const watching = client.watch({ key: 'c/a', startRevision: 1n })[Symbol.asyncIterator]().next();
    await expect(watching).rejects.toThrow(CompactedError);
    await expect(watching).rejects.toMatchObject({ compactRevision: header.revision });
  });

  test('an aborted watch throws the reason', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const batches = client.watch({ key: 'x', signal: stop.signal }).batches();
    expect((await batches.next()).value).toMatchObject({ kind: 'created' });
    stop.abort(reason);
    await expect(batches.next()).rejects.toBe(reason);
  });

  test('a lease is granted, kept alive, asked about and revoked with its keys', async () => {
    const { ID } = await client.lease.grant({ ttlSeconds: 60 });
    await client.put('l/a', '1', { lease: ID });
    expect((await client.lease.keepAliveOnce(ID)).TTL).toBe(60n);
    const renewals = client.lease.keepAlive(ID);
    expect((await renewals.next()).value.TTL).toBe(60n);
    const { keys, grantedTTL } = await client.lease.timeToLive(ID, { keys: true });
    expect(grantedTTL).toBe(60n);
    expect(keys.map(toUtf8)).toEqual(['l/a']);
    expect((await client.lease.leases()).leases.map((lease) => lease.ID)).toContain(ID);
    await client.lease.revoke(ID);
    expect(await client.get('l/a')).toBeUndefined();
    await expect(client.lease.keepAliveOnce(ID)).rejects.toThrow(LeaseLostError);
    await expect(client.lease.revoke(ID)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test("errors have gRPC's code and etcd's text", async () => {
    await expect(client.put('', 'x')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'etcdserver: key is not provided',
    });
    await expect(client.get('a', { revision: 1_000_000n })).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
      message: 'etcdserver: mvcc: required revision is a future revision',
    });
  });

  test('members, status and hashes can be asked for', async () => {
    const { members } = await client.cluster.memberList({});
    expect(members.map((member) => member.name)).toEqual(['n1']);
    const status = await client.maintenance.status({}, { endpoint: server.endpoint });
    expect(status.leader).toBe(members[0]?.ID);
    expect((await client.maintenance.alarm({})).alarms).toEqual([]);
    expect((await client.maintenance.hashKv({})).hash).not.toBe(0);
  });

  test('a server with TLS is spoken to by its https endpoint, and its certificate is checked', async () => {
    await using secure = await fixture().start({ tls: true });
    await using trusting = new Client({ endpoints: [secure.endpoint], tls: { insecureSkipVerify: true } });
    await trusting.put('tls', 'yes');
    await using careful = new Client({ endpoints: [secure.endpoint], requestTimeoutMs: 100 });
    await expect(careful.put('tls', 'no')).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', unsent: true });
  });

  test('a large value comes and goes whole', async () => {
    const value = new Uint8Array(1_000_000).map((_, i) => i % 251);
    await client.put('large', value);
    expect((await client.get('large'))?.value).toEqual(value);
  });
});
