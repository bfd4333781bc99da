import { Client } from '@quorate/client';
import { etcdBinFolder, startRealEtcd } from '@quorate/client/testing';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveBootstrap } from '../src/bootstrap.ts';
import { loadConfig } from '../src/config/load.ts';
import { clientOptionsOf } from '../src/discovery-registry.ts';
import { newTestLog } from './test-log.ts';

const configOf = (flags: Record<string, string>) =>
  loadConfig({ flags: new Map(Object.entries(flags)), env: {} }).config;
const discovery = { 'discovery-token': 'word', 'discovery-endpoints': 'h1:1,h2:2' };

describe('flags of the client', () => {
  test('are its options', async () => {
    expect(await clientOptionsOf(configOf(discovery))).toEqual({
      endpoints: ['h1:1', 'h2:2'],
      dialTimeoutMs: 2_000,
      requestTimeoutMs: 5_000,
      keepaliveTimeMs: 2_000,
      keepaliveTimeoutMs: 6_000,
    });
  });

  test.each([
    [{ 'discovery-user': 'me:secret' }, { name: 'me', password: 'secret' }],
    [
      { 'discovery-user': 'me', 'discovery-password': 'a:b' },
      { name: 'me', password: 'a:b' },
    ],
    [
      { 'discovery-user': 'a:b', 'discovery-password': 'c' },
      { name: 'a:b', password: 'c' },
    ],
  ])('%j say who it is', async (flags, auth) => {
    expect(await clientOptionsOf(configOf({ ...discovery, ...flags }))).toMatchObject({ auth });
  });

  test('ask for TLS by a certificate, or by saying so', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'quorate-pem-'));
    const ca = join(dir, 'ca.pem');
    await writeFile(ca, 'PEM');
    const { tls } = await clientOptionsOf(configOf({ ...discovery, 'discovery-cacert': ca }));
    expect(tls).toEqual({ ca: Buffer.from('PEM'), insecureSkipVerify: false });
    await rm(dir, { recursive: true });
    const plain = await clientOptionsOf(
      configOf({
        ...discovery,
        'discovery-insecure-transport': 'false',
        'discovery-insecure-skip-tls-verify': 'true',
      }),
    );
    expect(plain.tls).toEqual({ insecureSkipVerify: true });
  });

  test.each([
    [{ 'discovery-cert': 'x' }, '--discovery-cert and --discovery-key belong together'],
    [{ 'discovery-cacert': '/nowhere' }, '--discovery-cacert: cannot read /nowhere (ENOENT'],
    [{ 'discovery-password': 'x' }, '--discovery-password needs --discovery-user'],
  ])('%j are refused: %s', async (flags, sentence) => {
    await expect(clientOptionsOf(configOf({ ...discovery, ...flags }))).rejects.toThrow(sentence);
  });
});

describe.skipIf(etcdBinFolder === undefined)('a real etcd as the registry', () => {
  test('brings three members together and refuses the fourth', async () => {
    await using etcd = await startRealEtcd(etcdBinFolder ?? '');
    await using client = new Client({ endpoints: [etcd.endpoint] });
    await client.put('/_etcd/registry/word/_config/size', '3');
    const join = async (n: number) => {
      const { log } = newTestLog();
      const config = configOf({
        'discovery-token': 'word',
        'discovery-endpoints': etcd.endpoint,
        name: `m${n}`,
        'initial-advertise-peer-urls': `http://10.0.0.${n}:2380`,
      });
      return (await resolveBootstrap(config, { hasLog: false, log })).bootstrap;
    };
    // The third comes while the others wait.
    const waiting = [join(1), join(2)];
    for await (const event of client.watch({ prefix: '/_etcd/registry/word/members/', startRevision: 1n })) {
      if (event.kv.modRevision >= 4n) break;
    }
    const all = await Promise.all([...waiting, join(3)]);
    const initialCluster = [1, 2, 3].map((n) => `m${n}=http://10.0.0.${n}:2380`).join(',');
    for (const bootstrap of all) {
      expect(bootstrap).toEqual({ kind: 'new', initialCluster, clusterToken: 'word' });
    }
    await expect(join(4)).rejects.toThrow('failed to join discovery cluster (discovery: cluster is full (');
  });
});
