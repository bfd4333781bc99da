import { ManualClock } from '@quorate/std/testing';
import { rpcpb } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openApi, routes } from '../src/index.ts';
import { ServedSurface } from './serve.ts';

const rangePath = '/etcdserverpb.KV/Range';
const watchPath = '/etcdserverpb.Watch/Watch';
const keepAlivePath = '/etcdserverpb.Lease/LeaseKeepAlive';

function rangeResponse(count: number, valueSize = 3): Uint8Array {
  const kvs = Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`key/${i}`),
    value: Buffer.alloc(valueSize, 'v'),
    createRevision: 2n,
    modRevision: 2n,
    version: 1n,
    lease: 0n,
  }));
  return rpcpb.RangeResponse.encode({ header: undefined, kvs, more: false, count: BigInt(count) }).finish();
}

function watchResponse(fields: Partial<rpcpb.WatchResponse>): Uint8Array {
  return rpcpb.WatchResponse.encode(rpcpb.WatchResponse.fromPartial(fields)).finish();
}

function put(key: string, modRevision: bigint): rpcpb.WatchResponse['events'][number] {
  return rpcpb.WatchResponse.fromPartial({ events: [{ kv: { key: Buffer.from(key), modRevision } }] })
    .events[0]!;
}

/** Answers each lease's life with its ID, as the service does. */
async function* keepAlive(requests: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const request of requests) {
    const { ID } = rpcpb.LeaseKeepAliveRequest.decode(request);
    if (ID === 404n) throw Object.assign(new Error('etcdserver: requested lease not found'), { status: 5 });
    yield rpcpb.LeaseKeepAliveResponse.encode({ header: undefined, ID, TTL: 60n }).finish();
  }
}

describe('a request', () => {
  test('is answered with the message as JSON', async () => {
    await using served = await ServedSurface.start();
    served.backend.unaries.set(rangePath, () => rangeResponse(1));
    const response = await served.fetch('/v3/kv/range', { body: '{"key":"a2V5"}' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('grpc-metadata-content-type')).toBe('application/grpc');
    expect(await response.text()).toBe(
      '{"kvs":[{"key":"a2V5LzA=","create_revision":"2","mod_revision":"2","version":"1","value":"dnZ2"}],"count":"1"}',
    );
  });

  test('without a body says nothing, and what follows a message is passed over', async () => {
    await using served = await ServedSurface.start();
    const sizes: number[] = [];
    served.backend.unaries.set(rangePath, (request) => {
      sizes.push(request.length);
      return new Uint8Array();
    });
    expect(await (await served.fetch('/v3/kv/range')).text()).toBe('{}');
    expect(await (await served.fetch('/v3beta/kv/range', { body: ' {} and so on' })).text()).toBe('{}');
    expect(sizes).toEqual([0, 0]);
  });

  test.each([
    ['/v3/kv/nope', {}, 404, { code: 5, message: 'Not Found' }],
    ['/v3/kv/range/', {}, 404, { code: 5, message: 'Not Found' }],
    ['/v3/../v3/kv/ranges', {}, 404, { code: 5, message: 'Not Found' }],
    ['/v3/kv/range', { method: 'GET' }, 501, { code: 12, message: 'Method Not Allowed' }],
    ['/v3/kv/range', { method: 'PUT' }, 501, { code: 12, message: 'Method Not Allowed' }],
    ['/v3/kv/range', { body: '{' }, 400, { code: 3, message: 'unexpected EOF' }],
    [
      '/v3/kv/range',
      { headers: { 'Grpc-Timeout': 'x' } },
      400,
      { code: 3, message: 'invalid grpc-timeout: x' },
    ],
    ['/v3/kv/put', {}, 501, { code: 12, message: 'unknown method /etcdserverpb.KV/Put' }],
  ])('%s with %o is refused', async (path, init, status, expected) => {
    await using served = await ServedSurface.start();
    served.backend.unaries.set(rangePath, () => new Uint8Array());
    const response = await served.fetch(path, init);
    expect(response.status).toBe(status);
    // Clients of etcd 3.5 look at `error`.
    expect(await response.json()).toEqual({ ...expected, error: expected.message });
  });

  test('that is refused for its token is told so in a header, too', async () => {
    await using served = await ServedSurface.start();
    served.backend.unaries.set(rangePath, () => {
      throw Object.assign(new Error('etcdserver: invalid auth token'), { status: 16 });
    });
    const response = await served.fetch('/v3/kv/range');
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('etcdserver: invalid auth token');
  });

  test('that meets a bug hears nothing of it, and the owner does', async () => {
    const told: unknown[] = [];
    await using served = await ServedSurface.start({
      onInternalError: (path, error) => told.push([path, error]),
    });
    const bug = new TypeError('secret of the house');
    served.backend.unaries.set(rangePath, () => {
      throw bug;
    });
    const response = await served.fetch('/v3/kv/range');
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: 'internal error', code: 13, message: 'internal error' });
    expect(told).toEqual([['/v3/kv/range', bug]]);
  });

  test('that meets a bug before its call has begun hears nothing of it, and the owner does, once', async () => {
    const told: unknown[] = [];
    const bug = new TypeError('secret of the house');
    const clock = new ManualClock();
    clock.after = () => {
      throw bug;
    };
    await using served = await ServedSurface.start({
      clock,
      onInternalError: (path, error) => told.push([path, error]),
    });
    const response = await served.fetch('/v3/kv/range?x=y', { headers: { 'Grpc-Timeout': '5S' } });
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: 'internal error', code: 13, message: 'internal error' });
    expect(told).toEqual([['/v3/kv/range', bug]]);
  });

  test('may be as long as allowed, in bytes of the message', async () => {
    await using served = await ServedSurface.start({ maxMessageBytes: 1000 });
    served.backend.unaries.set(rangePath, () => new Uint8Array());
    const ask = (size: number) =>
      served.fetch('/v3/kv/range', {
        body: JSON.stringify({ key: Buffer.alloc(size, 'k').toString('base64') }),
      });
    expect((await ask(990)).status).toBe(200);
    const tooLong = await ask(1000);
    expect(tooLong.status).toBe(429);
    expect(await tooLong.json()).toMatchObject({
      code: 8,
      message: 'grpc: received message larger than max (1003 vs. 1000)',
    });
    expect((await ask(100_000)).status).toBe(429);
  });

  test('that has a long answer gets it whole, and others are served meanwhile', async () => {
    await using served = await ServedSurface.start();
    served.backend.unaries.set(rangePath, () => rangeResponse(10_000, 100));
    served.backend.unaries.set('/etcdserverpb.KV/Put', () => new Uint8Array());
    const long = served.fetch('/v3/kv/range');
    expect((await served.fetch('/v3/kv/put')).status).toBe(200);
    const { kvs, count } = (await (await long).json()) as { kvs: { key: string }[]; count: string };
    expect(count).toBe('10000');
    expect(kvs).toHaveLength(10_000);
    expect(kvs.at(-1)?.key).toBe(Buffer.from('key/9999').toString('base64'));
  });

  test('carries its headers as metadata, and never a certificate', async () => {
    await using served = await ServedSurface.start();
    served.backend.unaries.set(rangePath, () => new Uint8Array());
    await served.fetch('/v3/kv/range', {
      headers: {
        Authorization: 'the token',
        'Grpc-Metadata-Token': 'another',
        'Grpc-Metadata-HasLeader': 'true',
        'Grpc-Metadata-Grpcgateway-Accept': 'forged',
        'X-Forwarded-User': 'root',
        Accept: 'text/html',
        Traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      },
    });
    const { metadata } = served.backend.asked[0]!.call;
    expect(Object.fromEntries(metadata)).toMatchObject({
      authorization: 'the token',
      token: 'another',
      hasleader: 'true',
      'grpcgateway-accept': 'text/html',
      'grpcgateway-authorization': 'the token',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect([...metadata.keys()].filter((key) => key.includes('forwarded'))).toEqual([]);
    expect(served.backend.asked[0]!.call.address).toBe('127.0.0.1');
  });

  test('whose client is gone is called off', async () => {
    await using served = await ServedSurface.start();
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<AbortSignal>();
    served.backend.unaries.set(rangePath, (_, { signal }) => {
      onAsked(signal);
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    });
    const client = new AbortController();
    const left = expect(served.fetch('/v3/kv/range', { signal: client.signal })).rejects.toThrow();
    const signal = await asked;
    client.abort();
    await left;
    await new Promise<void>((resolve) => (signal.aborted ? resolve() : (signal.onabort = () => resolve())));
    expect(signal.reason).toMatchObject({ status: 1, message: 'context canceled' });
  });

  test('may have a deadline', async () => {
    const clock = new ManualClock();
    await using served = await ServedSurface.start({ clock });
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
    served.backend.unaries.set(rangePath, (_, { signal }) => {
      onAsked();
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    });
    const answer = served.fetch('/v3/kv/range', { headers: { 'Grpc-Timeout': '500m' } });
    await asked;
    clock.advance(500);
    expect((await answer).status).toBe(504);
    expect(await (await answer).json()).toMatchObject({ code: 4, message: 'context deadline exceeded' });
  });

  test('on another path is somebody else’s', async () => {
    await using served = await ServedSurface.start();
    expect(await (await served.fetch('/version')).text()).toBe('somebody else');
    expect(await (await served.fetch('/v3alpha/kv/range')).text()).toBe('somebody else');
  });
});

describe('a stream', () => {
  test('takes several messages, and has a line for each answer', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const response = await served.fetch('/v3/lease/keepalive', { body: '{"ID":"7"}{"ID":8}\n' });
    expect(await response.text()).toBe(
      '{"result":{"ID":"7","TTL":"60"}}\n{"result":{"ID":"8","TTL":"60"}}\n',
    );
  });

  test('without any answer is empty', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const response = await served.fetch('/v3/lease/keepalive');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  test('that fails before the first answer has the status of its error', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const response = await served.fetch('/v3/lease/keepalive', { body: '{"ID":404}' });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: {
        code: 5,
        message: 'etcdserver: requested lease not found',
        grpc_code: 5,
        http_code: 404,
        http_status: 'Not Found',
      },
    });
  });

  test('that fails later ends with a line that says so', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const lines = (
      await (await served.fetch('/v3/lease/keepalive', { body: '{"ID":7}{"ID":404}' })).text()
    ).split('\n');
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[1]!)).toMatchObject({ error: { code: 5, http_code: 404 } });
  });

  test('is told what is wrong with a request', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const response = await served.fetch('/v3/lease/keepalive', { body: '{"ID":' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 3, message: 'unexpected EOF' } });
  });

  test('escapes what means something in HTML, as etcd does', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(watchPath, async function* () {
      yield watchResponse({ cancelReason: '<b>&\u2028' });
    });
    expect(await (await served.fetch('/v3/watch')).text()).toBe(
      '{"result":{"cancel_reason":"\\u003cb\\u003e\\u0026\\u2028"}}\n',
    );
  });

  test('is read at the pace of its client', async () => {
    await using served = await ServedSurface.start();
    let made = 0;
    const blob = watchResponse({ cancelReason: 'x'.repeat(100_000) });
    const left = Promise.withResolvers<void>();
    served.backend.streams.set(watchPath, async function* () {
      try {
        for (; made < 2_000; made++) yield blob;
      } finally {
        left.resolve();
      }
    });
    const response = await served.fetch('/v3/watch');
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await left.promise;
    // What was made is on its way, at most: in the buffers of sockets.
    expect(made).toBeLessThan(500);
  });

  test('beyond the number of open ones is refused', async () => {
    await using served = await ServedSurface.start({ maxStreams: 1 });
    served.backend.streams.set(watchPath, async function* (_, { signal }) {
      yield watchResponse({ created: true });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const first = await served.fetch('/v3/watch');
    const reader = first.body!.getReader();
    await reader.read();
    expect(served.surface.openStreams).toBe(1);
    const second = await served.fetch('/v3/watch');
    expect(second.status).toBe(429);
    expect(await second.json()).toMatchObject({ code: 8, message: 'too many open streams' });
    await reader.cancel();
  });
});

describe('server-sent events', () => {
  const accept = { Accept: 'text/event-stream' };

  test('are the answers, with the revision as their id', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(watchPath, async function* () {
      yield watchResponse({ created: true });
      yield watchResponse({ events: [put('a', 7n), put('b', 8n)] });
      throw Object.assign(new Error('etcdserver: no leader'), { status: 14 });
    });
    const response = await served.fetch('/v3/watch?text=1', {
      headers: accept,
      body: '{"create_request":{"key":"a"}}',
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const [created, events, error] = (await response.text()).split('\n\n');
    expect(created).toBe('data: {"result":{"created":true}}');
    expect(events).toBe(
      'id: 8\ndata: {"result":{"events":[{"kv":{"key":"a","mod_revision":"7"}},{"kv":{"key":"b","mod_revision":"8"}}]}}',
    );
    expect(error).toMatch(/^event: error\ndata: \{"error":\{"code":14,/);
  });

  test('may be asked for as browsers do, and go on where they broke', async () => {
    await using served = await ServedSurface.start();
    const asked: rpcpb.WatchRequest[] = [];
    served.backend.streams.set(watchPath, async function* (requests) {
      for await (const request of requests) asked.push(rpcpb.WatchRequest.decode(request));
      yield watchResponse({ created: true });
    });
    const request = encodeURIComponent('{"create_request":{"key":"Zm9v","start_revision":"3"}}');
    const get = { method: 'GET' };
    await served.fetch(`/v3/watch?request=${request}`, { ...get, headers: accept });
    await served.fetch(`/v3/watch?request=${request}`, {
      ...get,
      headers: { ...accept, 'Last-Event-ID': '8' },
    });
    const revisions = asked.map(({ requestUnion }) =>
      requestUnion?.$case === 'createRequest' ? requestUnion.value.startRevision : undefined,
    );
    expect(revisions).toEqual([3n, 9n]);
  });
});

describe('a WebSocket', () => {
  /** Sends these and returns all that comes until the end. */
  function talk(served: ServedSurface, path: string, frames: readonly string[], protocols: string[] = []) {
    const webSocket = new WebSocket(`ws://${served.address}${path}`, protocols);
    const answers: string[] = [];
    webSocket.on('open', () => {
      for (const frame of frames) webSocket.send(frame);
    });
    return new Promise<{ answers: string[]; protocol: string }>((resolve, reject) => {
      webSocket.on('message', (data) => {
        // Frames of text are one buffer.
        answers.push((data as Buffer).toString());
        if (answers.length === frames.length) webSocket.close();
      });
      webSocket.on('error', reject);
      webSocket.on('close', () => resolve({ answers, protocol: webSocket.protocol }));
    });
  }

  test('has a frame for each answer', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const { answers } = await talk(served, '/v3/lease/keepalive', ['{"ID":"7"}', '{"ID":8}', '{"ID":404}']);
    expect(answers.slice(0, 2)).toEqual([
      '{"result":{"ID":"7","TTL":"60"}}',
      '{"result":{"ID":"8","TTL":"60"}}',
    ]);
    expect(JSON.parse(answers[2]!)).toMatchObject({ error: { code: 5 } });
  });

  test('may carry a token as a subprotocol', async () => {
    await using served = await ServedSurface.start();
    served.backend.streams.set(keepAlivePath, keepAlive);
    const { protocol } = await talk(served, '/v3/lease/keepalive', ['{"ID":7}'], ['Bearer', 'token.19']);
    expect(protocol).toBe('Bearer');
    expect(served.backend.asked[0]?.call.metadata.get('authorization')).toBe('Bearer token.19');
  });

  test('does a request, too, and tells what is wrong with it', async () => {
    await using served = await ServedSurface.start();
    served.backend.unaries.set(rangePath, () => rangeResponse(0));
    expect((await talk(served, '/v3/kv/range', ['{}'])).answers).toEqual(['{}']);
    expect(
      (await talk(served, '/v3/kv/range', ['{"key":'.repeat(1), '}'])).answers.map(
        (text) => JSON.parse(text) as unknown,
      ),
    ).toMatchObject([{ code: 3, message: "invalid character '}' looking for beginning of value" }]);
    expect(JSON.parse((await talk(served, '/v3/nope', [])).answers[0]!)).toMatchObject({ code: 5 });
  });

  test('whose client is gone without a word is ended', async () => {
    const clock = new ManualClock();
    await using served = await ServedSurface.start({ clock, pingIntervalMs: 1000 });
    const { promise: begun, resolve: onBegun } = Promise.withResolvers<AbortSignal>();
    served.backend.streams.set(watchPath, async function* (_, { signal }) {
      onBegun(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const webSocket = new WebSocket(`ws://${served.address}/v3/watch`, { autoPong: false });
    const signal = await begun;
    const pinged = new Promise((resolve) => webSocket.once('ping', resolve));
    clock.advance(1000);
    await pinged;
    const closed = new Promise((resolve) => webSocket.once('close', resolve));
    clock.advance(1000);
    await closed;
    await new Promise<void>((resolve) => (signal.aborted ? resolve() : (signal.onabort = () => resolve())));
    expect(served.surface.openStreams).toBe(0);
  });
});

describe('the document of the API', () => {
  test('is served, and has every route', async () => {
    await using served = await ServedSurface.start({ version: '1.2.3' });
    const response = await served.fetch('/openapi.json', { method: 'GET' });
    const document = (await response.json()) as ReturnType<typeof openApi>;
    expect(document).toEqual(JSON.parse(JSON.stringify(openApi('1.2.3'))));
    expect(Object.keys(document['paths'] as object)).toEqual(routes.map(({ path }) => path));
  });

  test('points only at what it has, and names each operation once', () => {
    const document = openApi('');
    const text = JSON.stringify(document);
    const { schemas } = document['components'] as { schemas: object };
    const pointed = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect(pointed.filter((name) => !(name! in schemas))).toEqual([]);
    const names = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, name]) => name);
    expect(new Set(names).size).toBe(routes.length);
  });
});
