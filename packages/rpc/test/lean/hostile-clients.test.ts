import { flag, frame, frameType, setting, windowUpdate } from '@quorate/http2/testing';
import { ManualClock } from '@quorate/std/testing';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import type { ServedConnection } from '../../src/grpc-server.ts';
import { serveOverHttp1 } from '../../src/http2-requests.ts';
import { LeanGrpcServer, status, type CutReason, type Method } from '../../src/index.ts';
import { FrameClient, message, turns } from './frame-client.ts';

const path = '/test.Test/Call';
const echo: Method = { kind: 'unary', handler: (request) => request };
const largeWindows = [[setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]] as const;

function start(
  method: Method,
  {
    limits = {},
    maxReceiveBytes = 1 << 20,
    served = {},
  }: {
    limits?: ConstructorParameters<typeof LeanGrpcServer>[0]['limits'] & {};
    maxReceiveBytes?: number;
    served?: ServedConnection;
  } = {},
) {
  const clock = new ManualClock();
  const cuts: CutReason[] = [];
  const bugs: unknown[] = [];
  const server = new LeanGrpcServer({
    methods: new Map([[path, method]]),
    maxReceiveBytes,
    clock,
    limits,
    observer: { onCut: (reason) => cuts.push(reason), onInternalError: (_, error) => bugs.push(error) },
  });
  const connect = (entries?: ConstructorParameters<typeof FrameClient>[0]): FrameClient => {
    const client = new FrameClient(entries);
    server.serve(client.socket, served);
    return client;
  };
  return { bugs, clock, connect, cuts, server };
}

/** A stream whose handler takes nothing before it is told to, and then all there is. */
function waiting(): { method: Method; open: () => void; taken: Uint8Array[] } {
  const gate = Promise.withResolvers<void>();
  const taken: Uint8Array[] = [];
  const method: Method = {
    kind: 'stream',
    clientStreams: true,
    serverStreams: true,
    handler: async (call) => {
      await gate.promise;
      for await (const request of call.requests) taken.push(request);
    },
  };
  return { method, open: gate.resolve, taken };
}

/** Sends the same again and again, as far as the window of the stream allows, until it stands still; the bytes sent. */
async function sendWithinWindow(client: FrameClient, piece: Uint8Array, most: number): Promise<number> {
  let window = 128 * 1024;
  let sent = 0;
  for (let idle = 0; idle < 3 && sent < most; idle++) {
    while (window >= piece.length && sent < most) {
      client.data(1, piece);
      window -= piece.length;
      sent += piece.length;
      idle = 0;
    }
    await turns();
    for (const { type, streamId, payload } of client.heard()) {
      if (type === frameType.WINDOW_UPDATE && streamId === 1) window += Buffer.from(payload).readUInt32BE();
    }
  }
  return sent;
}

/** Calls, lets the whole answer be sent, and does not read it from its socket. */
function askAndTakeNothing(client: FrameClient): void {
  client.isBlocked = true;
  client
    .send(windowUpdate(0, 1 << 30))
    .request(1)
    .data(1, message(new Uint8Array(0)), { isEnd: true });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turns(1);
}

test.each([
  ['messages of nothing', Buffer.concat(Array.from({ length: 3_000 }, () => message(new Uint8Array(0))))],
  [
    'compressed ones',
    Buffer.concat(Array.from({ length: 10 }, () => message(gzipSync(Buffer.alloc(1 << 18)), true))),
  ],
])('a client whose %s nobody takes has to wait', async (_, piece) => {
  const { method, open, taken } = waiting();
  const { connect, server } = start(method, { maxReceiveBytes: 2 << 20 });
  const client = connect().request(1, {
    fields: { 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' },
  });
  const sent = await sendWithinWindow(client, piece, 4 << 20);
  expect(sent).toBeLessThan(1 << 20);
  expect(server.usage.unfinishedBytes).toBeGreaterThan(0);
  open();
  client.data(1, new Uint8Array(0), { isEnd: true });
  await until(() => server.usage.calls === 0);
  const perPiece = piece[0] === 0 ? 3_000 : 10;
  expect(taken.length).toBe((sent / piece.length) * perPiece);
  expect(server.usage.unfinishedBytes).toBe(0);
});

test('messages that nobody takes are held in memory of their own, and all of them within a limit', async () => {
  const { method, open, taken } = waiting();
  const { connect, cuts, server } = start(method, { limits: { maxUnfinishedBytes: 10_000 } });
  const client = connect()
    .request(1)
    .data(1, message(Buffer.from('hello')))
    .request(3);
  await turns();
  expect(server.usage.unfinishedBytes).toBeGreaterThan(0);
  client.data(3, message(new Uint8Array(12_000)));
  await turns();
  expect(cuts).toEqual(['unfinished_requests']);
  expect(client.heard().some(({ type, streamId }) => type === frameType.RST_STREAM && streamId === 3)).toBe(
    true,
  );
  open();
  client.data(1, new Uint8Array(0), { isEnd: true });
  await until(() => server.usage.calls === 0);
  expect(taken.map((one) => [Buffer.from(one).toString(), one.buffer.byteLength])).toContainEqual([
    'hello',
    5,
  ]);
});

test('requests that are whole and not ended are held in memory of their own, and all of them within a limit', async () => {
  const requests: Uint8Array[] = [];
  const noting: Method = {
    kind: 'unary',
    handler: (request) => {
      requests.push(request);
      return request;
    },
  };
  const { connect, cuts, server } = start(noting, { limits: { maxUnfinishedBytes: 10_000 } });
  const client = connect()
    .request(1)
    .data(1, message(Buffer.from('hello')))
    .request(3);
  await turns();
  expect(server.usage.unfinishedBytes).toBeGreaterThan(5);
  client.data(3, message(new Uint8Array(12_000)));
  await turns();
  expect(cuts).toEqual(['unfinished_requests']);
  client.data(1, new Uint8Array(0), { isEnd: true });
  await until(() => server.usage.calls === 0);
  expect(requests.map((one) => [Buffer.from(one).toString(), one.buffer.byteLength])).toEqual([['hello', 5]]);
  expect(server.usage.unfinishedBytes).toBe(0);
});

test('a client that takes nothing holds few pages, however little each answer is', async () => {
  const { connect, server } = start(echo);
  const pages = vi.spyOn(server.pages, 'take');
  const client = connect();
  await turns();
  client.isBlocked = true;
  for (let id = 1; id < 2_000; id += 2) {
    client.request(id).data(id, message(new Uint8Array(0)), { isEnd: true });
    await turns(2);
  }
  expect(pages.mock.calls.length).toBeLessThan(40);
  client.unblock();
  await turns(10);
  const answered = client
    .heard()
    .filter(({ flags, type }) => type === frameType.HEADERS && (flags & flag.END_STREAM) !== 0);
  expect(answered).toHaveLength(1_000);
});

test('what waits for the sockets of all clients that take nothing has a limit', async () => {
  const large: Method = { kind: 'unary', handler: () => new Uint8Array(300_000) };
  const { connect, cuts, server } = start(large, { limits: { maxUntakenBytes: 1_000_000 } });
  const clients = Array.from({ length: 5 }, () => connect(largeWindows));
  for (const client of clients) {
    askAndTakeNothing(client);
    await turns();
  }
  expect(cuts).toContain('untaken_responses');
  expect(server.usage.untakenBytes).toBeLessThan(1_000_000);
  for (const client of clients) client.unblock();
  await turns(10);
  expect(server.usage.untakenBytes).toBe(0);
});

test('requests that wait until their client takes what it asked for before are held within a limit', async () => {
  const large: Method = { kind: 'unary', handler: () => new Uint8Array(200_000) };
  const { connect, cuts, server } = start(large, {
    limits: { maxUntakenBytes: 1_600_000, maxUnfinishedBytes: 100_000 },
  });
  const client = connect();
  client.request(1).data(1, message(new Uint8Array(0)), { isEnd: true });
  await turns();
  for (let id = 3; id < 20; id += 2) {
    client.request(id).data(id, message(new Uint8Array(16_000)), { isEnd: true });
    await turns();
  }
  expect(new Set(cuts)).toEqual(new Set(['unfinished_requests']));
  expect(server.usage.unfinishedBytes).toBeGreaterThan(50_000);
  expect(server.usage.unfinishedBytes).toBeLessThan(100_000);
  client.send(windowUpdate(1, 1 << 20), windowUpdate(0, 1 << 24));
  await turns(10);
  expect(server.usage.unfinishedBytes).toBe(0);
});

test('a client that has ended and takes nothing is not waited for', async () => {
  const { clock, connect, server } = start({ kind: 'unary', handler: () => new Uint8Array(1 << 20) });
  const client = connect(largeWindows);
  askAndTakeNothing(client);
  await turns();
  client.end();
  await turns();
  expect(server.usage.connections).toBe(0);
  expect(client.socket.destroyed).toBe(false);
  clock.advance(5_000);
  expect(client.socket.destroyed).toBe(true);
});

test('requests that are no calls are limited, for a connection and for all', async () => {
  const { connect, cuts, server } = start(echo, { served: { onRequest: (stream) => void stream.resume() } });
  const refused = (client: FrameClient): number =>
    client.heard().filter(({ type, payload }) => type === frameType.RST_STREAM && payload[3] === 7).length;
  const clients = Array.from({ length: 42 }, () => connect());
  for (const client of clients) for (let id = 1; id < 240; id += 2) client.request(id, { fields: {} });
  await turns();
  expect(clients.slice(0, 40).map(refused)).toEqual(new Array(40).fill(20));
  expect(clients.slice(40).map(refused)).toEqual([24, 120]);
  expect(new Set(cuts)).toEqual(new Set(['connection_calls', 'calls']));
  for (const client of clients) for (let id = 1; id < 240; id += 2) client.reset(id);
  await turns();
  const [again] = [connect()];
  again.request(1, { fields: {} });
  await turns();
  expect(refused(again)).toBe(0);
  expect(server.usage.calls).toBe(0);
});

test('a mistake of ours ends the connection that met it, and nothing else', async () => {
  const bug = new Error('a mistake');
  const { bugs, connect, server } = start(echo, {
    served: {
      onRequest: () => {
        throw bug;
      },
    },
  });
  const [unlucky, other] = [connect(), connect()];
  unlucky.request(1, { fields: {} });
  await turns();
  expect(bugs).toEqual([bug]);
  expect(unlucky.heard().find(({ type }) => type === frameType.GOAWAY)?.payload[7]).toBe(2);
  other.request(1).data(1, message(Buffer.from('a')), { isEnd: true });
  await turns();
  expect(other.heard().filter(({ type }) => type === frameType.DATA)).toHaveLength(1);
  expect(server.usage.connections).toBe(1);
});

test('requests that are too large are told so, however many, and cost no connection', async () => {
  const { connect, cuts } = start(echo, { maxReceiveBytes: 1_000 });
  const client = connect();
  const begun = message(new Uint8Array(128 * 1024)).subarray(0, 16_384);
  let told = 0;
  for (let id = 1; id < 200; id += 2) {
    // All that its window allows, before it can have heard of the answer.
    client.request(id).data(id, begun);
    for (let more = 1; more < 8; more++) client.data(id, new Uint8Array(16_384));
    await turns();
    for (const one of client.heard()) {
      if (one.type !== frameType.HEADERS || one.streamId !== id) continue;
      told++;
      expect(client.fieldsOf(one)).toMatchObject({
        'grpc-status': String(status.RESOURCE_EXHAUSTED),
        'grpc-message': 'grpc: received message larger than max (131072 vs. 1000)',
      });
    }
  }
  expect([told, cuts]).toEqual([100, []]);
});

test('a stream that ends with its header has its handler, too', async () => {
  const { method, open, taken } = waiting();
  const { connect, server } = start(method);
  const client = connect().request(1, { isEnd: true });
  open();
  await turns(6);
  const ends = client.heard().filter(({ type }) => type === frameType.HEADERS);
  expect(ends.map((one) => client.fieldsOf(one)['grpc-status']).at(-1)).toBe('0');
  expect([taken.length, server.usage.calls]).toEqual([0, 0]);
});

test.each([
  [2, 'grpc: received unexpected payload format 2'],
  [1, 'grpc: compressed flag set with identity or empty encoding'],
])('a message with the flag %i is refused in the words of gRPC', async (first, text) => {
  const { connect } = start(echo);
  const client = connect()
    .request(1)
    .data(1, Buffer.of(first, 0, 0, 0, 1, 7), { isEnd: true });
  await turns(5);
  const [end] = client.heard().filter(({ type }) => type === frameType.HEADERS);
  expect(end && client.fieldsOf(end)).toMatchObject({ 'grpc-status': '13', 'grpc-message': text });
});

test.each([
  ['a path with a space', { ':path': '/a b' }],
  ['a path that is a letter of no URI', { ':path': '/\u00e4\u0001' }],
  ['a name that is no token', { 'a"b': 'x' }],
  ['a value with a control character', { name: '\u0001' }],
  ['the announcement of a trailer', { ':method': 'GET', trailer: 'later' }],
])('a request that HTTP/1 cannot say is refused: %s', async (_, fields) => {
  const { bugs, connect } = start(echo, {
    served: {
      onRequest: (stream, headers, _flags, rawHeaders) => {
        const origin = { commonName: undefined, address: undefined, isEncrypted: false };
        serveOverHttp1(stream, { headers, rawHeaders }, { origin, serve: () => {} });
      },
    },
  });
  const client = connect().request(1, { fields, isEnd: true }).request(3, { fields });
  await turns(6);
  const answers = client.heard().filter(({ type }) => type === frameType.HEADERS);
  expect(answers.map((one) => [one.streamId, client.fieldsOf(one)[':status']])).toEqual([
    [1, '400'],
    [3, '400'],
  ]);
  expect(bugs).toEqual([]);
});

test('a server that stops says so twice: requests under way to it are served, those behind them are not', async () => {
  const finish = Promise.withResolvers<void>();
  const slow: Method = {
    kind: 'unary',
    handler: async (request) => {
      await finish.promise;
      return request;
    },
  };
  const { connect, server } = start(slow);
  const ask = (id: number): void =>
    void client.request(id).data(id, message(new Uint8Array(0)), { isEnd: true });
  const heard = async (...types: number[]) => {
    await turns(6);
    return client.heard().filter(({ type }) => types.includes(type));
  };
  const last = (goAway: { readonly payload: Uint8Array } | undefined): number =>
    Buffer.from(goAway?.payload ?? []).readUInt32BE();
  const client = connect();
  ask(1);
  await turns();
  const stopped = server.stop({ graceMs: 60_000 });
  const [first, ping] = await heard(frameType.GOAWAY, frameType.PING);
  expect(last(first)).toBe(0x7fff_ffff);
  // It was under way when the server said so.
  ask(3);
  client.send(frame({ type: frameType.PING, flags: flag.ACK, payload: ping!.payload }));
  ask(5);
  const [second, reset] = await heard(frameType.GOAWAY, frameType.RST_STREAM);
  expect(last(second)).toBe(3);
  expect([reset?.streamId, reset?.payload[3]]).toEqual([5, 7]);
  finish.resolve();
  const answers = await heard(frameType.DATA);
  expect(answers.map(({ streamId }) => streamId)).toEqual([1, 3]);
  expect(client.socket.writableEnded).toBe(true);
  client.end();
  await stopped;
  expect(server.usage).toMatchObject({ connections: 0, calls: 0 });
});
