import { connect } from 'node:http2';
import { Client } from '@quorate/client';
import { freePorts } from '@quorate/client/testing';
import { startServer, type RunningServer } from '@quorate/server';
import { toUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../src/cluster/until.ts';
import { run } from '../src/run-quorate.ts';

/** What the table of compatibility says and no other test shows, by a member as most have it and others with flags. */
let member: RunningServer;
let client: Client;

beforeAll(async () => {
  member = await startServer({
    watchProgressIntervalMs: 100,
    bootstrapDefragThreshold: 1,
    compactionBatchLimit: 10,
    featureGates: { StopGRPCServiceOnDefrag: true, PriorityRequest: true },
  });
  client = new Client({ endpoints: [member.endpoint] });
});
afterAll(async () => {
  await client.close();
  await member.close();
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** What a call over HTTP/JSON is answered; bytes are in base64, integers are texts. */
async function call(path: string, body: object, { endpoint } = member): Promise<unknown> {
  const answer = await fetch(`${endpoint}${path}`, { method: 'POST', body: JSON.stringify(body) });
  return answer.json();
}

function quoratectl(...args: string[]): ReturnType<typeof run> {
  return run(process.execPath, ['apps/ctl/bin/quoratectl.js', `--endpoints=${member.endpoint}`, ...args]);
}

describe('keys', () => {
  test('all keys are those from the lowest one on, without an end', async () => {
    await client.put('\0', 'first');
    await client.put('\u{10ffff}', 'last');
    const all = await call('/v3/kv/range', { key: base64('\0'), range_end: base64('\0') });
    expect(all).toMatchObject({ kvs: [{ key: base64('\0') }, { key: base64('\u{10ffff}') }], count: '2' });
    expect(await client.delete({ prefix: '' })).toBe(2n);
  });

  test('a range is deleted behind a warning, and with --range without one', async () => {
    for (const [flags, stderr] of [
      [[], /^Warning: Keys between "del\/a" and "del\/z" will be deleted\. [^\n]*\n$/],
      [['--range'], /^$/],
    ] as const) {
      await client.put('del/a', '1');
      await client.put('del/b', '2');
      const deleted = await quoratectl('del', 'del/a', 'del/z', ...flags);
      expect(deleted).toMatchObject({ code: 0, stdout: '2\n' });
      expect(deleted.stderr).toMatch(stderr);
    }
  });

  test('a streamed range has what a range has', async () => {
    for (const name of ['a', 'b', 'c']) await client.put(`stream/${name}`, name);
    const streamed = await quoratectl('get', 'stream/', '--prefix', '--stream');
    expect(streamed.stdout).toBe('stream/a\na\nstream/b\nb\nstream/c\nc\n');
    expect(streamed).toEqual(await quoratectl('get', 'stream/', '--prefix'));
  });

  test('a request may be as large as the member is told', async () => {
    const put = { key: base64('large'), value: base64('x'.repeat(1_700_000)) };
    expect(await call('/v3/kv/put', put)).toMatchObject({ message: 'etcdserver: request is too large' });
    await using roomy = await startServer({ maxRequestBytes: 4 * 1024 * 1024 });
    expect(await call('/v3/kv/put', put, roomy)).toHaveProperty('header');
  });

  test('a key that is put again without its lease outlives it', async () => {
    const { ID } = await client.lease.grant({ ttlSeconds: 600 });
    await client.put('lease/kept', '1', { lease: ID });
    await client.put('lease/gone', '1', { lease: ID });
    await client.put('lease/kept', '2');
    await client.lease.revoke(ID);
    const keys = await client.getAll({ prefix: 'lease/' });
    expect(keys.map(({ key }) => toUtf8(key))).toEqual(['lease/kept']);
  });

  test('an idle watcher is told of progress at the interval that the member is given', async () => {
    const { header } = await client.put('before', '1');
    for await (const batch of client.watch({ key: 'nothing', progressNotify: true }).batches()) {
      if (batch.kind !== 'progress') continue;
      expect(batch.header.revision).toBeGreaterThanOrEqual(header.revision);
      break;
    }
  });
});

describe('what a member tells of itself', () => {
  test('status tells of quota and downgrade, and of versions as /version does', async () => {
    const status = await client.maintenance.status({});
    expect(status).toMatchObject({ dbSizeQuota: 2_147_483_648n, storageVersion: '3.6.0' });
    expect(status.downgradeInfo?.enabled ?? false).toBe(false);
    const versions = { etcdserver: status.version, etcdcluster: '3.6.0', storage: '3.6.0' };
    expect(await (await fetch(`${member.endpoint}/version`)).json()).toEqual(versions);
  });

  test('the gates of features are told', async () => {
    const metrics = await (await fetch(`${member.endpoint}/metrics`)).text();
    for (const [name, stage, value] of [
      ['FastLeaseKeepAlive', 'BETA', 1],
      ['PriorityRequest', 'ALPHA', 1],
      ['StopGRPCServiceOnDefrag', 'ALPHA', 1],
      ['LeaseCheckpoint', 'ALPHA', 0],
    ])
      expect(metrics).toContain(`etcd_server_feature_enabled{name="${name}",stage="${stage}"} ${value}\n`);
  });

  test('a list of members that need not be of now is the same', async () => {
    const { members } = await client.cluster.memberList({ linearizable: true });
    expect(members).toHaveLength(1);
    expect((await client.cluster.memberList({ linearizable: false })).members).toEqual(members);
  });

  test('a snapshot says of which version its server is', async () => {
    const answer = await fetch(`${member.endpoint}/v3/maintenance/snapshot`, { method: 'POST', body: '{}' });
    const [first = ''] = (await answer.text()).split('\n');
    expect(JSON.parse(first)).toMatchObject({ result: { version: '3.6.0' } });
  });

  test('a defragmentation has nothing to do, and nobody is turned away meanwhile', async () => {
    const isServing = async (): Promise<number> => (await fetch(`${member.endpoint}/health`)).status;
    const defragmented = client.maintenance.defragment({});
    expect(await isServing()).toBe(200);
    await defragmented;
    expect(await isServing()).toBe(200);
  });

  test('flags that are taken and change nothing: what they are for goes on', async () => {
    for (let i = 0; i < 50; i++) await client.put('compacted', String(i));
    const { header } = await client.put('compacted', 'last');
    await client.kv.compact(
      rpcpb.CompactionRequest.fromPartial({ revision: header.revision, physical: true }),
    );
    await expect(client.get('compacted', { revision: header.revision - 1n })).rejects.toThrow('compacted');
    expect(toUtf8((await client.get('compacted'))!.value)).toBe('last');
  });
});

describe('flags', () => {
  test('without the gateway there is no HTTP/JSON', async () => {
    await using plain = await startServer({ enableGrpcGateway: false });
    const answer = await fetch(`${plain.endpoint}/v3/kv/range`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(404);
  });

  test('streams beyond the limit wait: a connection is told how many it may have', async () => {
    await using narrow = await startServer({ maxConcurrentStreams: 1 });
    const connection = connect(narrow.endpoint);
    const settings = await new Promise<{ maxConcurrentStreams?: number }>((told) => {
      connection.once('remoteSettings', told);
    });
    connection.destroy();
    expect(settings.maxConcurrentStreams).toBe(1);
  });
});

test('transactions that read the past leave all members alike', { timeout: 60_000 }, async () => {
  const ports = await freePorts(3);
  const urls = ports.map(({ peer }) => `http://127.0.0.1:${peer}`);
  const initialCluster = urls.map((url, i) => `n${i}=${url}`).join(',');
  const servers = await Promise.all(
    urls.map((url, i) => startServer({ name: `n${i}`, listenPeerUrls: [url], initialCluster })),
  );
  await using stack = new AsyncDisposableStack();
  for (const server of servers) stack.use(server);
  const clients = servers.map(({ endpoint }) => stack.use(new Client({ endpoints: [endpoint] })));
  const { header } = await until('a leader', () => clients[0]!.put('past', '0'));
  const read = { key: base64('past'), revision: String(header.revision) };
  for (let i = 0; i < 12; i++) {
    const put = { key: base64('past'), value: base64(String(i)) };
    const txn = { success: [{ request_range: read }, { request_put: put }, { request_range: read }] };
    const past = { response_range: { kvs: [{ value: base64('0') }] } };
    const answer = await call('/v3/kv/txn', txn, servers[i % 3]);
    expect(answer).toMatchObject({ succeeded: true, responses: [past, { response_put: {} }, past] });
  }
  const revision = header.revision + 12n;
  // A linearizable read waits until the member has applied all.
  for (const each of clients) expect(toUtf8((await each.get('past'))!.value)).toBe('11');
  const hashes = await Promise.all(clients.map((each) => each.maintenance.hashKv({ revision })));
  expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
});

describe('the calls of a kube-apiserver', () => {
  const key = (name: string): string => base64(`/registry/pods/${name}`);
  const range = { key: key(''), range_end: base64('/registry/pods0') };
  /** Writes only over what was read; otherwise tells what is there now. */
  const guarded = (name: string, modRevision: string, value: string): Promise<unknown> =>
    call('/v3/kv/txn', {
      compare: [{ target: 'MOD', key: key(name), mod_revision: modRevision }],
      success: [{ request_put: { key: key(name), value: base64(value) } }],
      failure: [{ request_range: { key: key(name) } }],
    });
  const revisionOf = (answer: unknown): string =>
    // Every answer has a header.
    (answer as { header: { revision: string } }).header.revision;

  test('an object is created once, and written over only by who has read it', async () => {
    const created = await guarded('one', '0', 'a');
    expect(created).toMatchObject({ succeeded: true });
    const conflict = { response_range: { kvs: [{ value: base64('a'), mod_revision: revisionOf(created) }] } };
    const again = await guarded('one', '0', 'b');
    expect(again).toMatchObject({ responses: [conflict] });
    expect(again).not.toHaveProperty('succeeded');
    expect(await guarded('one', revisionOf(created), 'b')).toMatchObject({ succeeded: true });
  });

  test('lists come in pages of one revision, with the number of all', async () => {
    for (let i = 0; i < 5; i++) await guarded(`page-${i}`, '0', 'x');
    const first = await call('/v3/kv/range', { ...range, limit: '2' });
    expect(first).toMatchObject({
      kvs: [{ key: key('one') }, { key: key('page-0') }],
      more: true,
      count: '6',
    });
    await guarded('page-5', '0', 'later');
    const rest = { ...range, key: base64('/registry/pods/page-0\0'), revision: revisionOf(first) };
    const names = [1, 2, 3, 4].map((i) => ({ key: key(`page-${i}`) }));
    expect(await call('/v3/kv/range', rest)).toMatchObject({ kvs: names, count: '4' });
    expect(await call('/v3/kv/range', { ...range, count_only: true })).toMatchObject({ count: '7' });
  });

  test('a watch goes on from a list, with what was there before, and answers how far it is', async () => {
    const listed = await call('/v3/kv/range', range);
    await guarded('watched', '0', '1');
    await client.delete('/registry/pods/watched');
    const startRevision = BigInt(revisionOf(listed)) + 1n;
    const watch = client.watch({ prefix: '/registry/', startRevision, prevKv: true, progressNotify: true });
    const types: string[] = [];
    for await (const { kind, events } of watch.batches()) {
      types.push(...events.map(({ type, prevKv }) => `${type} ${prevKv === undefined ? '' : 'over it'}`));
      if (kind === 'progress') break;
    }
    expect(types).toEqual(['put ', 'delete over it']);
  });

  test('one of several takes the turn to compact, by a key of its own', async () => {
    const compareAndSet = (version: string, revision: string): Promise<unknown> =>
      call('/v3/kv/txn', {
        compare: [{ target: 'VERSION', key: base64('compact_rev_key'), version }],
        success: [{ request_put: { key: base64('compact_rev_key'), value: base64(revision) } }],
        failure: [{ request_range: { key: base64('compact_rev_key') } }],
      });
    const first = await compareAndSet('0', '1');
    expect(first).toMatchObject({ succeeded: true });
    expect(await compareAndSet('0', '1')).not.toHaveProperty('succeeded');
    expect(await call('/v3/kv/compaction', { revision: revisionOf(first) })).toHaveProperty('header');
  });
});
