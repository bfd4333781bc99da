import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../src/cluster/until.ts';
import { ContainerCluster } from '../src/containers/container-cluster.ts';
import { etcdctl } from '../src/etcdctl.ts';
import { etcdBin } from '../src/member-process.ts';

let cluster: ContainerCluster;
beforeAll(async () => {
  cluster = await ContainerCluster.start({ gateways: 2 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** Posts JSON with curl; resolves to what it printed. */
async function curl(url: string, body: unknown, ...options: readonly string[]): Promise<string> {
  const child = spawn('curl', [
    '--silent',
    '--fail-with-body',
    ...options,
    '--data',
    JSON.stringify(body),
    url,
  ]);
  return text(child.stdout);
}

const base64 = (words: string) => Buffer.from(words).toString('base64');

test.skipIf(etcdBin === undefined)(
  'etcdctl (needs QUORATE_ETCD_BIN) writes at one member, reads at another, and finds all of them healthy',
  async () => {
    const endpoints = cluster.members.map(({ endpoint }) => endpoint);
    const run = async (to: string, ...args: string[]) => (await etcdctl(to, { args })).stdout;
    const [first = '', second = '', third = ''] = endpoints;
    expect(await run(first, 'put', 'fruit/apple', 'red')).toBe('OK\n');
    expect(await run(second, 'get', '--prefix', 'fruit/')).toBe('fruit/apple\nred\n');
    const watched = await etcdctl(third, {
      args: ['watch', '--prefix', 'fruit/', '--rev', '1'],
      untilLines: 3,
    });
    expect(watched.stdout).toBe('PUT\nfruit/apple\nred');
    const members = await run(first, 'member', 'list');
    expect(members.match(/started, m\d, http:\/\/m\d-peer:2380, http:\/\/m\d:2379, false/g)).toHaveLength(3);
    const health = await run(endpoints.join(','), 'endpoint', 'health', '-w', 'json');
    expect(JSON.parse(health)).toMatchObject([{ health: true }, { health: true }, { health: true }]);
    const hashes = await run(endpoints.join(','), 'endpoint', 'hashkv', '-w', 'json');
    // Printed so by etcdctl; were it not, the hashes below would be missing.
    const told = JSON.parse(hashes) as readonly { readonly HashKV: { readonly hash: number } }[];
    expect(new Set(told.map(({ HashKV }) => HashKV.hash)).size).toBe(1);
  },
);

test('the npm package etcd3 holds locks and leases, watches, and goes on when the leader is killed', async () => {
  const client = new Etcd3({ hosts: cluster.members.map(({ endpoint }) => endpoint) });
  try {
    const lease = client.lease(60);
    await lease.put('service/one').value('here');
    const seen: string[] = [];
    const watcher = await client.watch().prefix('service/').create();
    watcher.on('put', ({ key }) => seen.push(key.toString()));
    const value = await client.lock('door').do(async () => client.get('service/one').string());
    expect(value).toBe('here');
    const leader = await cluster.leader();
    await leader.kill();
    await until('a put without it', async () => {
      await client.put('service/two').value('there');
      return true;
    });
    await leader.start();
    await cluster.untilServing(leader);
    expect(await client.getAll().prefix('service/').strings()).toEqual({
      'service/one': 'here',
      'service/two': 'there',
    });
    await until('the watch to hear of it', async () => seen.includes('service/two') || undefined);
    await lease.revoke();
    expect(await client.get('service/one').string()).toBeNull();
  } finally {
    client.close();
  }
});

test.skipIf(!hasCurl)('curl writes at one gateway, and reads and watches at the other', async () => {
  const [first, second] = cluster.gateways;
  const put = await curl(`${first!.url}/v3/kv/put`, { key: base64('pear'), value: base64('green') });
  // etcd's JSON.
  const { header } = JSON.parse(put) as { readonly header: { readonly revision: string } };
  const range = await curl(`${second!.url}/v3/kv/range`, { key: base64('pear') });
  expect(JSON.parse(range)).toMatchObject({ count: '1', kvs: [{ value: base64('green') }] });
  const watch = { create_request: { key: base64('pear'), start_revision: header.revision } };
  // The stream has no end; curl leaves it after a while, which is no failure.
  const heard = await curl(`${second!.url}/v3/watch`, watch, '--no-buffer', '--max-time', '2');
  const [created, event] = heard.trim().split('\n');
  expect(JSON.parse(created!)).toMatchObject({ result: { created: true } });
  expect(JSON.parse(event!)).toMatchObject({ result: { events: [{ kv: { value: base64('green') } }] } });
});
