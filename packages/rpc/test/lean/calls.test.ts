import { ManualClock } from '@quorate/std/testing';
import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterEach, expect, test, vi } from 'vitest';
import { LeanGrpcServer, RpcError, status, type Method, type StreamHandler } from '../../src/index.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const path = '/test.Test/Call';
const echo: Method = { kind: 'unary', handler: (request) => request };

async function start(method: Method, options: { readonly maxReceiveBytes?: number } = {}) {
  const clock = new ManualClock();
  const handled: number[] = [];
  const server = new LeanGrpcServer({
    methods: new Map([[path, method]]),
    maxReceiveBytes: 1 << 16,
    clock,
    observer: { onHandled: ({ status: code }) => handled.push(code) },
    ...options,
  });
  const listener = createServer((socket) => server.serve(socket));
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  cleanups.push(() => server.stop({ graceMs: 0 }));
  cleanups.push(() => void listener.close());
  const session = connect(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return { clock, handled, server, session };
}

/** An answer of `length` bytes that is put together as it is sent; it counts how often it was copied. */
function pattern(length: number) {
  let at = 0;
  const source = {
    length,
    copies: 0,
    read(target: Uint8Array, start: number, end: number): void {
      for (let to = start; to < end; to++) target[to] = at++ % 251;
    },
    detach(): void {
      source.copies++;
    },
  };
  const expected = Uint8Array.from({ length }, (_, index) => index % 251);
  return { source, expected };
}

interface Reply {
  readonly http: number;
  readonly code: number;
  readonly text: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
}

/** A call with these bytes for its body, in frames of their own where there are several pieces. */
function call(
  session: ClientHttp2Session,
  body: Uint8Array | readonly Uint8Array[],
  headers: OutgoingHttpHeaders = {},
): Promise<Reply> {
  const stream = session.request({
    ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
    ...headers,
  });
  const chunks: Buffer[] = [];
  let all: Record<string, string | number | undefined> = {};
  const note = (more: object): void => void (all = { ...all, ...more });
  stream.on('response', note).on('trailers', note);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => {});
  for (const piece of body instanceof Uint8Array ? [body] : body) stream.write(piece);
  stream.end();
  return new Promise((resolve) =>
    stream.once('close', () =>
      resolve({
        http: Number(all[':status']),
        code: Number(all['grpc-status'] ?? -1),
        text: decodeURIComponent(`${all['grpc-message'] ?? ''}`),
        body: Buffer.concat(chunks),
        headers: all,
      }),
    ),
  );
}

function message(bytes: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
])('messages in %s are understood, and answered plainly', async (encoding, compress) => {
  const { session } = await start(echo);
  const text = Buffer.from('hello '.repeat(1_000));
  const reply = await call(session, message(compress(text), true), { 'grpc-encoding': encoding });
  expect(reply).toMatchObject({ http: 200, code: status.OK });
  expect(reply.body).toEqual(message(text));
});

test('a message may come plainly although its call says how others are compressed', async () => {
  const { session } = await start(echo);
  expect(await call(session, message(Buffer.from('a')), { 'grpc-encoding': 'gzip' })).toMatchObject({
    code: 0,
  });
});

test('messages of a stream keep their order, compressed or not', async () => {
  const joined: Method = {
    kind: 'stream',
    clientStreams: true,
    serverStreams: false,
    handler: async (one) => {
      const parts: Uint8Array[] = [];
      for await (const request of one.requests) parts.push(Uint8Array.from(request));
      one.send(Buffer.concat(parts));
    },
  };
  const { session } = await start(joined);
  const parts = ['a'.repeat(30_000), 'b', 'c'.repeat(5_000), 'd'].map((text) => Buffer.from(text));
  const body = Buffer.concat(
    parts.map((part, i) => (i % 2 === 0 ? message(gzipSync(part), true) : message(part))),
  );
  const reply = await call(session, body, { 'grpc-encoding': 'gzip' });
  expect(reply.body).toEqual(message(Buffer.concat(parts)));
});

test.each([
  ['a bomb', message(gzipSync(Buffer.alloc(1 << 20)), true), 'gzip', status.RESOURCE_EXHAUSTED],
  ['broken data', message(Buffer.from('no gzip at all'), true), 'gzip', status.INTERNAL],
  [
    'a compressed message of a call that says nothing of it',
    message(gzipSync('a'), true),
    'identity',
    status.INTERNAL,
  ],
  ['an encoding that nobody knows', message(Buffer.from('a'), true), 'snappy', status.UNIMPLEMENTED],
])('%s is refused', async (_, body, encoding, code) => {
  const { session } = await start(echo);
  const reply = await call(session, body, { 'grpc-encoding': encoding });
  expect(reply.code).toBe(code);
  if (encoding === 'snappy') expect(reply.headers['grpc-accept-encoding']).toBe('identity,deflate,gzip');
});

const [a, b] = [message(Buffer.from('a')), message(Buffer.from('b'))];
const prefix = Buffer.from([0, 0, 0, 0, 9]);

test.each([
  ['no message', Buffer.alloc(0), 'EOF'],
  ['half a prefix', prefix.subarray(0, 2), 'EOF'],
  ['a prefix and no more', prefix, 'unexpected EOF'],
  ['half a message', Buffer.concat([prefix, Buffer.from('abc')]), 'unexpected EOF'],
])('a unary call that has %s is refused in the words of etcd, and is not counted', async (_, body, text) => {
  const { handled, session } = await start(echo);
  expect(await call(session, body)).toMatchObject({ code: status.UNKNOWN, text });
  expect(handled).toEqual([]);
});

test.each([
  ['another message', b],
  ['half a message', b.subarray(0, 3)],
  ['a flag that nobody knows', Buffer.from([7, 0, 0, 0, 1])],
  ['a message that is too large', Buffer.from([0, 255, 0, 0, 0])],
])('a unary call is answered for its first message, though %s follows', async (_, rest) => {
  const { handled, session } = await start(echo);
  const inOnePiece = await call(session, Buffer.concat([a, rest]));
  const inTwo = await call(session, [a, rest]);
  const compressed = message(gzipSync('a'), true);
  const inflated = await call(session, Buffer.concat([compressed, rest]), { 'grpc-encoding': 'gzip' });
  for (const reply of [inOnePiece, inTwo, inflated]) {
    expect(reply).toMatchObject({ code: status.OK, body: a });
  }
  expect(handled).toEqual([status.OK, status.OK, status.OK]);
});

test.each([
  ['another prefix has begun', Buffer.concat([a, prefix.subarray(0, 2)]), status.OK],
  ['a message is not whole', Buffer.concat([a, prefix]), status.INTERNAL],
])('a stream whose client ends it where %s ends as with etcd', async (_, body, code) => {
  const taking: StreamHandler = (one) => one.receive(() => {});
  for (const clientStreams of [false, true]) {
    const { session } = await start({ kind: 'stream', clientStreams, serverStreams: true, handler: taking });
    expect((await call(session, body)).code).toBe(code);
  }
});

test.each([
  ['no message', Buffer.alloc(0), 'received no request message from'],
  [
    'two',
    Buffer.concat([message(Buffer.from('a')), message(Buffer.from('b'))]),
    'received multiple request messages for',
  ],
])('a stream of answers to one request that has %s is refused', async (_, body, what) => {
  const handler = vi.fn(() => Promise.resolve());
  const { session } = await start({ kind: 'stream', clientStreams: false, serverStreams: true, handler });
  expect(await call(session, body)).toMatchObject({
    code: status.INTERNAL,
    text: `cardinality violation: ${what} non-client-streaming RPC`,
  });
  expect(handler).not.toHaveBeenCalled();
});

test.each([
  ['/test.Test/Other', 'unknown method Other for service test.Test'],
  ['/test.Other/Call', 'unknown service test.Other'],
  ['/test', 'malformed method name: "/test"'],
])('what is not there is refused in the words of etcd: %s', async (other, text) => {
  const { session } = await start(echo);
  expect(await call(session, message(Buffer.from('a')), { ':path': other })).toMatchObject({
    code: status.UNIMPLEMENTED,
    text,
  });
});

test('a call that takes longer than it may is told so, its handler too, and what it says then is for nobody', async () => {
  const aborted = Promise.withResolvers<unknown>();
  const slow: Method = {
    kind: 'unary',
    handler: async (request, { signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.resolve(signal.reason);
          resolve();
        });
      });
      return request;
    },
  };
  const { clock, handled, session } = await start(slow);
  const reply = call(session, message(Buffer.from('a')), { 'grpc-timeout': '2S' });
  let isOver = false;
  const over = reply.then(() => (isOver = true));
  // The clock stands, but for what is taken from it here.
  while (!isOver) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await over;
  expect(await reply).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  expect(await aborted.promise).toBeInstanceOf(RpcError);
  expect(handled).toEqual([status.DEADLINE_EXCEEDED]);
});

test.each(['5', 'S', '123456789S', '5x', '-1S'])('a timeout of %s is none', async (timeout) => {
  const { session } = await start(echo);
  expect((await call(session, message(Buffer.from('a')), { 'grpc-timeout': timeout })).code).toBe(
    status.INTERNAL,
  );
});

test.each([
  [400, { 'grpc-timeout': '5' }, 'malformed grpc-timeout: transport: timeout string is too short: "5"'],
  [400, { 'grpc-timeout': '5x' }, 'malformed grpc-timeout: transport: timeout unit is not recognized: "5x"'],
  [
    400,
    { 'grpc-timeout': '123456789S' },
    'malformed grpc-timeout: transport: timeout string is too long: "123456789S"',
  ],
  [400, { 'grpc-timeout': '-1S' }, 'malformed grpc-timeout: strconv.ParseUint: parsing "-1": invalid syntax'],
  [405, { ':method': 'PUT' }, 'Received a HEADERS frame with :method "PUT" which should be POST'],
  [
    415,
    { 'content-type': 'application/grpc-web' },
    'invalid gRPC request content-type "application/grpc-web"',
  ],
])('what is no call is refused with %i, as etcd does: %o', async (http, headers, text) => {
  const { session } = await start(echo);
  const reply = await call(session, message(Buffer.from('a')), headers);
  expect(reply).toMatchObject({ http, text, code: http === 415 ? status.INVALID_ARGUMENT : status.INTERNAL });
});

test.each(['application/grpc+proto', 'application/grpc;charset=x'])(
  'calls may be of the type %s',
  async (type) => {
    const { session } = await start(echo);
    expect(await call(session, message(Buffer.from('a')), { 'content-type': type })).toMatchObject({
      code: 0,
    });
  },
);

test.each(['0n', '99999999H', '00000001S', '5m', '5u', '5M'])('a timeout of %s is one', async (timeout) => {
  const { session } = await start(echo);
  const reply = await call(session, message(Buffer.from('a')), { 'grpc-timeout': timeout });
  expect([status.OK, status.DEADLINE_EXCEEDED]).toContain(reply.code);
});

test('what an error says arrives as it was, whatever its letters', async () => {
  const text = 'etcdserver: 100% “quoted”, \u{1f600}\n next line';
  const failing: Method = {
    kind: 'unary',
    handler: () => Promise.reject(new RpcError(status.FAILED_PRECONDITION, text)),
  };
  const { session } = await start(failing);
  expect(await call(session, message(Buffer.from('a')))).toMatchObject({
    code: status.FAILED_PRECONDITION,
    text,
  });
});

test('a call that is no POST is refused', async () => {
  const { session } = await start(echo);
  expect((await call(session, message(Buffer.from('a')), { ':method': 'PUT' })).code).toBe(status.INTERNAL);
});

test('metadata is what was sent, letters beyond ASCII too', async () => {
  const said: Method = { kind: 'unary', handler: (_request, one) => Buffer.from(one.metadata('name') ?? '') };
  const { session } = await start(said);
  const name = Buffer.from('Ann Ä').toString('latin1');
  expect((await call(session, message(Buffer.from('a')), { name })).body).toEqual(
    message(Buffer.from('Ann Ä')),
  );
});

test('at its end a server lets calls finish, takes no new ones, and closes', async () => {
  const finish = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slow: Method = {
    kind: 'unary',
    handler: async (request) => {
      begun.resolve();
      await finish.promise;
      return request;
    },
  };
  const { server, session } = await start(slow);
  const reply = call(session, message(Buffer.from('a')));
  await begun.promise;
  const goneAway = once(session, 'goaway');
  const stopped = server.stop({ graceMs: 60_000 });
  await goneAway;
  finish.resolve();
  expect(await reply).toMatchObject({ code: status.OK });
  await stopped;
});

test('a client that leaves is noticed by the handler of its stream', async () => {
  const aborted = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const endless: Method = {
    kind: 'stream',
    clientStreams: true,
    serverStreams: true,
    handler: async (one) => {
      one.signal.addEventListener('abort', () => aborted.resolve());
      begun.resolve();
      for await (const request of one.requests) one.send(request);
    },
  };
  const { session } = await start(endless);
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  await begun.promise;
  stream.close(constants.NGHTTP2_CANCEL);
  await aborted.promise;
});

test('a request larger than any window comes whole, and so does its answer', async () => {
  const { session } = await start(echo, { maxReceiveBytes: 8 << 20 });
  const large = message(Buffer.alloc(5 << 20, 'x'));
  const reply = await call(session, large);
  expect(reply.body.equals(large)).toBe(true);
});

test('an answer that is put together as it is sent comes whole, through whatever windows', async () => {
  for (const length of [1, 16_379, 16_384, 70_000, 3_000_000]) {
    const { source, expected } = pattern(length);
    const { session } = await start({ kind: 'unary', handler: async () => source });
    const reply = await call(session, message(new Uint8Array(0)));
    expect([reply.code, reply.body.equals(message(expected))]).toEqual([0, true]);
    expect(source.copies).toBe(0);
  }
});

test('an answer whose client takes its time is read from a copy, and one that was taken is not', async () => {
  const slow = pattern(1_000_000);
  const answers = [pattern(100_000).source, slow.source];
  const { clock, session } = await start({ kind: 'unary', handler: async () => answers.shift()! });
  await call(session, message(new Uint8Array(0)));
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  stream.pause();
  stream.end(message(new Uint8Array(0)));
  await once(stream, 'response');
  clock.advance(1_900);
  expect(slow.source.copies).toBe(0);
  clock.advance(200);
  expect(slow.source.copies).toBe(1);
  clock.advance(10_000);
  expect(slow.source.copies).toBe(1);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  await once(stream, 'close');
  expect(Buffer.concat(chunks).equals(message(slow.expected))).toBe(true);
});
