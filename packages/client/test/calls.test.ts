import { status as codes } from '@grpc/grpc-js';
import { ManualClock } from '@quorate/std/testing';
import { rpcpb } from '@quorate/wire';
import { afterEach, expect, test } from 'vitest';
import { Client, type ClientOptions } from '../src/index.ts';
import { freePort } from '../src/testing/index.ts';
import { FakeServer, status } from './fake-server.ts';

const { methods } = rpcpb.KVDefinition;
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** A server that counts its calls, and answers them or fails with a status. */
async function kvServer(failure?: Error): Promise<{ endpoint: string; calls: string[] }> {
  const calls: string[] = [];
  const answer = <Response>(name: string, response: Response): Response => {
    calls.push(name);
    if (failure !== undefined) throw failure;
    return response;
  };
  const server = new FakeServer()
    .unary(rpcpb.KVDefinition, methods.range, () => answer('range', rpcpb.RangeResponse.create()))
    .unary(rpcpb.KVDefinition, methods.put, () => answer('put', rpcpb.PutResponse.create()));
  open.push(await server.start());
  return { endpoint: server.endpoint, calls };
}

/** It stands but for what it is told; deadlines are gRPC's, which go by the machine's own. */
class AtHandClock extends ManualClock {
  override wallMs(): number {
    return Date.now();
  }
}

function clientOf(endpoints: readonly string[], options: Partial<ClientOptions> = {}): Client {
  const client = new Client({ endpoints, ...options });
  open.push(client);
  return client;
}

const unavailable = status(codes.UNAVAILABLE, 'etcdserver: leader changed');

test('a read that one member cannot answer is asked of the next', async () => {
  const [bad, good] = [await kvServer(unavailable), await kvServer()];
  const client = clientOf([bad.endpoint, good.endpoint]);
  expect(await client.get('k')).toBeUndefined();
  expect([bad.calls, good.calls]).toEqual([['range'], ['range']]);
  await client.get('k');
  expect(bad.calls).toHaveLength(1);
});

test('a write that a member could not confirm is never sent again', async () => {
  const [bad, good] = [await kvServer(unavailable), await kvServer()];
  const put = clientOf([bad.endpoint, good.endpoint]).put('k', 'v');
  await expect(put).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'etcdserver: leader changed',
    unsent: false,
  });
  expect([bad.calls, good.calls]).toEqual([['put'], []]);
});

test('a write that finds no connection goes to the next endpoint', async () => {
  const good = await kvServer();
  const client = clientOf([`127.0.0.1:${await freePort()}`, good.endpoint]);
  await client.put('k', 'v');
  expect(good.calls).toEqual(['put']);
});

test('an error that another member would repeat is not tried again', async () => {
  const refusing = await kvServer(status(codes.FAILED_PRECONDITION, 'etcdserver: not capable'));
  await expect(clientOf([refusing.endpoint]).get('k')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  expect(refusing.calls).toHaveLength(1);
});

test('when nobody is there the deadline ends the call, and says that nothing was sent', async () => {
  const client = clientOf([`127.0.0.1:${await freePort()}`]);
  await expect(client.put('k', 'v', { timeoutMs: 60 })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: 'context deadline exceeded',
    unsent: true,
  });
});

test('a call for one endpoint goes nowhere else', async () => {
  const [bad, good] = [await kvServer(unavailable), await kvServer()];
  const client = clientOf([good.endpoint]);
  const call = client.get('k', { endpoint: bad.endpoint, timeoutMs: 200 });
  await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(good.calls).toEqual([]);
  expect(bad.calls.length).toBeGreaterThan(1);
});

test('an aborted call throws the reason', async () => {
  const server = await kvServer();
  const reason = new Error('changed my mind');
  await expect(clientOf([server.endpoint]).get('k', { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  expect(server.calls).toEqual([]);
});

test('a call aborted while it waits for a connection throws the reason', async () => {
  const stop = new AbortController();
  const reason = new Error('changed my mind');
  const call = clientOf([`127.0.0.1:${await freePort()}`]).get('k', { signal: stop.signal });
  stop.abort(reason);
  await expect(call).rejects.toBe(reason);
});

test('a request above the limit is refused before it is sent', async () => {
  const server = await kvServer();
  const client = clientOf([server.endpoint], { maxSendBytes: 100 });
  await expect(client.put('k', new Uint8Array(200))).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: 'trying to send message larger than max (206 vs. 100)',
  });
  expect(server.calls).toEqual([]);
});

test('a closed client makes no more calls, and closing it twice is harmless', async () => {
  const server = await kvServer();
  const client = clientOf([server.endpoint]);
  await client.close();
  await client.close();
  await expect(client.get('k')).rejects.toMatchObject({ code: 'CANCELLED', unsent: true });
});

test('who takes calls and never answers is left for another after a while', async () => {
  const silent = new FakeServer().unary(
    rpcpb.KVDefinition,
    methods.range,
    () => new Promise<never>(() => {}),
  );
  open.push(await silent.start());
  const good = await kvServer();
  const clock = new AtHandClock();
  const dialTimeoutMs = 60_000;
  const client = clientOf([silent.endpoint, good.endpoint], { dialTimeoutMs, clock });
  await expect(client.put('k', 'v')).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  // Not for a caller's impatience, though.
  await expect(client.get('k', { timeoutMs: 1 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(client.preferredEndpoint).toBe(silent.endpoint);
  const unanswered = expect(client.get('k', { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  // The connection stands: it is asked by the end of this turn.
  await new Promise((next) => setImmediate(next));
  clock.advance(dialTimeoutMs);
  await unanswered;
  expect(client.preferredEndpoint).toBe(good.endpoint);
  await client.get('k');
  client.avoid(good.endpoint);
  expect(client.preferredEndpoint).toBe(silent.endpoint);
});

test('any method can be called with bytes in and out', async () => {
  const server = await kvServer();
  const client = clientOf([server.endpoint]);
  const response = await client.unary('/etcdserverpb.KV/Range', new Uint8Array());
  expect(rpcpb.RangeResponse.decode(response)).toEqual(rpcpb.RangeResponse.create());
  await expect(client.unary('/etcdserverpb.KV/Nothing', new Uint8Array())).rejects.toMatchObject({
    code: 'UNIMPLEMENTED',
  });
});
