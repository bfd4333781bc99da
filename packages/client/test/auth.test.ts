import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client, type Credentials, type KeySelector, type RolePermission } from '../src/index.ts';
import type { StartedServer } from '../src/testing/index.ts';
import { describeOnEach, type Start } from './both-servers.ts';

const root = { name: 'root', password: 'secret' };
const denied = { code: 'PERMISSION_DENIED', message: 'etcdserver: permission denied' };

let server: StartedServer;
const clients: Client[] = [];
const clientOf = (auth?: Credentials) => {
  const client = new Client({ endpoints: [server.endpoint], ...(auth === undefined ? {} : { auth }) });
  clients.push(client);
  return client;
};

async function start(startServer: Start, extraArguments: readonly string[] = []): Promise<void> {
  server = await startServer({ extraArguments });
}

async function stop(): Promise<void> {
  for (const client of clients.splice(0)) await client.close();
  await server[Symbol.asyncDispose]();
}

async function enable(client: Client): Promise<void> {
  await client.auth.users.add(root);
  await client.auth.roles.add('root');
  await client.auth.users.grantRole({ user: 'root', role: 'root' });
  await client.auth.enable();
}

describeOnEach('users and roles', (startServer) => {
  beforeAll(() => start(startServer));
  afterAll(stop);

  test('a user is added, listed, and removed', async () => {
    const { users } = clientOf().auth;
    await users.add({ name: 'carol', password: 'pw' });
    await users.add({ name: 'by-certificate', noPassword: true });
    expect((await users.list()).users).toEqual(['by-certificate', 'carol']);
    expect((await users.get('carol')).roles).toEqual([]);
    await expect(users.add({ name: 'carol', password: 'pw' })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: 'etcdserver: user name already exists',
    });
    await users.remove('carol');
    await expect(users.get('carol')).rejects.toMatchObject({ message: 'etcdserver: user name not found' });
  });

  test('a role is added, granted, revoked and removed', async () => {
    const { users, roles } = clientOf().auth;
    await users.add({ name: 'dave', password: 'pw' });
    await roles.add('reader');
    await roles.add('writer');
    await users.grantRole({ user: 'dave', role: 'writer' });
    await users.grantRole({ user: 'dave', role: 'reader' });
    expect((await users.get('dave')).roles).toEqual(['reader', 'writer']);
    await users.revokeRole({ user: 'dave', role: 'reader' });
    await expect(users.revokeRole({ user: 'dave', role: 'reader' })).rejects.toMatchObject({
      message: 'etcdserver: role is not granted to the user',
    });
    await roles.remove('writer');
    expect((await roles.list()).roles).toEqual(['reader']);
    expect((await users.get('dave')).roles).toEqual([]);
  });

  test('permissions are for a key, a prefix, a range, or all keys from one on', async () => {
    const { roles } = clientOf().auth;
    await roles.add('mixed');
    const granted: readonly (KeySelector & Pick<RolePermission, 'type'>)[] = [
      { key: 'a', type: 'read' },
      { prefix: 'p/', type: 'write' },
      { range: { from: 'r', endExclusive: 's' }, type: 'readwrite' },
      { range: { from: 'z' }, type: 'read' },
      { prefix: '', type: 'write' },
    ];
    for (const permission of granted) await roles.grantPermission('mixed', permission);
    const shown = (await roles.get('mixed')).permissions.map(({ type, key, rangeEnd }) =>
      [type, ...[key, rangeEnd].map((bytes) => Buffer.from(bytes).toString())].join(' '),
    );
    expect(shown).toEqual(['write \0 \0', 'read a ', 'write p/ p0', 'readwrite r s', 'read z \0']);
    await roles.grantPermission('mixed', { key: 'a', type: 'readwrite' });
    await roles.revokePermission('mixed', { prefix: 'p/' });
    await expect(roles.revokePermission('mixed', { key: 'p/' })).rejects.toMatchObject({
      message: 'etcdserver: permission is not granted to the role',
    });
    const types = (await roles.get('mixed')).permissions.map(({ type }) => type);
    expect(types).toEqual(['write', 'readwrite', 'readwrite', 'read']);
  });
});

describeOnEach('with authentication', (startServer) => {
  beforeAll(() => start(startServer));
  afterAll(stop);

  test('credentials do no harm while authentication is off', async () => {
    const client = clientOf(root);
    await client.authenticate();
    await client.put('k', '1');
    expect((await client.auth.status()).enabled).toBe(false);
  });

  test('a client with a name may do what one without may not', async () => {
    const client = clientOf(root);
    await client.put('k', '2');
    await enable(client);
    // The client had no token, since there were none, and gets one now.
    await client.put('k', '3');
    expect(await client.auth.status()).toMatchObject({ enabled: true, authRevision: 4n });
    const nobody = { message: 'etcdserver: user name is empty' };
    await expect(clientOf().put('k', '4')).rejects.toMatchObject(nobody);
    await expect(clientOf().watch({ key: 'k' }).batches().next()).rejects.toMatchObject(nobody);
    const events = clientOf(root).watch({ key: 'k', startRevision: 2n })[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: 'put' });
    await events.return(undefined);
  });

  test('wrong credentials are refused', async () => {
    await expect(clientOf({ ...root, password: 'guess' }).authenticate()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'etcdserver: authentication failed, invalid user ID or password',
    });
  });

  test('a user may do what his roles allow, from when they are granted until they are revoked', async () => {
    const { users, roles } = clientOf(root).auth;
    await users.add({ name: 'alice', password: 'pw' });
    const alice = clientOf({ name: 'alice', password: 'pw' });
    await expect(alice.put('fruit/apple', 'red')).rejects.toMatchObject(denied);
    await roles.add('fruit');
    await roles.grantPermission('fruit', { prefix: 'fruit/', type: 'readwrite' });
    await users.grantRole({ user: 'alice', role: 'fruit' });
    // Her token is older than that; the client asks for another.
    await alice.put('fruit/apple', 'red');
    expect(await alice.count({ prefix: 'fruit/' })).toBe(1n);
    await expect(alice.get('fruit0')).rejects.toMatchObject(denied);
    await expect(alice.watch({ key: 'veg' }).batches().next()).rejects.toMatchObject(denied);
    await expect(alice.auth.users.list()).rejects.toMatchObject(denied);
    expect((await alice.auth.users.get('alice')).roles).toEqual(['fruit']);
    await users.revokeRole({ user: 'alice', role: 'fruit' });
    await expect(alice.get('fruit/apple')).rejects.toMatchObject(denied);
  });

  test('a changed password ends what the old one was good for', async () => {
    const { users } = clientOf(root).auth;
    await users.add({ name: 'bob', password: 'old' });
    const [before, after] = ['old', 'new'].map((password) => clientOf({ name: 'bob', password }));
    await before?.authenticate();
    await users.changePassword({ name: 'bob', password: 'new' });
    const refused = 'etcdserver: authentication failed, invalid user ID or password';
    await expect(before?.get('k')).rejects.toThrow(refused);
    await expect(after?.get('k')).rejects.toMatchObject(denied);
  });

  test('a token that the server has forgotten is replaced, for calls, watches, leases and snapshots', async () => {
    const client = clientOf(root);
    const other = clientOf(root);
    await client.put('k', '5');
    const { ID } = await client.lease.grant({ ttlSeconds: 600 });
    // Switching authentication off and on makes a server forget all tokens.
    const forgetTokens = async () => {
      await other.auth.disable();
      await other.auth.enable();
    };
    await forgetTokens();
    await client.put('k', '6');
    await forgetTokens();
    const batches = client.watch({ key: 'k' }).batches();
    expect((await batches.next()).value).toMatchObject({ kind: 'created' });
    await forgetTokens();
    expect((await client.lease.keepAlive(ID).next()).value.TTL).toBe(600n);
    await forgetTokens();
    expect((await client.maintenance.snapshot().next()).value).toMatchObject({ kind: 'database' });
    await client.close();
  });
});

describeOnEach('with JSON web tokens', (startServer, kind) => {
  const secret = 'a key that only the members and whoever makes tokens know';
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-jwt-'));
    const key = join(folder, 'key');
    await writeFile(key, secret);
    await start(startServer, ['--auth-token', `jwt,sign-method=HS256,priv-key=${key},ttl=10m`]);
  });

  afterAll(async () => {
    await stop();
    await rm(folder, { recursive: true });
  });

  function tokenOf(username: string, revision: bigint): string {
    const claims = { username, revision: Number(revision), exp: 4_000_000_000 };
    const signed = [{ alg: 'HS256', typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  }

  test('a client with a name gets them from the cluster, and one with a token has it from elsewhere', async () => {
    const admin = clientOf(root);
    await enable(admin);
    await admin.put('k', '1');
    const { authRevision } = await admin.auth.status();
    const client = new Client({ endpoints: [server.endpoint], authToken: tokenOf('root', authRevision) });
    clients.push(client);
    await client.put('k', '2');
    expect((await client.auth.users.list()).users).toEqual(['root']);
    await admin.auth.roles.add('more');
    const putting = client.put('k', '3');
    // etcd takes no token from before a change of rights, and nobody here can make another. With Quorate a token says
    // who one is, and what one may do is looked up.
    if (kind === 'quorate') await putting;
    else
      await expect(putting).rejects.toMatchObject({ message: 'etcdserver: revision of auth store is old' });
    await admin.put('k', '4');
  });

  test('one that is not signed is refused', async () => {
    const authToken = tokenOf('root', 100n).replace(/[^.]+$/, '');
    const client = new Client({ endpoints: [server.endpoint], authToken });
    clients.push(client);
    await expect(client.get('k')).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: 'etcdserver: invalid auth token',
    });
  });
});
