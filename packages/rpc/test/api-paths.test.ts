import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { HttpFront } from '../src/http-front.ts';
import { HttpSurface, type HttpHandler } from '../src/index.ts';
import type { HttpAccess } from '../src/http-access.ts';
import { FakeMember } from './fake-member.ts';

const opened: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of opened.splice(0)) await stack.disposeAsync();
});

/** Answers below `/v3/` with what it was asked for. */
const api: HttpHandler = {
  handle: ({ url = '' }, response) => {
    if (!url.startsWith('/v3/')) return false;
    response.writeHead(200).end(`api ${url}`);
    return true;
  },
  upgrade: ({ url = '' }, socket) => {
    if (!url.startsWith('/v3/')) return false;
    socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    return true;
  },
};

/** A front whose connections have a certificate of that name; resolves to the port. */
async function open(
  access: Partial<HttpAccess> = {},
  { commonName, scope = 'all' }: { commonName?: string; scope?: 'all' | 'metrics' } = {},
): Promise<number> {
  const surface = new HttpSurface({
    member: new FakeMember(),
    versions: () => ({ server: '3.6.14', cluster: '3.6.0', storage: '3.6.0' }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
  });
  const front = new HttpFront({
    surface,
    scope,
    api,
    access: { hosts: ['*'], origins: ['*'], ...access },
    requestTimeoutMs: 10_000,
  });
  const sockets = new Set<{ destroy(): void }>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    front.serve(socket, { commonName });
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const stack = new AsyncDisposableStack();
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    front.close();
    listener.close();
  });
  opened.push(stack);
  const address = listener.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

async function ask(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'POST',
) {
  const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode, headers: response.headers, body };
}

/** The first line of the answer to a wish for another protocol. */
async function upgrade(port: number, path: string, headers: readonly string[] = [], protocol = 'websocket') {
  const socket = connect(port, '127.0.0.1');
  const head = [
    `GET ${path} HTTP/1.1`,
    'Host: member',
    'Connection: Upgrade',
    `Upgrade: ${protocol}`,
    ...headers,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return data.toString().split('\r\n', 1)[0];
}

test('paths of the API are its own, and all others are those of the port', async () => {
  const port = await open();
  expect(await ask(port, '/v3/kv/range')).toMatchObject({ status: 200, body: 'api /v3/kv/range' });
  expect(await ask(port, '/version', {}, 'GET')).toMatchObject({ status: 200 });
  expect(await ask(port, '/v4', {}, 'GET')).toMatchObject({ status: 404 });
});

test('hosts and origins hold for the API as for everything', async () => {
  const port = await open({ hosts: ['member'], origins: ['http://good.example'] });
  expect(await ask(port, '/v3/x', { Host: 'evil.example' })).toMatchObject({ status: 421 });
  const cors = async (Origin: string) => {
    const { headers } = await ask(port, '/v3/x', { Host: 'member', Origin });
    return headers['access-control-allow-origin'];
  };
  expect(await cors('http://good.example')).toBe('http://good.example');
  expect(await cors('http://bad.example')).toBeUndefined();
  expect(await ask(port, '/v3/x', { Host: 'member' }, 'OPTIONS')).toMatchObject({ status: 200, body: '' });
});

test('a port for metrics has no API', async () => {
  const port = await open({}, { scope: 'metrics' });
  expect(await ask(port, '/v3/kv/range')).toMatchObject({ status: 404 });
  expect(await upgrade(port, '/v3/watch')).toBe('HTTP/1.1 404 Not Found');
});

test('a certificate that names somebody keeps calls out while authentication is on, as in etcd', async () => {
  let isOn = true;
  const named = await open({ refusesNames: () => isOn }, { commonName: 'ann' });
  const refused = await ask(named, '/v3/kv/range');
  expect(refused).toMatchObject({ status: 400 });
  expect(refused.body).toBe(
    'CommonName of client sending a request against gateway will be ignored and not used as expected\n',
  );
  expect(await upgrade(named, '/v3/watch')).toBe('HTTP/1.1 400 Bad Request');
  for (const path of ['/v3beta/kv/range', '/v%33/kv/range', '/%763/kv/range']) {
    expect(await ask(named, path), path).toMatchObject({ status: 400 });
  }
  expect(await ask(named, '/health', {}, 'GET')).not.toMatchObject({ status: 400 });
  isOn = false;
  expect(await ask(named, '/v3/kv/range')).toMatchObject({ status: 200 });
  const nameless = await open({ refusesNames: () => true });
  expect(await ask(nameless, '/v3/kv/range')).toMatchObject({ status: 200 });
});

test('a WebSocket is for the API, and for pages that may read answers', async () => {
  const port = await open({ hosts: ['member'], origins: ['http://good.example'] });
  const switched = 'HTTP/1.1 101 Switching Protocols';
  expect(await upgrade(port, '/v3/watch')).toBe(switched);
  expect(await upgrade(port, '/v3/watch', ['Origin: http://good.example'])).toBe(switched);
  expect(await upgrade(port, '/v3/watch', ['Origin: http://member'])).toBe(switched);
  expect(await upgrade(port, '/v3/watch', ['Origin: http://bad.example'])).toBe('HTTP/1.1 403 Forbidden');
  expect(await upgrade(port, '/version')).toBe('HTTP/1.1 404 Not Found');
  expect(await upgrade(port, '/v3/watch', [], 'h2c')).toBe('HTTP/1.1 200 OK');
});
