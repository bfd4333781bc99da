import { status as codes, type Metadata } from '@grpc/grpc-js';
import { rpcpb } from '@quorate/wire';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { Client, WatchCanceledError, type ClientOptions } from '../src/index.ts';
import { FakeServer, HastyClock, status, type FakeStream } from './fake-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

const credentials = { name: 'alice', password: 'open sesame' };
const invalidToken = status(codes.UNAUTHENTICATED, 'etcdserver: invalid auth token');
const oldRevision = status(codes.INVALID_ARGUMENT, 'etcdserver: revision of auth store is old');
const nobodyIsThere = status(codes.INVALID_ARGUMENT, 'etcdserver: user name is empty');
const refused = status(
  codes.INVALID_ARGUMENT,
  'etcdserver: authentication failed, invalid user ID or password',
);

/** A cluster with authentication: it hands out the tokens `token-1`, `token-2`, … and takes those it has not forgotten. */
class Guard {
  readonly #known = new Set<string>();
  /** What the next questions for a token are answered with, before it is asked for by name and password again. */
  readonly loginFailures: Error[] = [];
  /** What a request without a good token is told. */
  refusal: Error = invalidToken;
  /** While this is set, questions for a token wait for it. */
  gate: Promise<void> | undefined;
  logins = 0;

  forget(): void {
    this.#known.clear();
  }

  async login(request: rpcpb.AuthenticateRequest): Promise<rpcpb.AuthenticateResponse> {
    this.logins++;
    await this.gate;
    const failure = this.loginFailures.shift();
    if (failure !== undefined) throw failure;
    if (request.name !== credentials.name || request.password !== credentials.password) throw refused;
    const token = `token-${this.logins}`;
    this.#known.add(token);
    return { header: undefined, token };
  }

  /** The refusal of a request, if it is refused. */
  refuses(metadata: Metadata): Error | undefined {
    return this.#known.has(String(metadata.get('token')[0])) ? undefined : this.refusal;
  }

  check(metadata: Metadata): void {
    const refusal = this.refuses(metadata);
    if (refusal !== undefined) throw refusal;
  }
}

interface Guarded {
  readonly guard: Guard;
  readonly server: FakeServer;
  /** Keys that were put, and then what the put was answered with. */
  readonly done: string[];
  readonly putFailures: Error[];
}

async function guardedServer(
  extend: (server: FakeServer, guard: Guard) => void = () => {},
): Promise<Guarded> {
  const guard = new Guard();
  const done: string[] = [];
  const putFailures: Error[] = [];
  const server = new FakeServer()
    .unary(rpcpb.AuthDefinition, rpcpb.AuthDefinition.methods.authenticate, ({ request }) =>
      guard.login(request),
    )
    .unary(rpcpb.KVDefinition, rpcpb.KVDefinition.methods.put, ({ request, metadata }) => {
      guard.check(metadata);
      done.push(Buffer.from(request.key).toString());
      const failure = putFailures.shift();
      if (failure !== undefined) throw failure;
      return rpcpb.PutResponse.create();
    });
  extend(server, guard);
  open.push(await server.start());
  return { guard, server, done, putFailures };
}

/** Pauses are over at once, deadlines never come. */
function clientOf(server: FakeServer, options: Partial<ClientOptions> = {}): Client {
  const clock = new HastyClock({ longestMs: 1_500 });
  const client = new Client({ endpoints: [server.endpoint], auth: credentials, clock, ...options });
  open.push(client);
  return client;
}

describe('the token of a name and a password', () => {
  test('is asked for once by all calls that need it', async () => {
    const { guard, server, done } = await guardedServer();
    const client = clientOf(server);
    await Promise.all(['a', 'b', 'c'].map((key) => client.put(key, '1')));
    await client.put('d', '1');
    expect(guard.logins).toBe(1);
    expect(done.toSorted()).toEqual(['a', 'b', 'c', 'd']);
  });

  test.each([invalidToken, oldRevision, nobodyIsThere])(
    'is asked for again after: $message',
    async (refusal) => {
      const { guard, server, done } = await guardedServer();
      guard.refusal = refusal;
      const client = clientOf(server);
      await client.put('a', '1');
      guard.forget();
      await Promise.all([client.put('b', '1'), client.put('c', '1')]);
      expect(guard.logins).toBe(2);
      expect(done.toSorted()).toEqual(['a', 'b', 'c']);
    },
  );

  test('does not make a write be sent again that was refused for anything else', async () => {
    const { server, done, putFailures } = await guardedServer();
    putFailures.push(status(codes.UNAVAILABLE, 'etcdserver: request timed out'));
    putFailures.push(status(codes.PERMISSION_DENIED, 'etcdserver: permission denied'));
    const client = clientOf(server);
    await expect(client.put('a', '1')).rejects.toMatchObject({ code: 'UNAVAILABLE', unsent: false });
    await expect(client.put('b', '1')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(done).toEqual(['a', 'b']);
  });

  test('is renewed three times for one call, and then the refusal stands', async () => {
    const { guard, server, done } = await guardedServer((_, guard) => {
      guard.check = () => {
        throw oldRevision;
      };
    });
    const put = clientOf(server).put('a', '1');
    await expect(put).rejects.toMatchObject({ message: 'etcdserver: revision of auth store is old' });
    expect([guard.logins, done]).toEqual([4, []]);
  });

  test('is not asked for again when the password is refused, until somebody else needs it', async () => {
    const { guard, server, done } = await guardedServer();
    const client = clientOf(server, { auth: { ...credentials, password: 'guess' } });
    const calls = [client.put('a', '1'), client.put('b', '1')];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: refused.message });
    }
    expect(guard.logins).toBe(1);
    await expect(client.put('c', '1')).rejects.toThrow(refused.message);
    expect([guard.logins, done]).toEqual([2, []]);
  });

  test.each([
    ['that etcd sends as UNKNOWN', codes.UNKNOWN, 'etcdserver: too many requests'],
    ['that says so', codes.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'],
    ['of a member without a leader', codes.UNAVAILABLE, 'etcdserver: no leader'],
  ])('is asked for again after a failure %s', async (_, code, message) => {
    const { guard, server, done } = await guardedServer();
    guard.loginFailures.push(status(code, message), status(code, message));
    await clientOf(server).put('a', '1');
    expect([guard.logins, done]).toEqual([3, ['a']]);
  });

  test('is not waited for longer than the call may take', async () => {
    const { guard, server } = await guardedServer();
    const busy = status(codes.UNKNOWN, 'etcdserver: too many requests');
    guard.loginFailures.push(...Array.from({ length: 1_000 }, () => busy));
    // The pauses of the tries add up to this on a clock where nothing else takes time.
    const put = clientOf(server, { requestTimeoutMs: 60_000 }).put('a', '1', { timeoutMs: 10_000 });
    await expect(put).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'context deadline exceeded',
      unsent: true,
    });
    expect(guard.logins).toBeLessThan(30);
  });

  test('is waited for by others when one who waits gives up', async () => {
    const { guard, server, done } = await guardedServer();
    const gate = Promise.withResolvers<void>();
    guard.gate = gate.promise;
    const client = clientOf(server);
    const stop = new AbortController();
    const [impatient, patient] = [client.put('a', '1', { signal: stop.signal }), client.put('b', '1')];
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(impatient).rejects.toBe(reason);
    const late = client.put('c', '1', { timeoutMs: 1_000 });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', unsent: true });
    gate.resolve();
    await patient;
    expect([guard.logins, done]).toEqual([1, ['b']]);
  });

  test('is not waited for by a client that is closed', async () => {
    const { guard, server } = await guardedServer();
    guard.gate = new Promise(() => {});
    const client = clientOf(server);
    const put = client.put('a', '1');
    await Promise.all([
      expect(put).rejects.toMatchObject({ code: 'CANCELLED', message: 'the client is closed' }),
      client.close(),
    ]);
  });

  test('that was replaced by now is not replaced again for a call that was refused with the old one', async () => {
    const { guard, server, done } = await guardedServer();
    const client = clientOf(server);
    await client.put('a', '1');
    guard.forget();
    await client.put('b', '1');
    guard.forget();
    await Promise.all(['c', 'd', 'e', 'f'].map((key) => client.put(key, '1')));
    expect([guard.logins, done.length]).toEqual([3, 6]);
  });
});

describe('a fixed token', () => {
  const ofElsewhere = (token: string) => ({ auth: undefined, authToken: token }) as unknown as ClientOptions;

  test('is sent with each call, and not renewed', async () => {
    const tokens: unknown[] = [];
    const { guard, server } = await guardedServer((_, guard) => {
      guard.check = (metadata) => {
        tokens.push(metadata.get('token')[0]);
        if (tokens.length > 1) throw invalidToken;
      };
    });
    const client = new Client({ endpoints: [server.endpoint], authToken: 'ey.J.W' });
    open.push(client);
    await client.authenticate();
    await client.put('a', '1');
    await expect(client.put('b', '1')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect([tokens, guard.logins]).toEqual([['ey.J.W', 'ey.J.W'], 0]);
  });

  test('that no header can carry is refused without being told', () => {
    for (const authToken of ['', 'se cret', 'secret\n', 'sécret']) {
      const make = () => new Client({ endpoints: ['a:1'], authToken });
      expect(make).toThrow(RangeError);
      expect(make).toThrow('authToken must be printable ASCII without spaces, and not empty');
    }
  });

  test('does not go together with name and password', () => {
    const make = () => new Client({ ...ofElsewhere('t'), endpoints: ['a:1'], auth: credentials });
    expect(make).toThrow('give either auth or authToken, not both');
  });
});

describe('streams', () => {
  type WatchStream = FakeStream<rpcpb.WatchRequest, rpcpb.WatchResponse>;
  const header: rpcpb.ResponseHeader = { clusterId: 1n, memberId: 1n, revision: 5n, raftTerm: 1n };
  const canceled = (cancelReason: string): rpcpb.WatchResponse => {
    const response = rpcpb.WatchResponse.create();
    return { ...response, header, watchId: -1n, created: true, canceled: true, cancelReason };
  };
  const created = { ...rpcpb.WatchResponse.create(), header, created: true };
  const event: rpcpb.WatchResponse = {
    ...rpcpb.WatchResponse.create(),
    header: { ...header, revision: 6n },
    events: [
      {
        type: 0,
        kv: {
          key: new Uint8Array([97]),
          value: new Uint8Array(),
          createRevision: 6n,
          modRevision: 6n,
          version: 1n,
          lease: 0n,
        },
        prevKv: undefined,
      },
    ],
  };

  /** A server whose streams are watched over by the guard, and handled well by `serve`. */
  async function watchServer(
    reason: (refusal: Error) => string,
    serve: (stream: WatchStream, opened: number) => Promise<void>,
  ): Promise<Guarded> {
    let opened = 0;
    return await guardedServer((server, guard) => {
      server.stream(rpcpb.WatchDefinition, rpcpb.WatchDefinition.methods.watch, async (stream) => {
        await stream.next();
        const refusal = guard.refuses(stream.metadata);
        if (refusal !== undefined) stream.send(canceled(reason(refusal)));
        else await serve(stream, ++opened);
      });
    });
  }

  test.each([
    ['UNAUTHENTICATED', invalidToken],
    ['InvalidArgument', oldRevision],
    ['InvalidArgument', nobodyIsThere],
  ])('a watch that is cancelled at creation with %s goes on with a new token', async (code, refusal) => {
    const { guard, server } = await watchServer(
      ({ message }) => `rpc error: code = ${code} desc = ${message}`,
      async (stream) => stream.send(created),
    );
    guard.refusal = refusal;
    const client = clientOf(server);
    await client.put('a', '1');
    guard.forget();
    const batches = client.watch({ key: 'a' }).batches();
    expect((await batches.next()).value).toMatchObject({ kind: 'created' });
    expect(guard.logins).toBe(2);
    await client.close();
  });

  test('a watch goes on when its member restarts and has forgotten the token', async () => {
    const { guard, server } = await watchServer(
      ({ message }) => message,
      async (stream, opened) => {
        stream.send(created);
        if (opened > 1) return stream.send(event);
        guard.forget();
        stream.end(codes.UNAVAILABLE, 'etcdserver: server stopped');
      },
    );
    const client = clientOf(server);
    const batches = client.watch({ key: 'a' }).batches();
    expect((await batches.next()).value).toMatchObject({ kind: 'created' });
    expect((await batches.next()).value).toMatchObject({ kind: 'events' });
    expect(guard.logins).toBe(2);
    await client.close();
  });

  test('a watch without permission ends', async () => {
    const { guard, server } = await watchServer(String, async (stream) => {
      stream.send(canceled('rpc error: code = PermissionDenied desc = etcdserver: permission denied'));
    });
    const next = clientOf(server).watch({ key: 'a' }).batches().next();
    await expect(next).rejects.toThrow(WatchCanceledError);
    await expect(next).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: 'etcdserver: permission denied',
    });
    expect(guard.logins).toBe(1);
  });

  test('a watch whose tokens are all refused ends with the refusal', async () => {
    const { guard, server } = await watchServer(
      ({ message }) => message,
      async (stream) => stream.send(canceled('etcdserver: invalid auth token')),
    );
    const next = clientOf(server).watch({ key: 'a' }).batches().next();
    await expect(next).rejects.toThrow('etcdserver: invalid auth token');
    expect(guard.logins).toBe(4);
  });

  test('a lease is kept alive with a new token', async () => {
    const { guard, server } = await guardedServer((server, guard) => {
      const { leaseKeepAlive } = rpcpb.LeaseDefinition.methods;
      server.stream(rpcpb.LeaseDefinition, leaseKeepAlive, async (stream) => {
        const request = await stream.next();
        const refusal = guard.refuses(stream.metadata);
        if (refusal !== undefined) stream.end(codes.UNAUTHENTICATED, refusal.message);
        else stream.send({ header: undefined, ID: request?.ID ?? 0n, TTL: 3n });
      });
    });
    const client = clientOf(server);
    expect((await client.lease.keepAliveOnce(7n)).TTL).toBe(3n);
    guard.forget();
    expect((await client.lease.keepAliveOnce(7n)).TTL).toBe(3n);
    guard.forget();
    expect((await client.lease.keepAlive(7n).next()).value.TTL).toBe(3n);
    expect(guard.logins).toBe(3);
  });

  test('a snapshot that is refused before its first part is asked for with a new token', async () => {
    const blob = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array()));
    const { guard, server } = await guardedServer((server, guard) => {
      const { snapshot } = rpcpb.MaintenanceDefinition.methods;
      server.stream(rpcpb.MaintenanceDefinition, snapshot, async (stream) => {
        const refusal = guard.refuses(stream.metadata);
        if (refusal !== undefined) return stream.end(codes.UNAUTHENTICATED, refusal.message);
        stream.send({ ...rpcpb.SnapshotResponse.create(), blob });
        stream.end();
      });
    });
    const client = clientOf(server);
    await client.put('a', '1');
    guard.forget();
    const kinds: string[] = [];
    for await (const part of client.maintenance.snapshot()) kinds.push(part.kind);
    expect([kinds, guard.logins]).toEqual([['checksum'], 2]);
  });
});

test('neither password nor token is in what a client, its watches or its errors show', async () => {
  const { guard, server } = await guardedServer();
  const client = clientOf(server);
  await client.put('a', '1');
  guard.check = () => {
    throw status(codes.PERMISSION_DENIED, 'etcdserver: permission denied');
  };
  const denied: unknown = await client.put('b', '1').catch((error: unknown) => error);
  const wrong = clientOf(server, { auth: { name: 'alice', password: 'hunter2' } });
  const refusedLogin: unknown = await wrong.put('b', '1').catch((error: unknown) => error);
  const shown = [client, client.watch({ key: 'a' }), denied, wrong, refusedLogin]
    .map((value) => inspect(value, { depth: Infinity, showHidden: true }))
    .join('\n');
  expect(shown).toContain('permission denied');
  for (const secret of ['open sesame', 'hunter2', 'token-1']) expect(shown).not.toContain(secret);
});
