import { Client, compare, op } from '@quorate/client';
import {
  etcdBinFolder,
  freePort,
  startQuorate,
  startRealEtcd,
  type StartedServer,
} from '@quorate/client/testing';
import { toUtf8 } from '@quorate/std';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { GrpcProxy } from '../src/index.ts';

const leasingPrefix = 'owners/';
/** For what happens soon, on a machine that may be busy. */
const soon = { timeout: 60_000 };
let member: StartedServer;
let direct: Client;

beforeAll(async () => {
  member = await startQuorate();
  direct = new Client({ endpoints: [member.endpoint] });
});

afterAll(async () => {
  await direct.close();
  await member[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await direct.delete({ prefix: '' });
});

async function started(namespace = '', endpoint = member.endpoint) {
  const options = { endpoints: [endpoint], listenAddress: '127.0.0.1:0', leasingPrefix, namespace };
  const proxy = await GrpcProxy.start(options);
  const client = new Client({ endpoints: [`127.0.0.1:${proxy.ports.client}`] });
  return {
    client,
    read: async (key: string) => textOf(await client.get(key)),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await proxy.close({ graceMs: 0 });
    },
  };
}
type Started = Awaited<ReturnType<typeof started>>;

const textOf = (kv: { readonly value: Uint8Array } | undefined) => kv && toUtf8(kv.value);
const owners = async () =>
  (await direct.getAll({ prefix: leasingPrefix })).map(({ key, value }) => [toUtf8(key), toUtf8(value)]);

/** Reads until the proxy owns the key, which it may once it is listened for those who want it back. */
async function own({ read }: Started, key: string): Promise<void> {
  await expect
    .poll(async () => {
      await read(key);
      return (await owners()).map(([owner]) => owner);
    }, soon)
    .toContain(leasingPrefix + key);
}

test('a key that was read is owned, and read again without asking the cluster', async () => {
  await using one = await started();
  await one.client.put('a', '1');
  await own(one, 'a');
  await direct.put('a', 'by somebody who has asked nobody');
  expect(await one.read('a')).toBe('1');
  await own(one, 'missing');
  expect(await one.client.get('missing')).toBeUndefined();
});

test('own writes of a key that is owned are read at once, whole', async () => {
  await using one = await started();
  await own(one, 'a');
  for (let i = 1; i <= 3; i++) {
    const { header } = await one.client.put('a', `${i}`);
    expect(await one.client.get('a')).toEqual(await direct.get('a'));
    expect((await one.client.get('a'))?.modRevision).toBe(header.revision);
  }
  expect(await owners()).toEqual([['owners/a', '']]);
});

test('whoever writes through another proxy is read by all as soon as his write is answered', async () => {
  await using one = await started();
  await using two = await started();
  // A key each: one that was given up is left alone for a while.
  const writes: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
    put: (key) => two.client.put(key, '1'),
    txn: (key) => two.client.txn({ success: [op.put('b', '2'), op.put(key, '2')] }),
    nested: (key) => two.client.txn({ success: [op.txn({ success: [op.put(key, '2')] })] }),
    failure: (key) =>
      two.client.txn({ compare: [compare.version('b', '=', 0n)], failure: [op.put(key, '3')] }),
    delete: (key) => two.client.delete(key),
    range: (key) => two.client.delete({ prefix: key.slice(0, 3) }),
    open: (key) => two.client.delete({ range: { from: key } }),
  };
  for (const [key, write] of Object.entries(writes)) {
    await one.client.put(key, 'before');
    await own(one, key);
    await write(key);
    expect([key, await one.read(key)]).toEqual([key, textOf(await direct.get(key))]);
    expect(await one.read(key)).not.toBe('before');
  }
});

test('a proxy that ends gives back what it owned', async () => {
  const one = await started();
  await own(one, 'a');
  await one[Symbol.asyncDispose]();
  expect(await owners()).toEqual([]);
});

test('what hangs on a lease is not owned', async () => {
  await using one = await started();
  await own(one, 'other');
  const { ID } = await one.client.lease.grant({ ttlSeconds: 60 });
  await one.client.put('a', 'leased', { lease: ID });
  expect(await one.read('a')).toBe('leased');
  expect(await owners()).toEqual([['owners/other', '']]);
  await one.client.lease.revoke(ID);
  expect(await one.read('a')).toBeUndefined();
});

test('owners are in the namespace', async () => {
  await using one = await started('ns/');
  await one.client.put('a', '1');
  await expect
    .poll(async () => [await one.read('a'), await direct.count({ key: 'ns/owners/a' })], soon)
    .toEqual(['1', 1n]);
  expect(await one.read('a')).toBe('1');
  expect(textOf(await direct.get('ns/a'))).toBe('1');
});

test('increments through two proxies at the same time are all counted', async () => {
  await using one = await started();
  await using two = await started();
  const increment = async (client: Client): Promise<void> => {
    for (;;) {
      const before = await client.get('n');
      const same = compare.modRevision('n', '=', before?.modRevision ?? 0n);
      const next = `${Number(textOf(before) ?? 0) + 1}`;
      if ((await client.txn({ compare: [same], success: [op.put('n', next)] })).succeeded) return;
    }
  };
  const clients = [one.client, two.client, one.client, two.client];
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 5; i++) await increment(client);
    }),
  );
  expect(textOf(await direct.get('n'))).toBe('20');
});

const keys = ['a', 'b', 'c'] as const;
const step = fc.record({
  who: fc.nat({ max: 1 }),
  what: fc.constantFrom('get', 'get', 'get', 'put', 'put', 'delete', 'txn', 'clear'),
  key: fc.constantFrom(...keys),
});

/** Does all of it, one after the other, and compares each read with what was written last. */
async function follow(
  clients: readonly [Client, Client],
  steps: readonly { readonly who: number; readonly what: string; readonly key: string }[],
): Promise<void> {
  const model = new Map<string, string>();
  await clients[0].delete({ range: { from: 'a', endExclusive: 'd' } });
  for (const [i, { who, what, key }] of steps.entries()) {
    const client = clients[who] ?? clients[0];
    if (what === 'get') expect(textOf(await client.get(key))).toBe(model.get(key));
    else if (what === 'put') {
      await client.put(key, `${i}`);
      model.set(key, `${i}`);
    } else if (what === 'delete') {
      const deleted = await client.delete(key);
      const expected = model.delete(key) ? 1n : 0n;
      // etcd's own proxy deletes twice what it does not own, and tells the number of the second time.
      if (who === 0) expect(deleted).toBe(expected);
    } else if (what === 'clear') {
      await client.delete({ range: { from: 'a', endExclusive: 'd' } });
      model.clear();
    } else {
      await client.txn({
        compare: [compare.version(key, '>', 0n)],
        success: [op.put(key, `${i}`)],
        failure: [op.put('a', `${i}`)],
      });
      model.set(model.has(key) ? key : 'a', `${i}`);
    }
  }
}

test('whatever two proxies are asked, every read is of the last write', async () => {
  await using one = await started();
  await using two = await started();
  await own(one, 'a');
  await own(two, 'b');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) =>
      follow([one.client, two.client], steps),
    ),
    { numRuns: 12 },
  );
});

test.skipIf(etcdBinFolder === undefined)(
  'an etcd proxy with the same prefix takes part (set QUORATE_ETCD_BIN to run)',
  async () => {
    const bin = etcdBinFolder ?? '';
    await using etcd = await startRealEtcd(bin);
    const endpoint = `127.0.0.1:${await freePort()}`;
    const flags = [
      ...['--endpoints', etcd.endpoint, '--listen-addr', endpoint, '--advertise-client-url', endpoint],
      ...['--experimental-leasing-prefix', leasingPrefix],
    ];
    const real = spawn(join(bin, 'etcd'), ['grpc-proxy', 'start', ...flags], { stdio: 'ignore' });
    const exited = once(real, 'exit');
    try {
      await using ours = await started('', etcd.endpoint);
      await using theirs = new Client({ endpoints: [endpoint], requestTimeoutMs: 30_000 });
      await theirs.get('a');
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) =>
          follow([ours.client, theirs], steps),
        ),
        { numRuns: 8 },
      );
    } finally {
      real.kill('SIGKILL');
      await exited;
    }
  },
);
