import { rpcpb } from '@quorate/wire';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Client } from '../src/index.ts';
import { etcdBinFolder, startRealEtcd, type StartedServer } from '../src/testing/index.ts';

// A server is started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const root = { name: 'root', password: 'secret' };

describe.skipIf(etcdBinFolder === undefined)('with authentication (set QUORATE_ETCD_BIN to run)', () => {
  let server: StartedServer;
  const clients: Client[] = [];
  const clientOf = (auth?: { name: string; password: string }) => {
    const client = new Client({ endpoints: [server.endpoint], ...(auth === undefined ? {} : { auth }) });
    clients.push(client);
    return client;
  };

  /** Calls a method of the Auth service. */
  async function auth(client: Client, method: string, request = new Uint8Array()): Promise<void> {
    await client.unary(`/etcdserverpb.Auth/${method}`, request);
  }

  beforeAll(async () => {
    server = await startRealEtcd(etcdBinFolder ?? '');
    const client = clientOf();
    const { AuthRoleAddRequest, AuthUserAddRequest, AuthUserGrantRoleRequest } = rpcpb;
    await auth(client, 'RoleAdd', AuthRoleAddRequest.encode({ name: 'root' }).finish());
    await auth(client, 'UserAdd', AuthUserAddRequest.encode(AuthUserAddRequest.create(root)).finish());
    await auth(
      client,
      'UserGrantRole',
      AuthUserGrantRoleRequest.encode({ user: 'root', role: 'root' }).finish(),
    );
  });

  afterAll(async () => {
    for (const client of clients) await client.close();
    await server[Symbol.asyncDispose]();
  });

  test('credentials do no harm while authentication is off', async () => {
    const client = clientOf(root);
    await client.authenticate();
    await client.put('k', '1');
  });

  test('a client with a name may do what one without may not', async () => {
    const client = clientOf(root);
    await client.put('k', '2');
    await auth(client, 'AuthEnable');
    // The client had no token, since there were none, and gets one now.
    await client.put('k', '3');
    await expect(clientOf().put('k', '4')).rejects.toMatchObject({
      message: 'etcdserver: user name is empty',
    });
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

  test('a token that the server has forgotten is replaced, for calls, watches and leases', async () => {
    const client = clientOf(root);
    const other = clientOf(root);
    await client.put('k', '5');
    const { ID } = await client.lease.grant({ ttlSeconds: 600 });
    // Switching authentication off and on makes a server forget all tokens.
    const forgetTokens = async () => {
      await auth(other, 'AuthDisable');
      await auth(other, 'AuthEnable');
    };
    await forgetTokens();
    await client.put('k', '6');
    await forgetTokens();
    const batches = client.watch({ key: 'k' }).batches();
    expect((await batches.next()).value).toMatchObject({ kind: 'created' });
    await forgetTokens();
    expect((await client.lease.keepAlive(ID).next()).value.TTL).toBe(600n);
    await client.close();
  });
});
