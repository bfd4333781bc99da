import { toUtf8 } from '@quorate/std';
import type { mvccpb } from '@quorate/wire';
import * as fc from 'fast-check';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { Client, compare, op, type ClientObserver } from '../src/index.ts';
import { etcdBinFolder, freePort } from '../src/testing/index.ts';
import { describeOnBoth } from './both-servers.ts';
import { CuttingProxy } from './cutting-proxy.ts';

const textOf = (kv: mvccpb.KeyValue | undefined) => (kv === undefined ? undefined : toUtf8(kv.value));

describeOnBoth('leasing', (fixture) => {
  let client: Client;
  let endpoint: string;
  let runs = 0;
  beforeAll(() => {
    ({
      client,
      server: { endpoint },
    } = fixture());
  });

  test('a key that was read once is read from memory, until somebody else writes it', async () => {
    const calls: string[] = [];
    const observer: ClientObserver = { callStarted: ({ path }) => void calls.push(path) };
    await using watched = new Client({ endpoints: [endpoint], observer });
    await using mine = await watched.leasing({ prefix: 'owners/' });
    await using others = await client.leasing({ prefix: 'owners/' });
    await others.put('k', '1');
    expect(textOf(await mine.get('k'))).toBe('1');
    expect(mine.size).toBe(1);
    calls.length = 0;
    for (let i = 0; i < 100; i++) expect(textOf(await mine.get('k'))).toBe('1');
    expect(calls).toEqual([]);
    await others.put('k', '2');
    expect(textOf(await mine.get('k'))).toBe('2');
    expect(await mine.delete('k')).toBe(1n);
    expect(await others.get('k')).toBeUndefined();
  });

  test('what we own and write stays ours, with the revisions that the server gives it', async () => {
    await using mine = await client.leasing({ prefix: 'own/' });
    expect(await mine.get('w')).toBeUndefined();
    const revision = await mine.put('w', 'x');
    expect(await mine.get('w')).toMatchObject({ modRevision: revision, version: 1n });
    await mine.txn({ success: [op.put('w', 'y')] });
    expect(textOf(await mine.get('w'))).toBe('y');
    expect(await client.get('own/w')).toBeDefined();
    await mine.close();
    expect(await client.count({ prefix: 'own/' })).toBe(0n);
    expect(textOf(await client.get('w'))).toBe('y');
  });

  test('ranges and transactions wait for the owners of all keys that they write', async () => {
    await using mine = await client.leasing({ prefix: 'many/' });
    await using others = await client.leasing({ prefix: 'many/' });
    for (const key of ['r/1', 'r/2', 'r/3']) await others.put(key, 'old');
    expect(textOf(await mine.get('r/1'))).toBe('old');
    expect(textOf(await others.get('r/2'))).toBe('old');
    const { succeeded } = await others.txn({
      compare: [compare.value('r/1', '=', 'old')],
      success: [op.put('r/1', 'new'), op.txn({ success: [op.put('r/2', 'new')] })],
      failure: [op.delete({ key: 'r/3' })],
    });
    expect(succeeded).toBe(true);
    for (const key of ['r/1', 'r/2']) {
      expect([textOf(await mine.get(key)), textOf(await others.get(key))]).toEqual(['new', 'new']);
    }
    expect(await mine.delete({ prefix: 'r/' })).toBe(3n);
    expect(await Promise.all(['r/1', 'r/2', 'r/3'].map((key) => others.get(key)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('whoever reads, sees what was written last', async () => {
    const step = fc.record({
      who: fc.nat({ max: 2 }),
      key: fc.constantFrom('a', 'b'),
      what: fc.constantFrom('get', 'get', 'put', 'delete', 'range'),
    });
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const run = `seen/${runs++}/`;
      const keyspace = client.namespace(run);
      await using a = await keyspace.leasing({ prefix: 'owners/' });
      await using b = await keyspace.leasing({ prefix: 'owners/' });
      await using c = await keyspace.leasing({ prefix: 'owners/', keysMax: 1 });
      const all = [a, b, c];
      const model = new Map<string, string>();
      for (const [i, { who, key, what }] of steps.entries()) {
        const one = all[who] ?? a;
        const name = `k/${key}`;
        if (what === 'get') expect(textOf(await one.get(name))).toBe(model.get(name));
        else if (what === 'put') {
          await one.put(name, String(i));
          model.set(name, String(i));
        } else {
          await one.delete(what === 'delete' ? name : { prefix: 'k/' });
          if (what === 'delete') model.delete(name);
          else model.clear();
        }
      }
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test('nobody reads what was overwritten, and nobody waits for ever, whatever answers are lost', async () => {
    const step = fc.record({
      isCutOff: fc.boolean(),
      key: fc.constantFrom('a', 'b'),
      what: fc.constantFrom('get', 'get', 'put', 'cut'),
    });
    const cuts = fc.array(fc.nat({ max: 3_000 }), { maxLength: 6 });
    const steps = fc.array(step, { minLength: 10, maxLength: 40 });
    const property = fc.asyncProperty(steps, cuts, async (all, cutsAfterBytes) => {
      const prefix = `cut/${runs++}/`;
      await using proxy = await CuttingProxy.start(endpoint, [100_000, ...cutsAfterBytes]);
      await using broken = new Client({ endpoints: [proxy.endpoint] });
      await using cutOff = await broken.namespace(prefix).leasing({ prefix: 'owners/' });
      await using whole = await client.namespace(prefix).leasing({ prefix: 'owners/' });
      const current = new Map<string, string | undefined>();
      /** What nobody confirmed may happen at any time, once. */
      const pending = new Set<string | undefined>();
      for (const [i, { isCutOff, key, what }] of all.entries()) {
        const one = isCutOff ? cutOff : whole;
        if (what === 'cut') proxy.cutNow();
        else if (what === 'put') {
          const value = `${key}${i}`;
          const outcome = await one.put(key, value).catch((error: unknown) => error);
          if (typeof outcome === 'bigint') current.set(key, value);
          else pending.add(value);
        } else {
          const read = await one.get(key).then(textOf, () => 'nothing was read');
          if (read === 'nothing was read' || read === current.get(key)) continue;
          expect([...pending]).toContain(read);
          pending.delete(read);
          current.set(key, read);
        }
      }
      // By now everybody is asked and answers: whatever marks are left, nobody stands in the way for good.
      for (const key of ['a', 'b']) {
        await whole.put(key, 'last');
        // Each connection that is still to be cut may take an answer with it, and no more than one.
        let read = 'nothing was read';
        for (let left = cutsAfterBytes.length + 1; read === 'nothing was read' && left > 0; left--) {
          read = await cutOff.get(key).then(
            (kv) => textOf(kv) ?? 'nothing is there',
            () => 'nothing was read',
          );
        }
        expect(read).toBe('last');
      }
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test('what many write at the same time is never lost, and each reads what he has written', async () => {
    const keyspace = client.namespace('counted/');
    await using a = await keyspace.leasing({ prefix: 'owners/' });
    await using b = await keyspace.leasing({ prefix: 'owners/' });
    let written = 0;
    const work = [a, b, a, b].map(async (one) => {
      for (let i = 0; i < 10; i++) {
        for (;;) {
          const kv = await one.get('n');
          const { succeeded } = await one.txn({
            compare: [compare.modRevision('n', '=', kv?.modRevision ?? 0n)],
            success: [op.put('n', String(Number(textOf(kv) ?? '0') + 1))],
          });
          if (succeeded) break;
        }
        written++;
      }
    });
    await Promise.all(work);
    expect([textOf(await a.get('n')), textOf(await b.get('n'))]).toEqual([String(written), String(written)]);
  });

  test('a request that nobody answers for is given up by its time limit', async () => {
    await using mine = await client.leasing({ prefix: 'limited/' });
    // An owner who does not listen.
    const { ID } = await client.lease.grant({ ttlSeconds: 600 });
    await client.put('limited/k', '', { lease: ID });
    await expect(mine.put('k', 'v', { timeoutMs: 50 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await mine.get('k')).toBeUndefined();
    await client.lease.revoke(ID);
    await mine.put('k', 'v');
    expect(textOf(await mine.get('k'))).toBe('v');
  });
});

test.skipIf(etcdBinFolder === undefined)(
  "leasing is shared with etcd's own client (set QUORATE_ETCD_BIN to run)",
  async () => {
    const { startQuorate } = await import('../src/testing/index.ts');
    await using server = await startQuorate();
    await using client = new Client({ endpoints: [server.endpoint] });
    const address = `127.0.0.1:${await freePort()}`;
    // The proxy reads and writes by the leasing of clientv3.
    const flags = ['--listen-addr', address, '--endpoints', server.endpoint];
    const proxy = spawn(join(etcdBinFolder ?? '', 'etcd'), [
      ...['grpc-proxy', 'start', ...flags],
      '--experimental-leasing-prefix=leases/',
    ]);
    try {
      await using throughProxy = new Client({ endpoints: [address] });
      await vi.waitFor(() => throughProxy.get('k', { timeoutMs: 1_000 }), { timeout: 60_000, interval: 50 });
      await using mine = await client.leasing({ prefix: 'leases/' });
      // The proxy owns what it has read; it gives that up when it is asked.
      expect(await client.count({ prefix: 'leases/' })).toBe(1n);
      await mine.put('k', 'ours');
      expect(textOf(await throughProxy.get('k'))).toBe('ours');
      await mine.put('k', 'ours again');
      expect(textOf(await throughProxy.get('k'))).toBe('ours again');
      await throughProxy.put('j', 'theirs');
      expect(textOf(await mine.get('j'))).toBe('theirs');
      await throughProxy.put('j', 'theirs again');
      expect(textOf(await mine.get('j'))).toBe('theirs again');
    } finally {
      proxy.kill();
      await once(proxy, 'exit');
    }
  },
  60_000,
);
