import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ManualClock } from '@quorate/std/testing';
import { afterEach, expect, test } from 'vitest';
import {
  ClientPort,
  HttpSurface,
  methodTable,
  type ClientListener,
  type ClientPortOptions,
  type HttpHandler,
} from '../src/index.ts';
import { ServerUnderTest } from './server-under-test.ts';
import { FakeMember } from './fake-member.ts';

const open: { port: ClientPort; sockets: Socket[] }[] = [];

afterEach(async () => {
  for (const { port, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await port.close({ graceMs: 0 });
  }
});

/** A port of a member, what it refused, and sockets to it that end with the test. */
async function openPort(options: Partial<ClientPortOptions> = {}, listener?: ClientListener) {
  const member = new FakeMember();
  const refusals: string[] = [];
  const clock = new ManualClock();
  const port = new ClientPort({
    grpc: new ServerUnderTest({ methods: methodTable(member), maxReceiveBytes: 64 * 1024 }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '3.6.14', cluster: '3.6.0', storage: '3.6.0' }),
      metrics: async () => ({ contentType: 'text/plain', text: 'a_metric 1\n' }),
    }),
    clock,
    onConnectionRefused: (reason) => refusals.push(reason),
    ...options,
  });
  const portNumber = await port.listen({ host: '127.0.0.1', port: 0 }, listener);
  const sockets: Socket[] = [];
  open.push({ port, sockets });
  const dial = async (): Promise<Socket> => {
    const socket = connect(portNumber, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const waitFor = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((next) => setImmediate(next));
  };
  return { port, portNumber, clock, refusals, dial, waitFor };
}

/** Everything that comes until the end. */
async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data) => (text += String(data)));
  if (!socket.closed) await new Promise((closed) => socket.once('close', closed));
  return text;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
) {
  return new Promise<Reply>((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

test.each([
  ['nothing', ''],
  ['half a preface of HTTP/2', preface.slice(0, 10)],
  ['a preface and no settings', preface],
])('a connection that says %s is closed at the deadline', async (_what, said) => {
  const { port, clock, refusals, dial, waitFor } = await openPort({ requestTimeoutMs: 10_000 });
  const socket = await dial();
  if (said !== '') socket.write(said);
  await waitFor(() => port.connections.waiting === 1);
  const end = readToEnd(socket);
  clock.advance(9_999);
  expect(port.connections).toEqual({ open: 1, waiting: 1 });
  clock.advance(1);
  expect(await end).toBe('');
  expect(refusals).toEqual(['no request in time']);
  expect(port.connections).toEqual({ open: 0, waiting: 0 });
});

test('a connection that has said what it speaks has no such deadline any more', async () => {
  const { port, clock, dial, waitFor } = await openPort();
  const socket = await dial();
  socket.write(Buffer.concat([Buffer.from(preface), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]));
  await waitFor(() => port.connections.open === 1 && port.connections.waiting === 0);
  clock.advance(1_000_000);
  expect(port.connections.open).toBe(1);
  expect(socket.closed).toBe(false);
});

test.each([
  ['the head of a request', 'GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: '],
  ['its body', 'POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc'],
])('whoever is slow at %s is cut off', async (_what, said) => {
  const { port, dial } = await openPort({ requestTimeoutMs: 100 });
  const socket = await dial();
  socket.write(said);
  await readToEnd(socket);
  expect(port.connections.open).toBe(0);
});

test('a client of HTTP/1 that closes its side behind its request gets the answer', async () => {
  const { dial } = await openPort();
  const socket = await dial();
  socket.end('GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(await readToEnd(socket)).toMatch(/^HTTP\/1.1 200 OK[^]*"etcdserver":"3.6.14"/);
});

test('a connection whose client closes its side of HTTP/2, or says nothing, is let go', async () => {
  const { port, dial, waitFor, clock } = await openPort({ requestTimeoutMs: 10_000 });
  const speaking = await dial();
  speaking.end(`${preface}\0\0\0\x04\0\0\0\0\0`);
  expect((await readToEnd(speaking)).length).toBeGreaterThan(0);
  const silent = await dial();
  silent.end();
  await waitFor(() => port.connections.open === 1);
  clock.advance(10_000);
  await waitFor(() => port.connections.open === 0);
});

test('a head that is too large is refused', async () => {
  const { dial } = await openPort();
  const socket = await dial();
  socket.write(`GET /health HTTP/1.1\r\nHost: a\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`);
  expect(await readToEnd(socket)).toMatch(/^HTTP\/1.1 431 /);
});

test('silent connections make room for new ones, the oldest first', async () => {
  const { port, portNumber, refusals, dial, waitFor } = await openPort({ maxWaiting: 3 });
  const silent = [await dial()];
  await waitFor(() => port.connections.waiting === 1);
  for (let i = 0; i < 4; i++) silent.push(await dial());
  await waitFor(() => refusals.length === 2);
  expect(port.connections).toEqual({ open: 3, waiting: 3 });
  expect(await ask(portNumber, '/health')).toMatchObject({ status: 200 });
  await readToEnd(silent[0]!);
  expect(silent.at(-1)?.closed).toBe(false);
});

test('when all connections are in use, one more is closed at once', async () => {
  const { port, portNumber, refusals, dial, waitFor } = await openPort({ maxConnections: 2 });
  for (let i = 0; i < 2; i++) (await dial()).write('GET / HTTP/1.1\r\n');
  await waitFor(() => port.connections.open === 2 && port.connections.waiting === 0);
  const late = await dial();
  expect(await readToEnd(late)).toBe('');
  expect(refusals).toEqual(['too many connections']);
  await expect(ask(portNumber, '/health')).rejects.toThrow();
});

test('a port for gRPC only hears no HTTP/1, and one for HTTP only hears it', async () => {
  const grpc = await openPort({}, { serves: 'grpc' });
  const http = await openPort({}, { serves: 'http' });
  await expect(ask(grpc.portNumber, '/health')).rejects.toThrow();
  expect(await ask(http.portNumber, '/version')).toMatchObject({ status: 200 });
});

/** Handlers that fail, by where they are asked; each says what a client must not hear. */
const failing = {
  handle: ({ url = '' }, response) => {
    if (!url.startsWith('/v3/')) return false;
    if (url.startsWith('/v3/done')) {
      response.end('done');
      throw new Error('secret');
    }
    response.setHeader('Content-Length', 6).setHeader('X-Secret', 'secret');
    if (url.startsWith('/v3/begun')) response.write('half');
    throw new Error('secret');
  },
  upgrade: ({ url = '' }, socket) => {
    if (url === '/v3/begun') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    throw new Error('secret');
  },
} satisfies HttpHandler;

test('a handler that fails is told of once, by its path; its client gets a 500 and nothing of what failed', async () => {
  const told: unknown[] = [];
  const { portNumber, dial } = await openPort({
    api: failing,
    http: { answer: (_method, url) => Promise.reject(new Error(`secret of ${url}`)) },
    access: { hosts: ['*'], origins: ['http://good.example'] },
    onInternalError: (path, error) => told.push([path, (error as Error).message]),
  });
  for (const path of ['/v3/kv/range', '/metrics', '/health']) {
    const headers = { Origin: 'http://good.example' };
    const { status, body, ...answer } = await ask(portNumber, `${path}?key=stored`, { headers });
    expect({ status, body }).toEqual({ status: 500, body: 'Internal Server Error\n' });
    expect(answer.headers['content-length']).toBe(String(body.length));
    expect(JSON.stringify(answer.headers)).not.toContain('secret');
    expect(answer.headers['access-control-allow-origin']).toBe('http://good.example');
  }
  expect(told).toEqual([
    ['/v3/kv/range', 'secret'],
    ['/metrics', 'secret of /metrics?key=stored'],
    ['/health', 'secret of /health?key=stored'],
  ]);
  told.length = 0;
  // What was answered, or begun, can't be taken back.
  expect(await ask(portNumber, '/v3/done')).toMatchObject({ status: 200, body: 'done' });
  const begun = await dial();
  begun.write('GET /v3/begun HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(await readToEnd(begun)).not.toContain('500');
  expect(told).toEqual([
    ['/v3/done', 'secret'],
    ['/v3/begun', 'secret'],
  ]);
});

test('a WebSocket whose handler fails gets a 500 unless it was begun, and the owner is told', async () => {
  const told: unknown[] = [];
  const onInternalError = (path: string, error: unknown): unknown => told.push([path, String(error)]);
  const { dial } = await openPort({ api: failing, onInternalError });
  const upgrade = async (path: string): Promise<string> => {
    const socket = await dial();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    return readToEnd(socket);
  };
  const answer = await upgrade('/v3/watch');
  expect(answer).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/);
  expect(answer).not.toContain('secret');
  expect(await upgrade('/v3/begun')).not.toContain('500');
  expect(told).toEqual([
    ['/v3/watch', 'Error: secret'],
    ['/v3/begun', 'Error: secret'],
  ]);
});

test('a port for metrics serves metrics and health, and nothing else', async () => {
  const { portNumber } = await openPort({}, { serves: 'metrics' });
  for (const path of ['/metrics', '/health', '/livez', '/readyz', '/readyz/data_corruption']) {
    expect(await ask(portNumber, path), path).toMatchObject({ status: 200 });
  }
  for (const path of [
    '/version',
    '/',
    '/v3/kv/range',
    '/metrics/x',
    '//metrics',
    '/debug/vars',
    '/../metrics/../version',
  ]) {
    expect(await ask(portNumber, path), path).toMatchObject({ status: 404 });
  }
});

test('a request to a host that is not ours is refused (CVE-2018-5702)', async () => {
  const access = { hosts: ['etcd.local', '127.0.0.1', '::1'], origins: ['*'] };
  const { portNumber } = await openPort({ access });
  const to = (host: string) => ask(portNumber, '/health', { headers: { Host: host } });
  for (const host of ['etcd.local', 'etcd.local:2379', '127.0.0.1:2379', '[::1]:2379', '::1']) {
    expect(await to(host), host).toMatchObject({ status: 200 });
  }
  for (const host of ['evil.example', 'etcd.local.evil.example:2379', 'localhost']) {
    const reply = await to(host);
    expect(reply, host).toMatchObject({ status: 421 });
    expect(reply.body).toContain('--host-whitelist');
    expect(reply.headers['access-control-allow-origin']).toBeUndefined();
  }
});

test('pages of any origin may read answers unless origins are named', async () => {
  const anybody = await openPort();
  const some = await openPort({ access: { hosts: ['*'], origins: ['https://console.example'] } });
  const allowed = async (port: number, origin?: string, method = 'GET') => {
    const { status, headers } = await ask(port, '/health', {
      method,
      headers: origin === undefined ? {} : { Origin: origin },
    });
    return [status, headers['access-control-allow-origin']];
  };
  expect(await allowed(anybody.portNumber, 'https://a.example')).toEqual([200, '*']);
  expect(await allowed(anybody.portNumber)).toEqual([200, '*']);
  expect(await allowed(some.portNumber, 'https://console.example')).toEqual([200, 'https://console.example']);
  expect(await allowed(some.portNumber, 'https://console.example', 'OPTIONS')).toEqual([
    200,
    'https://console.example',
  ]);
  expect(await allowed(some.portNumber, 'https://a.example')).toEqual([200, undefined]);
  expect(await allowed(some.portNumber)).toEqual([200, undefined]);
  const { headers } = await ask(anybody.portNumber, '/health', { method: 'OPTIONS' });
  expect(headers).toMatchObject({
    'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'access-control-allow-headers': 'accept, content-type, authorization',
  });
});

test('what goes wrong inside is not told to strangers', async () => {
  const { portNumber } = await openPort({
    http: new HttpSurface({
      member: new FakeMember(),
      versions: () => ({ server: '', cluster: '', storage: '' }),
      metrics: () => Promise.reject(new Error('canary')),
    }),
  });
  const reply = await ask(portNumber, '/metrics');
  expect(reply).toMatchObject({ status: 500, body: 'Internal Server Error\n' });
});

test('a target that is no URL is found nowhere', async () => {
  const { dial } = await openPort();
  for (const target of ['//', '/\\\\', '//:a/metrics']) {
    const socket = await dial();
    socket.end(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 404 /);
  }
});

test('whatever a handler throws ends its request, and nothing else', async () => {
  const broken = (): never => {
    throw new Error('canary');
  };
  const { dial, portNumber } = await openPort({ api: { handle: broken, upgrade: broken } });
  expect(await ask(portNumber, '/a')).toMatchObject({ status: 500, body: 'Internal Server Error\n' });
  const socket = await dial();
  socket.write('GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 500 [^]*\r\n\r\nInternal Server Error\n$/);
});
