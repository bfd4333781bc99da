import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  IoThreads,
  LeanGrpcServer,
  RpcError,
  status,
  type Method,
  type MethodTable,
} from '../../src/index.ts';
import { windowBytes } from '../../src/io-threads/records.ts';
import { FakeMember } from '../fake-member.ts';
import { serveThreads, type ThreadsServed } from './serve-threads.ts';

const same = (bytes: Buffer): Buffer => bytes;
const megabyte = 1024 * 1024;

/** What happened on this thread. */
const heard: string[] = [];
let onAborted: () => void = () => {};
let release: () => void = () => {};
let poured = 0;

const methods: MethodTable = new Map<string, Method>([
  ['/t/Echo', { kind: 'unary', handler: (request) => request }],
  [
    '/t/Who',
    {
      kind: 'unary',
      handler: (_, call) =>
        Buffer.from(
          JSON.stringify([
            call.address,
            call.commonName,
            call.metadata('token'),
            call.metadata('hasleader'),
            call.metadata('unknown'),
          ]),
        ),
    },
  ],
  [
    '/t/Fail',
    {
      kind: 'unary',
      handler: () => Promise.reject(new RpcError(status.OUT_OF_RANGE, 'etcdserver: ünd so weiter')),
    },
  ],
  ['/t/Large', { kind: 'unary', handler: () => new Uint8Array(12 * megabyte).fill(7) }],
  [
    '/t/Wait',
    {
      kind: 'unary',
      handler: (_, { signal }) =>
        new Promise<Uint8Array>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            // What it is told is an error.
            reject(signal.reason as Error);
            onAborted();
          });
        }),
    },
  ],
  [
    '/t/Held',
    {
      kind: 'unary',
      handler: (request) =>
        new Promise<Uint8Array>((resolve) => {
          release = () => resolve(request);
          heard.push('held');
        }),
    },
  ],
  [
    '/t/EchoStream',
    {
      kind: 'stream',
      clientStreams: true,
      serverStreams: true,
      handler: async (call) => {
        await call.receive((request) => {
          if (!call.send(request)) return call.drained();
          return undefined;
        });
      },
    },
  ],
  [
    '/t/Listen',
    {
      kind: 'stream',
      clientStreams: true,
      serverStreams: true,
      isOpenEnded: true,
      handler: async (call) => {
        call.send(Buffer.from('hello'));
        await call.receive(() => {});
        onAborted();
      },
    },
  ],
  [
    '/t/Pour',
    {
      kind: 'stream',
      clientStreams: false,
      serverStreams: true,
      handler: async (call) => {
        const message = new Uint8Array(16 * 1024);
        while (!call.signal.aborted) {
          poured += message.length;
          if (!call.send(message)) await call.drained();
        }
        onAborted();
      },
    },
  ],
]);

let served: ThreadsServed;
let client: Client;

beforeAll(async () => {
  served = await serveThreads(new FakeMember(), {
    table: methods,
    observer: {
      onStarted: (path, version) => heard.push(`started ${path} ${version}`),
      onReceived: (path, bytes) => heard.push(`received ${path} ${bytes}`),
      onSent: (path, bytes) => heard.push(`sent ${path} ${bytes}`),
      onHandled: ({ path, status: code }) => heard.push(`handled ${path} ${code}`),
    },
  });
  client = newClient(served.port);
});

afterAll(async () => {
  client.close();
  await served[Symbol.asyncDispose]();
  expect(served.fatal).toEqual([]);
});

function newClient(port: number): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc-node.flow_control_window': 64 * 1024,
    'grpc.use_local_subchannel_pool': 1,
  });
}

function unary(
  path: string,
  request: Uint8Array = Buffer.of(),
  { metadata = new Metadata(), deadline = Infinity, from = client } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    from.makeUnaryRequest(path, same, same, Buffer.from(request), metadata, { deadline }, (error, bytes) => {
      if (error !== null || bytes === undefined) reject(error ?? new Error('no answer'));
      else resolve(bytes);
    });
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => setImmediate(next));
}

test('a call and its answer cross threads, small and large', async () => {
  expect((await unary('/t/Echo', Buffer.from('hello'))).toString()).toBe('hello');
  const large = Buffer.alloc(63 * 1024, 3);
  expect((await unary('/t/Echo', large)).equals(large)).toBe(true);
  expect(await unary('/t/Echo')).toHaveLength(0);
  const answer = await unary('/t/Large');
  expect(answer.equals(Buffer.alloc(12 * megabyte, 7))).toBe(true);
});

test('the handler sees metadata, where the client is, and whoever it is', async () => {
  const metadata = new Metadata();
  metadata.set('token', 'a token');
  metadata.set('hasleader', 'true');
  metadata.set('unknown', 'stays in the thread');
  const answers = await Promise.all([
    unary('/t/Who', Buffer.of(), { metadata }),
    unary('/t/Who'),
    unary('/t/Who', Buffer.of(), { metadata }),
  ]);
  const withToken = ['127.0.0.1', null, 'a token', 'true', null];
  const parsed = answers.map((answer): unknown => JSON.parse(answer.toString()));
  expect(parsed).toEqual([withToken, ['127.0.0.1', null, null, null, null], withToken]);
});

test('an error arrives with its status and its text', async () => {
  await expect(unary('/t/Fail')).rejects.toMatchObject({
    code: status.OUT_OF_RANGE,
    details: 'etcdserver: ünd so weiter',
  });
  await expect(unary('/t/None')).rejects.toMatchObject({
    code: status.UNIMPLEMENTED,
  });
  await expect(unary('/t/Echo', Buffer.alloc(70_000))).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  });
});

test('an observer hears the same as without threads', async () => {
  const metadata = new Metadata();
  metadata.set('client-api-version', '3.6');
  heard.length = 0;
  await unary('/t/Echo', Buffer.from('12345'), { metadata });
  await unary('/t/Fail').catch(() => {});
  const throughThreads = heard.splice(0);
  const here = await onThisThread(async (from) => {
    await unary('/t/Echo', Buffer.from('12345'), { metadata, from });
    await unary('/t/Fail', Buffer.of(), { from }).catch(() => {});
  });
  expect(throughThreads).toEqual(here);
  expect(throughThreads.slice(0, 4)).toEqual([
    'started /t/Echo 3.6',
    'received /t/Echo 5',
    'sent /t/Echo 5',
    'handled /t/Echo 0',
  ]);
});

/** What an observer hears of calls that this thread serves by itself. */
async function onThisThread(calls: (client: Client) => Promise<void>): Promise<string[]> {
  const told: string[] = [];
  const server = new LeanGrpcServer({
    methods,
    maxReceiveBytes: 64 * 1024,
    observer: {
      onStarted: (path, version) => told.push(`started ${path} ${version}`),
      onReceived: (path, bytes) => told.push(`received ${path} ${bytes}`),
      onSent: (path, bytes) => told.push(`sent ${path} ${bytes}`),
      onHandled: ({ path, status: code }) => told.push(`handled ${path} ${code}`),
    },
  });
  const listener = createServer((socket) => server.serve(socket)).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const own = newClient(typeof address === 'object' && address !== null ? address.port : 0);
  await calls(own);
  own.close();
  listener.close();
  await server.stop({ graceMs: 0 });
  return told;
}

test('a deadline, and a client that gives up, abort the signal of the handler', async () => {
  const aborted = Promise.withResolvers<void>();
  onAborted = aborted.resolve;
  await expect(unary('/t/Wait', Buffer.of(), { deadline: Date.now() + 100 })).rejects.toMatchObject({
    code: status.DEADLINE_EXCEEDED,
  });
  await aborted.promise;

  const given = Promise.withResolvers<void>();
  onAborted = given.resolve;
  const failure = Promise.withResolvers<ServiceError | null>();
  heard.length = 0;
  const call = client.makeUnaryRequest('/t/Wait', same, same, Buffer.of(), (error) => failure.resolve(error));
  await until(() => heard.includes('started /t/Wait '));
  call.cancel();
  await given.promise;
  expect((await failure.promise)?.code).toBe(status.CANCELLED);
});

test('a stream goes both ways until the client half-closes', async () => {
  const stream = client.makeBidiStreamRequest('/t/EchoStream', same, same);
  const sent = [Buffer.from('one'), Buffer.alloc(60 * 1024, 1), Buffer.alloc(0), Buffer.from('last')];
  for (let round = 0; round < 10; round++) for (const message of sent) stream.write(message);
  stream.end();
  // Its deserializer hands buffers on.
  const came = (await stream.toArray()) as Buffer[];
  expect(came.map((message) => message.length)).toEqual(
    Array.from({ length: 10 }, () => sent.map((message) => message.length)).flat(),
  );
});

test('a client that reads nothing of a stream holds it back, and goes on when it reads', async () => {
  poured = 0;
  const aborted = Promise.withResolvers<void>();
  onAborted = aborted.resolve;
  const stream = client.makeServerStreamRequest('/t/Pour', same, same, Buffer.of());
  stream.on('error', () => {});
  await once(stream, 'readable');
  // Nothing is sent any more when other calls have gone back and forth.
  let before = -1;
  while (poured !== before) {
    before = poured;
    for (let count = 0; count < 20; count++) await unary('/t/Echo', Buffer.alloc(100));
  }
  expect(poured).toBeLessThan(2 * megabyte + windowBytes);
  expect(served.threads.usage.waitingBytes).toBe(0);
  let read = 0;
  stream.on('data', (bytes: Buffer) => (read += bytes.length));
  await until(() => read > before + megabyte);
  stream.cancel();
  await aborted.promise;
});

test('HTTP/1.1 and plain requests of HTTP/2 are answered on the same port', async () => {
  const url = `http://127.0.0.1:${served.port}`;
  const version = await fetch(`${url}/version`);
  expect(await version.json()).toMatchObject({ etcdserver: '3.6.14' });
  const health = await fetch(`${url}/health`);
  expect([health.status, await health.text()]).toEqual([200, expect.stringContaining('"health":"true"')]);
  const session = connectHttp2(url);
  const request = session.request({ ':path': '/version' }).setEncoding('utf8');
  expect((await request.toArray()).join('')).toContain('3.6.14');
  session.close();
});

test('a client of HTTP/1 that closes its side behind its request gets the answer', async () => {
  const socket = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true }).setEncoding('utf8');
  socket.end('GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1.1 200 OK[^]*3.6.14/);
});

test('connections are counted on both threads', async () => {
  const sockets = Array.from({ length: 20 }, () => connect(served.port, '127.0.0.1'));
  const before = served.threads.connections.open;
  await until(() => served.threads.connections.open >= 20);
  expect(served.threads.connections.waiting).toBeGreaterThan(before);
  for (const socket of sockets) socket.destroy();
  await until(() => served.threads.connections.waiting === 0);
});

test('a stop lets calls under way finish', async () => {
  const own = await serveThreads(new FakeMember(), { table: methods });
  const ownClient = newClient(own.port);
  heard.length = 0;
  const answer = unary('/t/Held', Buffer.from('late'), { from: ownClient });
  await until(() => heard.includes('held'));
  const closed = own.threads.close({ graceMs: 60_000 });
  release();
  expect((await answer).toString()).toBe('late');
  ownClient.close();
  await closed;
  await expect(fetch(`http://127.0.0.1:${own.port}/version`)).rejects.toThrow();
  await own[Symbol.asyncDispose]();
});

test('a stop ends open-ended streams at once, their handlers hear of it, and what clients are told is counted', async () => {
  const handled: number[] = [];
  const own = await serveThreads(new FakeMember(), {
    table: methods,
    observer: { onHandled: ({ status: code }) => handled.push(code) },
  });
  const ownClient = newClient(own.port);
  const aborted = Promise.withResolvers<void>();
  onAborted = aborted.resolve;
  const stream = ownClient.makeBidiStreamRequest<Buffer, Buffer>('/t/Listen', same, same, new Metadata());
  await once(stream, 'data');
  stream.resume();
  const failed = once(stream, 'error') as Promise<[ServiceError]>;
  // Nobody could wait for so long.
  await own.threads.close({ graceMs: 10 * 60_000 });
  const [error] = await failed;
  expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'etcdserver: server stopped' });
  await aborted.promise;
  await until(() => handled.length > 0);
  expect(handled).toEqual([status.UNAVAILABLE]);
  ownClient.close();
  await own[Symbol.asyncDispose]();
});

test('a stop cuts what has not finished in time, and its handler hears of it', async () => {
  const own = await serveThreads(new FakeMember(), { table: methods });
  const ownClient = newClient(own.port);
  const aborted = Promise.withResolvers<void>();
  onAborted = aborted.resolve;
  heard.length = 0;
  const answer = unary('/t/Wait', Buffer.of(), { from: ownClient });
  const failed = expect(answer).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await until(() => own.threads.usage.calls > 0);
  await own.threads.close({ graceMs: 0 });
  await Promise.all([failed, aborted.promise]);
  ownClient.close();
  await own[Symbol.asyncDispose]();
});

test('a thread that dies is told of, once, and takes its connections along', async () => {
  const fatal: unknown[] = [];
  const own = await serveThreads(new FakeMember(), {
    count: 1,
    module: new URL('dying-thread.ts', import.meta.url),
    onFatal: (error) => fatal.push(error),
  });
  const tlsPort = await own.threads.listen({ host: '127.0.0.1', port: 0 }, { serves: 'all', tls: 'always' });
  const socket = connect(tlsPort, '127.0.0.1').on('error', () => {});
  await once(socket, 'close');
  await until(() => fatal.length > 0);
  await own[Symbol.asyncDispose]();
  expect(fatal).toEqual([expect.objectContaining({ message: 'a bug in a thread' })]);
});

test('a thread that cannot begin is told of where threads are opened', async () => {
  const module = new URL('failing-thread.ts', import.meta.url);
  await expect(serveThreads(new FakeMember(), { module })).rejects.toThrow('no certificate to be found');
  // Somebody else's port is refused as ever.
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(
    served.threads.listen({ host: '127.0.0.1', port }, { serves: 'all', tls: 'never' }),
  ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  other.close();
  expect(served.threads).toBeInstanceOf(IoThreads);
});
