import { GrpcServer, RpcError, status, type Method } from '@quorate/rpc';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { LoadConnection } from '../src/bench/load-connection.ts';

const path = '/test.Service/Call';

/** A gRPC server with one method. */
async function serve(method: Method): Promise<{ endpoint: string } & AsyncDisposable> {
  return listen(new GrpcServer({ methods: new Map([[path, method]]), maxReceiveBytes: 1 << 20 }));
}

async function listen(grpc: GrpcServer): Promise<{ endpoint: string } & AsyncDisposable> {
  const listener = createServer((socket) => grpc.serve(socket));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  return {
    endpoint: `127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      await grpc[Symbol.asyncDispose]();
      await new Promise((closed) => listener.close(closed));
    },
  };
}

/** Calls with each request in turn, all of them at once. */
async function callAll(endpoint: string, requests: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const failed = Promise.withResolvers<never>();
  const connection = await LoadConnection.connect({ endpoint, path, onError: failed.reject });
  const replies = requests.map(
    (request) =>
      new Promise<Uint8Array>((resolve) =>
        connection.unary(request, (message) => resolve(Uint8Array.from(message))),
      ),
  );
  try {
    return await Promise.race([Promise.all(replies), failed.promise]);
  } finally {
    connection.close();
  }
}

test('every request gets its own answer', async () => {
  await using server = await serve({ kind: 'unary', handler: (request) => request });
  const requests = Array.from({ length: 300 }, (_, n) => new Uint8Array(n).fill(n));
  expect(await callAll(server.endpoint, requests)).toEqual(requests);
});

test('requests beyond the window of the server wait for it', async () => {
  await using server = await serve({ kind: 'unary', handler: (request) => request.subarray(0, 4) });
  const requests = Array.from({ length: 100 }, (_, n) => new Uint8Array(16_000).fill(n));
  const replies = await callAll(server.endpoint, requests);
  expect(replies).toEqual(requests.map((request) => request.subarray(0, 4)));
});

test('an answer of many frames comes as one message', async () => {
  const large = Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251);
  await using server = await serve({ kind: 'unary', handler: () => large });
  const [reply] = await callAll(server.endpoint, [new Uint8Array(0)]);
  expect(Buffer.compare(reply!, large)).toBe(0);
});

test('a call that is refused fails the load', async () => {
  await using server = await serve({
    kind: 'unary',
    handler: () => {
      throw new RpcError(status.NOT_FOUND, 'there is none');
    },
  });
  await expect(callAll(server.endpoint, [new Uint8Array(1)])).rejects.toThrow('answered with 0 messages');
});

test('a stream sends and receives for as long as it is open', async () => {
  await using server = await serve({
    kind: 'stream',
    clientStreams: true,
    serverStreams: true,
    handler: async (call) => {
      for await (const request of call.requests) call.send(request);
    },
  });
  const failed = Promise.withResolvers<never>();
  const connection = await LoadConnection.connect({
    endpoint: server.endpoint,
    path,
    onError: failed.reject,
  });
  const received: number[] = [];
  const done = new Promise<void>((resolve) => {
    const stream = connection.stream((message) => {
      received.push(message[0]!);
      if (message[0] === 99) resolve();
      else stream.send(Uint8Array.of(message[0]! + 1));
    });
    stream.send(Uint8Array.of(0));
  });
  await Promise.race([done, failed.promise]);
  connection.close();
  expect(received).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

test('nobody listening is an error at once', async () => {
  const server = await serve({ kind: 'unary', handler: (request) => request });
  await server[Symbol.asyncDispose]();
  await expect(callAll(server.endpoint, [])).rejects.toThrow('ECONNREFUSED');
});

test('calls to several methods over one connection reach each its own', async () => {
  const methods = ['/a.A/First', '/a.A/Second', '/a.A/Third'];
  const grpc = new GrpcServer({
    methods: new Map(
      methods.map((name, n): [string, Method] => [name, { kind: 'unary', handler: () => Uint8Array.of(n) }]),
    ),
    maxReceiveBytes: 1 << 20,
  });
  await using server = await listen(grpc);
  const failed = Promise.withResolvers<never>();
  const connection = await LoadConnection.connect({
    endpoint: server.endpoint,
    path: methods[0]!,
    onError: failed.reject,
  });
  // Each order of a new path and known ones, since a new one moves the others in the dynamic table.
  const asked = [0, 0, 1, 0, 1, 2, 0, 1, 2, 2, 1, 0];
  const replies = asked.map(
    (n) =>
      new Promise<number>((resolve) =>
        connection.unary(new Uint8Array(1), ([reply]) => resolve(reply!), methods[n]),
      ),
  );
  expect(await Promise.race([Promise.all(replies), failed.promise])).toEqual(asked);
  connection.close();
});
