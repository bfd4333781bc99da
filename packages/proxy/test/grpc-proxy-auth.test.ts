import { Client, EtcdError } from '@quorate/client';
import { startQuorate, type StartedServer } from '@quorate/client/testing';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { CertificateAuthority } from '@quorate/tls/testing';
import { rpcpb } from '@quorate/wire';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GrpcProxy, GrpcProxyError } from '../src/index.ts';
import { RawWatch } from './raw-watch.ts';

const insecure = { insecureSkipVerify: true } as const;
let member: StartedServer;
let root: Client;
let authority: CertificateAuthority;
let folder: string;

beforeAll(async () => {
  member = await startQuorate({ tls: true });
  authority = await CertificateAuthority.create();
  folder = await mkdtemp(join(tmpdir(), 'quorate-proxy-'));
  await writeFile(join(folder, 'ca.pem'), authority.pem);
  await using first = new Client({ endpoints: [member.endpoint], tls: insecure });
  for (const name of ['root', 'alice', 'bob']) {
    await first.auth.users.add({ name, password: `${name}’s password` });
    await first.auth.roles.add(name);
    await first.auth.users.grantRole({ user: name, role: name });
  }
  for (const name of ['alice', 'bob']) {
    await first.auth.roles.grantPermission(name, { type: 'readwrite', prefix: `${name}/` });
    await first.auth.roles.grantPermission(name, { type: 'readwrite', prefix: 'shared/' });
  }
  await first.auth.enable();
  root = newClient(member.endpoint, 'root');
});

afterAll(async () => {
  await root.close();
  await member[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A certificate in files, as flags name them. */
async function issued(name: string, commonName?: string) {
  const { cert, key } = await authority.issue(commonName === undefined ? {} : { commonName });
  const [certPath, keyPath] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)];
  await writeFile(certPath, cert);
  await writeFile(keyPath, key);
  return {
    pem: { cert: fromUtf8(cert), key: fromUtf8(key) },
    files: { cert: { path: certPath, flag: '--cert' }, key: { path: keyPath, flag: '--key' } },
  };
}

function newClient(endpoint: string, name: string, tls = insecure): Client {
  return new Client({ endpoints: [endpoint], tls, auth: { name, password: `${name}’s password` } });
}

async function started() {
  const proxy = await GrpcProxy.start({
    endpoints: [member.endpoint],
    listenAddress: '127.0.0.1:0',
    dialTls: insecure,
  });
  const endpoint = `http://127.0.0.1:${proxy.ports.client}`;
  const clients = { alice: newClient(endpoint, 'alice'), bob: newClient(endpoint, 'bob') };
  return {
    ...clients,
    proxy,
    endpoint,
    metric: async (name: string) => {
      const text = await (await fetch(`${endpoint}/proxy/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of Object.values(clients)) await client.close();
      await proxy.close({ graceMs: 0 });
    },
  };
}

async function tokenOf(client: Client, name: string): Promise<ReadonlyMap<string, string>> {
  const request = rpcpb.AuthenticateRequest.encode({ name, password: `${name}’s password` }).finish();
  const response = await client.unary('/etcdserverpb.Auth/Authenticate', request);
  return new Map([['token', rpcpb.AuthenticateResponse.decode(response).token]]);
}

test('each may do what he may at the member, and nothing kept for one is given to another', async () => {
  await using through = await started();
  const { alice, bob } = through;
  await alice.put('alice/a', 'hers');
  for (let i = 0; i < 2; i++) {
    expect(toUtf8((await alice.get('alice/a', { serializable: true }))?.value ?? fromUtf8(''))).toBe('hers');
    await expect(bob.get('alice/a', { serializable: true })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: 'etcdserver: permission denied',
    });
  }
  expect(await through.metric('etcd_grpc_proxy_cache_hits_total')).toBe(1);
  await using nobody = new Client({ endpoints: [through.endpoint] });
  await expect(nobody.get('alice/a')).rejects.toMatchObject({ message: 'etcdserver: user name is empty' });
  const health = await fetch(`${through.endpoint}/health`);
  expect([health.status, await health.text()]).toEqual([200, '{"health":"true","reason":""}']);
});

test('what users may is looked at anew when it was changed through the proxy', async () => {
  await using through = await started();
  await using admin = newClient(through.endpoint, 'root');
  await through.bob.put('bob/a', 'his');
  const read = () => through.bob.get('bob/a', { serializable: true });
  await read();
  await read();
  await admin.auth.users.revokeRole({ user: 'bob', role: 'bob' });
  await expect(read()).rejects.toBeInstanceOf(EtcdError);
  await admin.auth.users.grantRole({ user: 'bob', role: 'bob' });
});

test('watchers share with those of the same token only, and the member decides about each', async () => {
  await using through = await started();
  await using nobody = new Client({ endpoints: [through.endpoint] });
  const tokens = { alice: await tokenOf(through.alice, 'alice'), bob: await tokenOf(through.bob, 'bob') };
  const watches = [tokens.alice, tokens.alice, tokens.bob].map((token) => new RawWatch(nobody, token));
  for (const watch of watches) {
    watch.create({ key: 'shared/', rangeEnd: 'shared0' });
    expect(await watch.next()).toMatchObject({ created: true, canceled: false });
  }
  expect(await through.metric('quorate_grpc_proxy_watchers')).toBe(3);
  expect(await through.metric('quorate_grpc_proxy_upstream_watchers')).toBe(2);
  expect(await through.metric('quorate_grpc_proxy_upstream_watch_streams')).toBe(2);
  const [, , ofBob] = watches;
  ofBob?.create({ key: 'alice/a' });
  expect(await ofBob?.next()).toMatchObject({
    ...{ created: true, canceled: true, watchId: -1n },
    cancelReason: 'rpc error: code = PermissionDenied desc = etcdserver: permission denied',
  });
  await root.put('shared/a', '1');
  for (const watch of watches) {
    expect((await watch.next()).events).toHaveLength(1);
    watch.close();
  }
});

test('a stranger’s token is refused in the words of the member', async () => {
  await using through = await started();
  await using nobody = new Client({ endpoints: [through.endpoint], authToken: 'made-up' });
  await expect(nobody.get('alice/a')).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: 'etcdserver: invalid auth token',
  });
});

test('a certificate that names a user is not shown to members', async () => {
  const named = (await issued('named', 'root')).files;
  const options = { endpoints: [member.endpoint], listenAddress: '127.0.0.1:0' };
  const refused = GrpcProxy.start({ ...options, dialTls: { ...insecure, ...named } });
  await expect(refused).rejects.toBeInstanceOf(GrpcProxyError);
  await expect(refused).rejects.toMatchObject({ code: 'PROXY_CLIENT_CERTIFICATE' });
  await expect(refused).rejects.toThrow('cert has non empty Common Name (root)');
});

test('the proxy’s listener has TLS of its own, and a client’s certificate makes nobody of him', async () => {
  const [unnamed, server, alsoRoot] = [
    await issued('unnamed'),
    await issued('server'),
    await issued('root', 'root'),
  ];
  const trustedCa = { path: join(folder, 'ca.pem'), flag: '--trusted-ca-file' };
  await using proxy = await GrpcProxy.start({
    endpoints: [member.endpoint],
    listenAddress: '127.0.0.1:0',
    metricsUrl: 'http://127.0.0.1:0',
    dialTls: { ...insecure, ...unnamed.files },
    listenTls: { pair: server.files, trustedCa },
  });
  const endpoint = `https://127.0.0.1:${proxy.ports.client}`;
  const tls = { ca: fromUtf8(authority.pem), ...alsoRoot.pem };
  await using client = new Client({ endpoints: [endpoint], tls });
  await expect(client.get('alice/a')).rejects.toMatchObject({ message: 'etcdserver: user name is empty' });
  await using stranger = new Client({ endpoints: [endpoint], tls: insecure, dialTimeoutMs: 1_000 });
  await expect(stranger.get('alice/a', { timeoutMs: 1_500 })).rejects.toBeInstanceOf(EtcdError);
  expect((await fetch(`http://127.0.0.1:${proxy.ports.metrics}/health`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${proxy.ports.metrics}/metrics`)).status).toBe(200);
});
