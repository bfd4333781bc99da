import { ManualClock } from '@quorate/std/testing';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type Settings } from 'node:http2';
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ClientPort,
  HttpSurface,
  type ClientLimits,
  type CutReason,
  type GrpcUsage,
  type Method,
} from '../src/index.ts';
import { isLean, ServerUnderTest } from './server-under-test.ts';
import { FakeMember } from './fake-member.ts';

/** What one connection costs the others, and what it has to wait for. */
const path = '/test.Test/Call';
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server of one method, with a clock that stands. */
async function start(method: Method, limits: Partial<ClientLimits> = {}) {
  const clock = new ManualClock();
  const cuts: CutReason[] = [];
  let usage: (() => GrpcUsage) | undefined;
  let delayed = 0;
  const member = new FakeMember();
  const port = new ClientPort({
    grpc: new ServerUnderTest({
      methods: new Map([[path, method]]),
      maxReceiveBytes: 1 << 20,
      limits,
      clock,
      observer: { onCut: (reason) => cuts.push(reason), onOpened: (read) => (usage = read) },
    }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '', cluster: '', storage: '' }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    }),
    clock,
    onConnectionDelayed: () => delayed++,
  });
  cleanups.push(() => port.close({ graceMs: 0 }));
  const portNumber = await port.listen({ host: '127.0.0.1', port: 0 });
  return { clock, cuts, port, portNumber, usage: () => usage!(), delayed: () => delayed };
}

async function sessionOf(portNumber: number, settings: Settings = {}): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${portNumber}`, { settings });
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

function open(session: ClientHttp2Session, headers: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request({
    ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
    ...headers,
  });
  return stream.on('error', () => {}).resume();
}

function dial(portNumber: number): Socket {
  const socket = connectPlain(portNumber, '127.0.0.1').on('error', () => {});
  cleanups.push(() => void socket.destroy());
  return socket.resume();
}

/** Of 10 bytes. */
const message = Buffer.from([0, 0, 0, 0, 10, ...Array.from({ length: 10 }, () => 0)]);
/** The first 3,000 bytes of 65,536. */
const begun = Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), Buffer.alloc(2_995)]);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets what has come be handled, and what was put off to the next turn. */
async function turn(clock: ManualClock): Promise<void> {
  clock.advance(1);
  await new Promise((resolve) => setImmediate(resolve));
}

const silent: Method = { kind: 'unary', handler: () => new Promise<never>(() => {}) };

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A call whose headers take 60,000 bytes, more than is let in and less than HTTP/2 itself refuses. */
function oversizeCall(stream: number): Buffer {
  const field = (name: string, value: string): Buffer => {
    // Lengths below 127 fit a byte; a longer one is 127 and the rest in groups of seven bits (RFC 7541 §5.1).
    const rest = value.length - 127;
    const length =
      rest < 0 ? [value.length] : [127, (rest & 127) | 128, ((rest >> 7) & 127) | 128, rest >> 14];
    return Buffer.concat([
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from(length),
      Buffer.from(value),
    ]);
  };
  const block = Buffer.concat([
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':path', path),
    field(':authority', 'a'),
    field('token', 'x'.repeat(60_000)),
  ]);
  const part = (at: number): Buffer => block.subarray(at, at + 16_000);
  return Buffer.concat([
    frame(1, 0, stream, part(0)),
    frame(9, 0, stream, part(16_000)),
    frame(9, 0, stream, part(32_000)),
    frame(9, 4, stream, part(48_000)),
  ]);
}

describe('a connection that takes what it may not', () => {
  test('is not read any further after some headers that are too large', async () => {
    const { clock, cuts, portNumber } = await start(silent);
    const socket = dial(portNumber);
    const calls = Array.from({ length: 200 }, (_, i) => oversizeCall(2 * i + 1));
    // It never agrees to the limit that it is told, so that HTTP/2 does not keep to it.
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(4, 0, 0, Buffer.alloc(0)),
        ...calls,
      ]),
    );
    while (!cuts.includes('overhead')) await turn(clock);
    // A burst of 256 KiB beyond what calls need, and what was read along with the last of it.
    expect(cuts.filter((reason) => reason === 'header_bytes').length).toBeLessThan(10);
  });

  test('is closed when many of its calls had to be ended', async () => {
    const { clock, cuts, portNumber } = await start(silent, { maxUnfinishedBytes: 90_000 });
    const session = await sessionOf(portNumber);
    // `once` would end with the error that the session ends with.
    const closed = new Promise<void>((resolve) => session.once('close', resolve));
    for (let i = 0; i < 200; i++) open(session).write(begun);
    while (!cuts.includes('cut_calls')) await turn(clock);
    clock.advance(0);
    await closed;
    expect(cuts.filter((reason) => reason === 'unfinished_requests').length).toBeLessThan(150);
  });

  test('has its calls ended when it is cut, each of them', async () => {
    let aborted = 0;
    const waiting: Method = {
      kind: 'unary',
      handler: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted++;
            reject(new Error('given up'));
          });
        }),
    };
    const { clock, cuts, portNumber, usage } = await start(waiting);
    const session = await sessionOf(portNumber);
    for (let i = 0; i < 300; i++) open(session).end(message);
    while (usage().calls < 300) await turn(clock);
    while (!cuts.includes('pings') && !session.destroyed) {
      for (let i = 0; i < 100; i++) session.ping(Buffer.alloc(8), () => {});
      await turn(clock);
    }
    while (usage().calls > 0) await turn(clock);
    expect(aborted).toBe(300);
    expect(usage()).toMatchObject({ connections: 0, calls: 0, unfinishedBytes: 0 });
  });
});

test('calls of one connection that come by the hundred let those of others in between', async () => {
  const order: string[] = [];
  const noting: Method = {
    kind: 'unary',
    handler: (request, call) => {
      order.push(call.metadata('from') ?? '');
      return request;
    },
  };
  const { clock, portNumber } = await start(noting);
  const [busy, other] = [await sessionOf(portNumber), await sessionOf(portNumber)];
  for (let i = 0; i < 50; i++) open(busy, { from: 'busy' }).end(message);
  for (let i = 0; i < 12; i++) open(other, { from: 'other' }).end(message);
  if (!isLean) {
    // Those that begin at once.
    await until(() => order.length === 16);
    // All that was sent has come when what is sent after it is answered.
    await Promise.all([busy, other].map((session) => new Promise((resolve) => session.ping(resolve))));
    clock.advance(0);
  }
  await until(() => order.length === 62);
  // There, a clock that stands makes a slice of time endless, so only that all of them are called is seen.
  if (!isLean) expect(order.lastIndexOf('other')).toBeLessThan(16 + 8 + 4);
});

test('calls together hold only so many bytes of headers', async () => {
  const { cuts, portNumber, usage } = await start(silent, { maxUnfinishedBytes: 60_000 });
  const session = await sessionOf(portNumber);
  for (let i = 0; i < 7; i++) open(session, { token: 'x'.repeat(10_000) }).end(message);
  await until(() => cuts.length > 0);
  expect(cuts).toEqual(['calls', 'calls']);
  expect(usage().calls).toBe(5);
});

test('a connection that takes nothing waits with its next calls, until it does', async () => {
  let begun = 0;
  const large: Method = {
    kind: 'unary',
    handler: () => {
      begun++;
      return new Uint8Array(100_000);
    },
  };
  const { clock, portNumber, usage } = await start(large, { maxUntakenBytes: 16 * 250_000 });
  const session = await sessionOf(portNumber, { initialWindowSize: 0 });
  for (let i = 0; i < 8; i++) {
    open(session).end(message);
    // It has come when this is answered; more often, nobody may ask.
    clock.advance(5_000);
    await new Promise((resolve) => session.ping(resolve));
    await turn(clock);
  }
  // Three of them are more than a sixteenth of what all may hold.
  expect(begun).toBe(3);
  // The other transport lets none in of them; there is the head of a message in front of what waits.
  expect(usage()).toMatchObject(
    isLean ? { calls: 8, untakenBytes: 300_015 } : { calls: 3, untakenBytes: 300_000 },
  );
  session.settings({ initialWindowSize: 1 << 20 });
  while (begun < 8) await turn(clock);
  while (usage().calls > 0) await turn(clock);
  expect(usage()).toMatchObject({ connections: 1, untakenBytes: 0 });
});

describe('an address whose connections come to nothing', () => {
  test('waits with the next, and is served then', async () => {
    const { clock, port, portNumber, delayed } = await start(silent);
    const ends = Array.from({ length: 30 }, () => once(dial(portNumber), 'close'));
    await until(() => port.connections.open === 30);
    clock.advance(10_000);
    await Promise.all(ends);
    expect(delayed()).toBe(0);
    expect(port.offenders).toBe(1);
    const socket = dial(portNumber);
    const answered = once(socket, 'data');
    socket.write('GET /version HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => delayed() === 1);
    expect(port.connections.waiting).toBe(1);
    clock.advance(1_000);
    expect(String(await answered)).toContain('200 OK');
  });

  test('does not when they ask for something', async () => {
    const { port, portNumber, delayed } = await start(silent);
    for (let i = 0; i < 30; i++) {
      const socket = dial(portNumber);
      socket.write('GET /version HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      await once(socket, 'close');
    }
    expect(delayed()).toBe(0);
    expect(port.offenders).toBe(0);
  });
});
