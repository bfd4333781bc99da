import { ManualClock } from '@quorate/std/testing';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import {
  ClientPort,
  defaultLimits,
  HttpSurface,
  status,
  type ClientLimits,
  type CutReason,
  type GrpcUsage,
  type Method,
} from '../src/index.ts';
import { isLean, ServerUnderTest } from './server-under-test.ts';
import { FakeMember } from './fake-member.ts';

const unaryPath = '/test.Test/Unary';
const streamPath = '/test.Test/Stream';
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server of two methods with a clock that stands, and a session with it. */
async function start(methods: Record<string, Method>, limits: Partial<ClientLimits> = {}) {
  const clock = new ManualClock();
  const cuts: CutReason[] = [];
  const failures: unknown[] = [];
  let usage: (() => GrpcUsage) | undefined;
  const member = new FakeMember();
  const port = new ClientPort({
    grpc: new ServerUnderTest({
      methods: new Map(Object.entries(methods)),
      maxReceiveBytes: 1 << 20,
      limits,
      clock,
      observer: {
        onCut: (reason) => cuts.push(reason),
        onInternalError: (path, error) => failures.push([path, error]),
        onOpened: (read) => (usage = read),
      },
    }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '', cluster: '', storage: '' }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    }),
  });
  cleanups.push(() => port.close({ graceMs: 0 }));
  const portNumber = await port.listen({ host: '127.0.0.1', port: 0 });
  const dial = async (): Promise<ClientHttp2Session> => {
    const session = connect(`http://127.0.0.1:${portNumber}`);
    session.on('error', () => {});
    cleanups.push(() => session.destroy());
    await once(session, 'remoteSettings');
    return session;
  };
  return { clock, cuts, failures, dial, session: await dial(), usage: () => usage!() };
}

function open(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({
    ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
  });
  return stream.on('error', () => {});
}

/** A message of that many bytes, of which the first `sent` are sent. */
function message(bytes: number, sent = bytes): Buffer {
  const whole = Buffer.alloc(5 + bytes);
  whole.writeUInt32BE(bytes, 1);
  return whole.subarray(0, 5 + sent);
}

/** The status of a call, wherever it stands; -1 without one. */
async function statusOf(stream: ClientHttp2Stream): Promise<{ code: number; text: string }> {
  const ended = { code: -1, text: '' };
  const look = (headers: object): void => {
    const found = new Map(Object.entries(headers));
    if (!found.has('grpc-status')) return;
    ended.code = Number(found.get('grpc-status'));
    ended.text = decodeURI(String(found.get('grpc-message')));
  };
  stream.on('response', look).on('trailers', look).resume();
  await closed(stream);
  return ended;
}

/** `once` would end with the error that the stream was closed with. */
function closed(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const echo: Method = { kind: 'unary', handler: (request) => request };
/** Takes whatever comes and answers nothing. */
const listening: Method = {
  kind: 'stream',
  clientStreams: true,
  serverStreams: true,
  handler: async (call) => {
    for await (const request of call.requests) if (request.length > 1 << 30) return;
  },
};

test('a request that is not whole in time ends, and one that is does not', async () => {
  const { clock, cuts, session, usage } = await start({ [unaryPath]: echo });
  const late = open(session, unaryPath);
  late.write(message(1_000, 10));
  await until(() => usage().unfinishedBytes === 15);
  clock.advance(defaultLimits.requestTimeoutMs - 1_000);
  expect(usage().calls).toBe(1);
  const ended = closed(late);
  clock.advance(2_000);
  await ended;
  expect(late.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(cuts).toEqual(['request_timeout']);
  const quick = open(session, unaryPath);
  quick.end(message(10));
  expect(await statusOf(quick)).toMatchObject({ code: status.OK });
  await until(() => usage().calls === 0);
  expect(usage()).toMatchObject({ unfinishedBytes: 0, untakenBytes: 0, connections: 1 });
});

test('a stream may be silent for ever between its messages, and not within one', async () => {
  const { clock, cuts, session, usage } = await start({ [streamPath]: listening });
  const stream = open(session, streamPath);
  stream.write(message(100));
  await until(() => usage().calls === 1);
  clock.advance(10 * defaultLimits.requestTimeoutMs);
  expect(cuts).toEqual([]);
  stream.write(message(100, 1));
  await until(() => usage().unfinishedBytes === 6);
  clock.advance(defaultLimits.requestTimeoutMs + 1_000);
  await closed(stream);
  expect(cuts).toEqual(['request_timeout']);
});

test('when requests that are not whole take too many bytes, the oldest large one ends', async () => {
  const { clock, cuts, session, usage } = await start({ [unaryPath]: echo }, { maxUnfinishedBytes: 60_000 });
  const small = open(session, unaryPath);
  small.write(message(1_000, 10));
  await until(() => usage().unfinishedBytes === 15);
  clock.advance(10);
  const large = open(session, unaryPath);
  large.write(message(100_000, 40_000));
  await until(() => usage().unfinishedBytes > 40_000);
  clock.advance(10);
  const next = open(session, unaryPath);
  next.write(message(100_000, 40_000));
  await closed(large);
  expect(cuts).toEqual(['unfinished_requests']);
  await until(() => usage().unfinishedBytes === 40_020);
  for (const stream of [small, next]) expect(stream.closed).toBe(false);
});

test('when responses that nobody takes are too many bytes, the oldest large one ends', async () => {
  const large: Method = { kind: 'unary', handler: () => new Uint8Array(500_000) };
  const { cuts, dial, session, usage } = await start({ [unaryPath]: large }, { maxUntakenBytes: 1_200_000 });
  // One of a connection, since whoever takes nothing gets no second.
  const sessions = [session, await dial(), await dial()];
  const streams: ClientHttp2Stream[] = [];
  // What the client's window has room for is its own to hold.
  const least = isLean ? 500_000 - 65_535 : 500_000;
  for (const [i, one] of sessions.entries()) {
    const stream = open(one, unaryPath).pause();
    streams.push(stream);
    stream.end(message(10));
    await until(() => usage().untakenBytes >= least * (i + 1) || cuts.length > 0);
  }
  expect(cuts).toEqual(['untaken_responses']);
  const [first] = streams;
  first?.resume();
  await closed(first!);
  expect(first?.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  for (const stream of streams.slice(1)) expect(await statusOf(stream)).toMatchObject({ code: status.OK });
  await until(() => usage().untakenBytes === 0);
});

test('beyond the calls that all connections may have, the next is told so', async () => {
  const { cuts, session, usage } = await start(
    { [unaryPath]: echo, [streamPath]: listening },
    { maxConcurrentCalls: 2 },
  );
  const streams = [open(session, streamPath), open(session, streamPath)];
  await until(() => usage().calls === 2);
  const third = open(session, unaryPath);
  third.end(message(10));
  expect(await statusOf(third)).toEqual({
    code: status.RESOURCE_EXHAUSTED,
    text: 'etcdserver: too many requests',
  });
  expect(cuts).toEqual(['calls']);
  streams[0]?.close(constants.NGHTTP2_CANCEL);
  await until(() => usage().calls === 1);
  const fourth = open(session, unaryPath);
  fourth.end(message(10));
  expect(await statusOf(fourth)).toMatchObject({ code: status.OK });
});

test('work that still runs for calls that were reset counts', async () => {
  let finish: (() => void) | undefined;
  const slow: Method = {
    kind: 'unary',
    handler: async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      return new Uint8Array(0);
    },
  };
  const { cuts, session, usage } = await start(
    { [unaryPath]: slow, [streamPath]: listening },
    { maxConcurrentStreams: 1 },
  );
  const given = open(session, unaryPath);
  given.end(message(10));
  await until(() => finish !== undefined);
  given.close(constants.NGHTTP2_CANCEL);
  await closed(given);
  const next = open(session, streamPath);
  expect(await statusOf(next)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect(cuts).toEqual(['connection_calls']);
  finish?.();
  await until(() => usage().calls === 0);
});

test('a connection that pings without end is closed', async () => {
  const { clock, cuts, session } = await start({ [unaryPath]: echo });
  const goneAway = new Promise((resolve) => session.once('goaway', resolve));
  let pings = 0;
  const ping = (): void => {
    if (session.destroyed) return;
    pings++;
    session.ping((error) => {
      if (error === null) ping();
    });
  };
  ping();
  while (!cuts.includes('pings')) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(0);
  expect(await goneAway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(pings).toBeLessThan(10);
  expect(cuts).toEqual(['pings']);
});

test('a client is not told what a bug says, and the operator is', async () => {
  const bug = new TypeError('cannot read secrets of /var/lib/canary');
  const failing: Method = { kind: 'unary', handler: () => Promise.reject(bug) };
  const failingStream: Method = { ...listening, handler: () => Promise.reject(bug) };
  const { failures, session } = await start({ [unaryPath]: failing, [streamPath]: failingStream });
  for (const path of [unaryPath, streamPath]) {
    const stream = open(session, path);
    stream.end(message(10));
    expect(await statusOf(stream)).toEqual({ code: status.UNKNOWN, text: 'etcdserver: internal error' });
  }
  expect(failures).toEqual([
    [unaryPath, bug],
    [streamPath, bug],
  ]);
});
