import { once } from 'node:events';
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
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

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

/** A connection of HTTP/2 to the port of a member. */
async function dial(
  options: Partial<ClientPortOptions> = {},
  listener?: ClientListener,
): Promise<ClientHttp2Session> {
  const member = new FakeMember();
  const port = new ClientPort({
    grpc: new ServerUnderTest({ methods: methodTable(member), maxReceiveBytes: 64 * 1024 }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '3.6.14', cluster: '3.6.0', storage: '3.6.0' }),
      metrics: async () => ({ contentType: 'text/plain', text: 'a_metric 1\n' }),
    }),
    ...options,
  });
  open.push(port);
  const session = connect(`http://127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 }, listener)}`);
  open.push({ [Symbol.asyncDispose]: async () => session.destroy() });
  await once(session, 'connect');
  return session;
}

async function answerTo(
  stream: ClientHttp2Stream,
): Promise<{ status: number; headers: object; body: string }> {
  // Node tells of the head of an answer so.
  const [headers] = (await once(stream, 'response')) as [Record<string, string | number>];
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  return { status: Number(headers[':status']), headers, body };
}

const post: OutgoingHttpHeaders = { ':method': 'POST', ':path': '/echo', 'content-type': 'application/json' };
const grpcCall: OutgoingHttpHeaders = {
  ...{ ':method': 'POST', ':path': '/etcdserverpb.KV/Range' },
  ...{ 'content-type': 'application/grpc', te: 'trailers' },
};

function answering(handle: HttpHandler['handle']): HttpHandler {
  return { handle, upgrade: () => false };
}

test('a path is answered over HTTP/2 as over HTTP/1, on the connection that also has calls of gRPC', async () => {
  const session = await dial();
  const version = await answerTo(session.request({ ':path': '/version' }));
  expect(version.status).toBe(200);
  expect(JSON.parse(version.body)).toMatchObject({ etcdserver: '3.6.14' });
  expect(version.headers).not.toHaveProperty('connection');
  const call = session.request(grpcCall);
  call.end(Buffer.alloc(5));
  expect(await answerTo(call)).toMatchObject({
    status: 200,
    headers: { 'content-type': /^application\/grpc/ },
  });
  const nowhere = await answerTo(session.request({ ':path': '/nowhere' }));
  expect([nowhere.status, nowhere.body]).toEqual([404, '404 page not found\n']);
});

test('bodies of any length go both ways, however fast they are taken', async () => {
  const api = answering((request, response) => {
    request.pipe(response);
    return true;
  });
  const session = await dial({ api });
  const body = 'a line of text\n'.repeat(100_000);
  const stream = session.request(post);
  stream.end(body);
  expect((await answerTo(stream)).body).toBe(body);
});

test('whoever answers sees host, address and length as the client gave them', async () => {
  const seen: unknown[] = [];
  const api = answering(({ headers, socket, method, url }, response) => {
    seen.push([
      method,
      url,
      headers.host,
      headers['content-length'],
      socket.remoteAddress,
      headers['x-mine'],
    ]);
    response.end();
    return true;
  });
  const session = await dial({ api });
  const stream = session.request({
    ...post,
    ...{ ':authority': 'a.host:1', ':path': '/echo?text=1', 'content-length': 2, 'x-mine': 'mine' },
  });
  stream.end('{}');
  expect((await answerTo(stream)).status).toBe(200);
  expect(seen).toEqual([['POST', '/echo?text=1', 'a.host:1', '2', '127.0.0.1', 'mine']]);
});

test('a client that leaves ends its answer, and an answer that breaks off is no whole one', async () => {
  const ended = Promise.withResolvers<void>();
  let begun = Promise.withResolvers<() => void>();
  const api = answering((_request, response) => {
    response.once('close', ended.resolve);
    response.write('the first piece');
    begun.resolve(() => response.destroy());
    return true;
  });
  const session = await dial({ api });
  const left = session.request(post);
  left.on('error', () => {});
  await begun.promise;
  left.destroy();
  await ended.promise;
  begun = Promise.withResolvers();
  const broken = session.request(post);
  const failed = Promise.withResolvers<void>();
  broken.on('error', () => failed.resolve());
  await once(broken, 'response');
  (await begun.promise)();
  broken.resume();
  await failed.promise;
});

test('an answer that comes before the request is whole is read to its end', async () => {
  const api = answering((_request, response) => {
    response.writeHead(413, { connection: 'close' }).end('too much');
    return true;
  });
  const session = await dial({ api });
  const stream = session.request({ ...post, 'content-length': 1_000_000 });
  stream.on('error', () => {});
  stream.write('the beginning');
  expect(await answerTo(stream)).toMatchObject({ status: 413, body: 'too much' });
});

test('a host that is not on the list is refused by the authority that the client asked for', async () => {
  const session = await dial({ access: { hosts: ['good.host'], origins: ['*'] } });
  const ask = (authority: string) =>
    answerTo(session.request({ ':path': '/version', ':authority': authority }));
  expect((await ask('bad.host')).status).toBe(421);
  expect((await ask('good.host:2379')).status).toBe(200);
});

test('a port for metrics takes no calls, and a port for gRPC no requests', async () => {
  const metrics = await dial({}, { serves: 'metrics' });
  expect(await answerTo(metrics.request({ ':path': '/metrics' }))).toMatchObject({ body: 'a_metric 1\n' });
  const call = metrics.request(grpcCall);
  call.end(Buffer.alloc(5));
  expect((await answerTo(call)).status).toBe(404);
  const grpc = await dial({}, { serves: 'grpc' });
  expect((await answerTo(grpc.request({ ':path': '/version' }))).status).toBe(415);
});

test.each([
  ['a path with a space', { ':path': '/a b' }],
  ['the announcement of a trailer', { ':path': '/version', trailer: 'later' }],
])('%s, which HTTP/1 cannot say, harms nobody', async (_, headers) => {
  const session = await dial();
  const origin = `http://127.0.0.1:${session.socket.remotePort}`;
  const stream = session.request(headers);
  stream.on('error', () => {});
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  // nghttp2 ends the connection for a path that no URI has.
  const other = connect(origin);
  open.push({ [Symbol.asyncDispose]: async () => other.destroy() });
  expect((await answerTo(other.request({ ':path': '/version' }))).status).toBe(200);
});
