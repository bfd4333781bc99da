import { Client, compare, EtcdError, op } from '@quorate/client';
import { startQuorate, type StartedServer } from '@quorate/client/testing';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { hostname } from 'node:os';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { GrpcProxy, type GrpcProxyOptions } from '../src/index.ts';
import { eventText, RawWatch } from './raw-watch.ts';
import { startRelay } from './relay.ts';

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

/** A proxy in front of the member, and a client of it. */
async function started(options: GrpcProxyOptions = {}) {
  const proxy = await GrpcProxy.start({
    endpoints: [member.endpoint],
    listenAddress: '127.0.0.1:0',
    ...options,
  });
  const endpoint = `127.0.0.1:${proxy.ports.client}`;
  const client = new Client({ endpoints: [endpoint] });
  return {
    proxy,
    client,
    endpoint,
    page: (path: string, init?: RequestInit) => fetch(`http://${endpoint}${path}`, init),
    metric: async (name: string) => {
      const text = await (await fetch(`http://${endpoint}/proxy/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await proxy.close({ graceMs: 0 });
    },
  };
}

const rangeBytes = (request: Partial<rpcpb.RangeRequest>) =>
  rpcpb.RangeRequest.encode({ ...rpcpb.RangeRequest.create(), ...request }).finish();
const valueOf = (kv: { readonly value: Uint8Array } | undefined) => kv && toUtf8(kv.value);

test('answers are those of the member, byte for byte', async () => {
  await using through = await started();
  for (let i = 0; i < 20; i++) await through.client.put(`k${i}`, `v${i}`);
  for (const request of [
    rangeBytes({ key: fromUtf8('k3') }),
    rangeBytes({ key: fromUtf8('k'), rangeEnd: fromUtf8('l'), limit: 7n, sortOrder: 2 }),
    rangeBytes({ key: fromUtf8('k'), rangeEnd: fromUtf8('l'), countOnly: true, serializable: true }),
  ]) {
    const path = '/etcdserverpb.KV/Range';
    expect(await through.client.unary(path, request)).toEqual(await direct.unary(path, request));
  }
  const txn = {
    compare: [compare.value('k1', '=', 'v1')],
    success: [op.put('k1', 'w'), op.get({ key: 'k2' })],
  };
  const { succeeded, header } = await through.client.txn(txn);
  expect([succeeded, header.revision]).toEqual([
    true,
    (await direct.kv.range({ key: fromUtf8('k1') })).header?.revision,
  ]);
  const { deleted } = await through.client.kv.deleteRange({ key: fromUtf8('k'), rangeEnd: fromUtf8('l') });
  expect(deleted).toBe(20n);
});

test('errors are those of the member, code and text', async () => {
  await using through = await started();
  const { revision } = (await through.client.put('a', '1')).header;
  await through.client.put('a', '2');
  await through.client.kv.compact({ revision: revision + 1n });
  for (const attempt of [
    (client: Client) => client.get('a', { revision }),
    (client: Client) => client.get('a', { revision: revision + 1_000n }),
    (client: Client) => client.put('', 'x'),
    (client: Client) => client.put('a', 'x', { lease: 12_345n }),
    (client: Client) => client.lease.revoke(12_345n),
    (client: Client) => client.txn({ success: [op.put('a', '1'), op.put('a', '2')] }),
    (client: Client) => client.cluster.memberRemove({ ID: 1n }),
    (client: Client) => client.auth.users.get('nobody'),
    (client: Client) => client.kv.compact({ revision }),
    (client: Client) => client.unary('/etcdserverpb.KV/Put', new Uint8Array([10, 200, 1])),
  ]) {
    const failures = await Promise.all(
      [direct, through.client].map((client) =>
        attempt(client).then(
          () => 'nothing',
          (error: unknown) => error,
        ),
      ),
    );
    const [own, proxied] = failures.map((error) => error instanceof EtcdError && [error.code, error.message]);
    expect(proxied).toEqual(own);
    expect(own).not.toBe(false);
  }
  // Whose text is that of the transport.
  const unknown = through.client.unary('/etcdserverpb.KV/None', new Uint8Array(0));
  await expect(unknown).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
});

test('a transaction within thousands of others ends its own call only', async () => {
  await using through = await started();
  let bytes: Uint8Array = new Uint8Array(0);
  for (let depth = 0; depth < 10_000; depth++) {
    // TxnRequest.success, of RequestOp.request_txn, by their tags.
    const inner = Buffer.concat([Buffer.of(0x22), varint(bytes.length), bytes]);
    bytes = Buffer.concat([Buffer.of(0x12), varint(inner.length), inner]);
  }
  const codes = [direct, through.client].map((client) =>
    client.unary('/etcdserverpb.KV/Txn', bytes).then(
      () => 'OK',
      (error: unknown) => error instanceof EtcdError && error.code,
    ),
  );
  const [own, proxied] = await Promise.all(codes);
  expect(proxied).toBe(own);
  await through.client.put('a', 'still there');
});

test('serializable reads are answered from the cache until something is written through the proxy', async () => {
  await using through = await started();
  const { client } = through;
  const read = async () => valueOf(await client.get('a', { serializable: true }));
  await client.put('a', '1');
  expect(await read()).toBe('1');
  await direct.put('a', 'past the proxy');
  expect(await read()).toBe('1');
  expect(await through.metric('etcd_grpc_proxy_cache_hits_total')).toBe(1);
  expect(await through.metric('etcd_grpc_proxy_cache_misses_total')).toBe(1);
  expect(valueOf(await client.get('a'))).toBe('past the proxy');
  expect(await read()).toBe('past the proxy'); // What was read in the other way is kept as well.
  for (const write of [
    () => client.put('a', '2'),
    () => client.txn({ success: [op.put('a', '3')] }),
    () => client.delete({ prefix: 'a' }),
  ]) {
    await write();
    expect(await read()).toBe(valueOf(await direct.get('a')));
  }
  const { ID } = await client.lease.grant({ ttlSeconds: 60 });
  await client.put('a', 'leased', { lease: ID });
  expect(await read()).toBe('leased');
  await client.lease.revoke(ID);
  expect(await read()).toBeUndefined();
});

test('watchers of many clients are one at the member, and its events are everybody’s', async () => {
  await using through = await started();
  const clients = Array.from({ length: 5 }, () => new Client({ endpoints: [through.endpoint] }));
  const watches = clients.map((client) => new RawWatch(client));
  for (const watch of watches) {
    watch.create({ key: 'w/', rangeEnd: 'w0', prevKv: true });
    expect(await watch.next()).toMatchObject({ watchId: 0n, created: true });
  }
  expect(await through.metric('quorate_grpc_proxy_upstream_watchers')).toBe(1);
  expect(await through.metric('etcd_grpc_proxy_watchers_coalescing_total')).toBe(4);
  const { header } = await direct.put('w/a', '1');
  for (const watch of watches) {
    const { events, header: seen } = await watch.next();
    expect(events.map(eventText)).toEqual([`put w/a=1 @${header.revision}`]);
    expect(seen).toEqual(header);
  }
  expect(await through.metric('etcd_grpc_proxy_events_coalescing_total')).toBe(4);
  for (const watch of watches) watch.close();
  for (const client of clients) await client.close();
  const streams = () => through.metric('quorate_grpc_proxy_upstream_watch_streams');
  await expect.poll(streams, { timeout: 60_000 }).toBe(0);
});

test('a watch goes on when the connection to the member was cut, and keep-alives do, too', async () => {
  await using relay = await startRelay(member.endpoint);
  let resumed = 0;
  const observer = { onWatchResumed: () => resumed++ };
  await using through = await started({ endpoints: [relay.endpoint], observer });
  const { ID } = await through.client.lease.grant({ ttlSeconds: 60 });
  const seen: string[] = [];
  for await (const { kv } of through.client.watch({
    prefix: 'r/',
    startRevision: (await direct.put('r/0', '0')).header.revision,
  })) {
    seen.push(toUtf8(kv.value));
    if (seen.length === 10) break;
    if (seen.length % 3 === 0) relay.cut();
    await direct.put('r/1', `${seen.length}`);
    expect((await through.client.lease.keepAliveOnce(ID)).TTL).toBe(60n);
  }
  expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  expect(resumed).toBeGreaterThan(0);
});

test('keep-alives of many clients are one stream to the member', async () => {
  await using through = await started();
  const { ID } = await direct.lease.grant({ ttlSeconds: 60 });
  const clients = Array.from({ length: 4 }, () => new Client({ endpoints: [through.endpoint] }));
  const sessions = await Promise.all(clients.map((client) => client.session({ leaseId: ID })));
  await Promise.all(clients.map((client) => client.lease.keepAliveOnce(ID)));
  expect(await through.metric('quorate_grpc_proxy_upstream_keep_alive_streams')).toBeLessThanOrEqual(1);
  expect(await through.client.lease.keepAliveOnce(12_345n).catch((error: unknown) => error)).toBeInstanceOf(
    EtcdError,
  );
  for (const session of sessions) expect(session.isAlive).toBe(true);
  expect((await through.client.lease.timeToLive(ID)).grantedTTL).toBe(60n);
  for (const client of clients) await client.close();
});

test('a namespace stands before every key in the cluster, and before none at its clients', async () => {
  await using through = await started({ namespace: 'ns/' });
  const { client } = through;
  const watch = new RawWatch(client);
  watch.create({ key: '', rangeEnd: '\0' });
  await watch.next();
  await direct.put('outside', 'x');
  await client.put('a', '1');
  await client.txn({
    compare: [compare.value('a', '=', '1')],
    success: [op.put('b', '2'), op.txn({ success: [op.put('c', '3'), op.get({ key: 'a' })] })],
  });
  const keysOf = (kvs: readonly { readonly key: Uint8Array }[]) => kvs.map(({ key }) => toUtf8(key));
  expect(keysOf(await direct.getAll({ prefix: '' }))).toEqual(['ns/a', 'ns/b', 'ns/c', 'outside']);
  expect(keysOf(await client.getAll({ prefix: '' }))).toEqual(['a', 'b', 'c']);
  const { kv } = (await watch.next()).events[0] ?? {};
  expect([toUtf8(kv?.key ?? fromUtf8('')), valueOf(kv)]).toEqual(['a', '1']);
  expect(
    keysOf((await watch.next()).events.map(({ kv: { key } = { key: fromUtf8('') } }) => ({ key }))),
  ).toEqual(['b', 'c']);
  watch.close();
  const { ID } = await client.lease.grant({ ttlSeconds: 60 });
  await client.put('leased', 'x', { lease: ID });
  await direct.put('other', 'x', { lease: ID });
  expect(keysOf((await client.lease.timeToLive(ID, { keys: true })).keys.map((key) => ({ key })))).toEqual([
    'leased',
  ]);
  const { key } = await client.lockService.lock({ name: fromUtf8('lock'), lease: ID });
  expect(toUtf8(key)).toMatch(/^lock\//);
  expect(await direct.count({ prefix: 'ns/lock/' })).toBe(1n);
  await client.lockService.unlock({ key });
  const { leader } = await client.electionService.campaign({
    name: fromUtf8('vote'),
    lease: ID,
    value: fromUtf8('me'),
  });
  expect(
    toUtf8((await client.electionService.leader({ name: fromUtf8('vote') })).kv?.key ?? fromUtf8('')),
  ).toMatch(/^vote\//);
  await client.electionService.resign({ leader });
  expect(await direct.count({ prefix: 'ns/vote/' })).toBe(0n);
  await expect(client.put('', 'x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('whoever asks for members is told of the proxies', async () => {
  const resolver = { prefix: 'proxies', ttlSeconds: 60 };
  const registered = Promise.withResolvers<void>();
  await using first = await started({
    advertiseClientUrl: 'one:1',
    resolver,
    observer: { onRegistered: () => registered.resolve() },
  });
  await registered.promise;
  const alsoRegistered = Promise.withResolvers<void>();
  const second = await started({
    advertiseClientUrl: 'two:2',
    resolver,
    observer: { onRegistered: () => alsoRegistered.resolve() },
  });
  await alsoRegistered.promise;
  const addresses = async () =>
    (await first.client.cluster.memberList({})).members.map(({ name, clientURLs }) => [name, ...clientURLs]);
  expect(await addresses()).toEqual([
    [hostname(), 'one:1'],
    [hostname(), 'two:2'],
  ]);
  expect(valueOf(await direct.get('proxies/one:1'))).toBe(
    JSON.stringify({ Op: 0, Addr: 'one:1', Metadata: JSON.stringify({ name: hostname() }) }),
  );
  await second[Symbol.asyncDispose]();
  expect(await addresses()).toEqual([[hostname(), 'one:1']]);
  await using alone = await started({ advertiseClientUrl: 'three:3' });
  expect((await alone.client.cluster.memberList({})).members[0]?.clientURLs).toEqual(['three:3']);
  await using transparent = await started({ advertiseClientUrl: '' });
  expect((await transparent.client.cluster.memberList({})).members[0]?.clientURLs).toEqual([
    `http://${member.endpoint}`,
  ]);
  await expect(first.client.cluster.memberPromote({ ID: 1n })).rejects.toMatchObject({
    code: 'UNKNOWN',
    message: 'not implemented',
  });
});

test('pages are etcd’s: of a member, and of the proxy, on its port and on one of their own', async () => {
  await using through = await started({ metricsUrl: 'http://127.0.0.1:0' });
  for (const port of [through.proxy.ports.client, through.proxy.ports.metrics]) {
    const page = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
    for (const path of ['/health', '/proxy/health']) {
      const answer = await page(path);
      expect([answer.status, await answer.text()]).toEqual([200, '{"health":"true","reason":""}']);
    }
    expect(await (await page('/metrics')).text()).toContain('etcd_server_has_leader 1');
    expect(await (await page('/proxy/metrics')).text()).toContain('etcd_grpc_proxy_cache_keys_total 0');
    const missing = await page('/other');
    expect([missing.status, await missing.text()]).toEqual([404, '404 page not found\n']);
    const posted = await page('/health', { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET']);
  }
});

test('closing ends streams that do not end by themselves, and lets calls finish', async () => {
  const through = await started();
  const watching = new RawWatch(through.client);
  watching.create({ key: 'a' });
  await watching.next();
  const other = new Client({ endpoints: [through.endpoint] });
  await other.get('a');
  const waiting = other.lockService.lock({ name: fromUtf8('free') });
  await waiting;
  const closed = through.proxy.close({ graceMs: 5_000 });
  await expect(watching.next()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'etcdserver: server stopped',
  });
  await closed;
  await other.close();
  await through[Symbol.asyncDispose]();
});

test('a proxy closes also when its cluster is gone', async () => {
  await using relay = await startRelay(member.endpoint);
  const registered = Promise.withResolvers<void>();
  const proxy = await GrpcProxy.start({
    ...{ endpoints: [relay.endpoint], listenAddress: '127.0.0.1:0', leasingPrefix: 'owners/' },
    resolver: { prefix: 'gone', ttlSeconds: 60 },
    observer: { onRegistered: () => registered.resolve() },
  });
  await registered.promise;
  await relay[Symbol.asyncDispose]();
  await proxy.close({ graceMs: 0 });
});

test('a request that is too large for members is refused as etcd’s client refuses it', async () => {
  await using through = await started({ maxSendBytes: 1_000 });
  await expect(through.client.put('a', 'x'.repeat(1_000))).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: 'trying to send message larger than max (1006 vs. 1000)',
  });
  await using small = await started({ maxReceiveBytes: 100 });
  await small.client.put('a', 'x'.repeat(1_000));
  await expect(small.client.get('a')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

test('members are asked for again, and the proxy goes where they are', async () => {
  await using relay = await startRelay(member.endpoint);
  const changed = Promise.withResolvers<readonly string[]>();
  await using through = await started({
    endpoints: [relay.endpoint],
    endpointsAutoSyncIntervalMs: 20,
    observer: { onEndpointsChanged: changed.resolve },
  });
  const watch = new RawWatch(through.client);
  watch.create({ key: 'a' });
  await watch.next();
  expect(await changed.promise).toEqual([`http://${member.endpoint}`]);
  relay.cut();
  const { revision } = (await direct.put('a', '1')).header;
  expect((await watch.next()).events.map(eventText)).toEqual([`put a=1 @${revision}`]);
  watch.close();
  expect(through.proxy.endpoints).toEqual([`http://${member.endpoint}`]);
});

test('a cluster that cannot be reached is UNAVAILABLE, and pages say that it is', async () => {
  await using relay = await startRelay('127.0.0.1:1');
  await using through = await started({ endpoints: [relay.endpoint], requestTimeoutMs: 500 });
  await expect(through.client.put('a', 'b', { timeoutMs: 20_000 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect((await through.page('/metrics')).status).toBe(503);
});

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}
