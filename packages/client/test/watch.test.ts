import { status as codes } from '@grpc/grpc-js';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { rpcpb, type mvccpb } from '@quorate/wire';
import { afterEach, expect, test } from 'vitest';
import { Client, CompactedError, EtcdError, type WatchOptions } from '../src/index.ts';
import { freePort } from '../src/testing/index.ts';
import { FakeServer, HastyClock, type FakeStream } from './fake-server.ts';

type WatchStream = FakeStream<rpcpb.WatchRequest, rpcpb.WatchResponse>;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** A server whose streams are handled one after the other: the first by the first handler, and so on. */
async function watchServer(...handlers: ((stream: WatchStream) => Promise<void>)[]): Promise<FakeServer> {
  const { watch } = rpcpb.WatchDefinition.methods;
  const server = new FakeServer().stream(rpcpb.WatchDefinition, watch, async (stream) => {
    const handler = handlers.shift();
    if (handler === undefined) stream.end(codes.UNAVAILABLE, 'no more handlers');
    else await handler(stream);
  });
  open.push(await server.start());
  return server;
}

function clientOf(...servers: FakeServer[]): Client {
  const client = new Client({ endpoints: servers.map((server) => server.endpoint), clock: new HastyClock() });
  open.push(client);
  return client;
}

async function createRequest(stream: WatchStream): Promise<rpcpb.WatchCreateRequest> {
  const request = await stream.next();
  if (request?.requestUnion?.$case !== 'createRequest')
    throw new Error('the first request must create a watch');
  return request.requestUnion.value;
}

function header(revision: bigint): rpcpb.ResponseHeader {
  return { ...rpcpb.ResponseHeader.create(), revision };
}

function respond(revision: bigint, fields: Partial<rpcpb.WatchResponse>): rpcpb.WatchResponse {
  return { ...rpcpb.WatchResponse.create(), header: header(revision), ...fields };
}

function putEvent(key: string, modRevision: bigint): mvccpb.Event {
  const kv = { ...emptyKv, key: fromUtf8(key), modRevision };
  return { type: 0, kv, prevKv: undefined };
}

const emptyKv: mvccpb.KeyValue = {
  key: new Uint8Array(),
  value: new Uint8Array(),
  createRevision: 0n,
  modRevision: 0n,
  version: 0n,
  lease: 0n,
};

/** Keys of the first events of a watch. */
async function firstKeys(
  client: Client,
  count: number,
  options: WatchOptions = { key: 'a' },
): Promise<string[]> {
  const keys: string[] = [];
  for await (const event of client.watch(options)) {
    keys.push(toUtf8(event.kv.key));
    if (keys.length === count) break;
  }
  return keys;
}

test('a watch that breaks goes on at the next endpoint, after the last revision delivered', async () => {
  let resumedFrom = 0n;
  const first = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.send(respond(10n, { created: true }));
    stream.send(respond(12n, { events: [putEvent('x', 11n), putEvent('y', 12n)] }));
    stream.end(codes.UNAVAILABLE, 'etcdserver: server stopped');
  });
  const second = await watchServer(async (stream) => {
    resumedFrom = (await createRequest(stream)).startRevision;
    stream.send(respond(20n, { created: true }));
    stream.send(respond(20n, { events: [putEvent('z', 13n)] }));
  });
  expect(await firstKeys(clientOf(first, second), 3)).toEqual(['x', 'y', 'z']);
  expect(resumedFrom).toBe(13n);
});

test('a watch of what comes next misses nothing when it breaks before the first event', async () => {
  const asked: bigint[] = [];
  const server = await watchServer(
    async (stream) => {
      asked.push((await createRequest(stream)).startRevision);
      stream.send(respond(10n, { created: true }));
      stream.end(codes.INTERNAL, 'stream reset');
    },
    async (stream) => {
      asked.push((await createRequest(stream)).startRevision);
      stream.send(respond(15n, { created: true }));
      stream.send(respond(15n, { events: [putEvent('late', 11n)] }));
    },
  );
  expect(await firstKeys(clientOf(server), 1)).toEqual(['late']);
  expect(asked).toEqual([0n, 11n]);
});

test('a stream that the server ends well is resumed, too', async () => {
  const server = await watchServer(
    async (stream) => {
      await createRequest(stream);
      stream.send(respond(10n, { created: true }));
      stream.end();
    },
    async (stream) => {
      await createRequest(stream);
      stream.send(respond(11n, { events: [putEvent('k', 11n)] }));
    },
  );
  expect(await firstKeys(clientOf(server), 1)).toEqual(['k']);
});

test('fragments of a revision come as one batch, and those of a broken stream are dropped', async () => {
  const server = await watchServer(
    async (stream) => {
      await createRequest(stream);
      stream.send(respond(5n, { created: true }));
      stream.send(respond(6n, { events: [putEvent('lost', 6n)], fragment: true }));
      stream.end(codes.UNAVAILABLE, 'gone');
    },
    async (stream) => {
      expect((await createRequest(stream)).startRevision).toBe(6n);
      stream.send(respond(6n, { created: true }));
      stream.send(respond(6n, { events: [putEvent('a', 6n)], fragment: true }));
      stream.send(respond(6n, { events: [putEvent('b', 6n)], fragment: true }));
      stream.send(respond(6n, { events: [putEvent('c', 6n)] }));
    },
  );
  const batches = clientOf(server).watch({ prefix: '' }).batches();
  expect((await batches.next()).value).toMatchObject({ kind: 'created' });
  const { value } = await batches.next();
  expect(value.events.map((event) => toUtf8(event.kv.key))).toEqual(['a', 'b', 'c']);
});

test('word of progress moves the revision to resume from, but not when it answers a request', async () => {
  const asked: bigint[] = [];
  const server = await watchServer(
    async (stream) => {
      asked.push((await createRequest(stream)).startRevision);
      stream.send(respond(10n, { created: true }));
      stream.send(respond(50n, {}));
      stream.send(respond(70n, { watchId: -1n }));
      stream.end(codes.UNAVAILABLE, 'gone');
    },
    async (stream) => {
      asked.push((await createRequest(stream)).startRevision);
      stream.send(respond(80n, { events: [putEvent('k', 80n)] }));
    },
  );
  const kinds: string[] = [];
  for await (const batch of clientOf(server).watch({ key: 'k', progressNotify: true }).batches()) {
    kinds.push(`${batch.kind} ${batch.header.revision}`);
    if (batch.kind === 'events') break;
  }
  expect(kinds).toEqual(['created 10', 'progress 50', 'progress 70', 'events 80']);
  expect(asked).toEqual([0n, 51n]);
});

test('a watch of compacted revisions throws a CompactedError and is not resumed', async () => {
  const server = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.send(respond(9n, { created: true }));
    stream.send(respond(9n, { canceled: true, compactRevision: 7n }));
  });
  const watching = firstKeys(clientOf(server), 1, { key: 'a', startRevision: 2n });
  await expect(watching).rejects.toThrow(CompactedError);
  await expect(watching).rejects.toMatchObject({ compactRevision: 7n, code: 'OUT_OF_RANGE' });
});

test('a refused watch throws the reason with its code and is not resumed', async () => {
  const cancelReason = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';
  const server = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.send(respond(9n, { created: true, canceled: true, watchId: -1n, cancelReason }));
  });
  await expect(firstKeys(clientOf(server), 1)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: 'etcdserver: permission denied',
  });
});

test('an error that another member would repeat ends the watch', async () => {
  const server = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.end(codes.UNAUTHENTICATED, 'etcdserver: invalid auth token');
  });
  await expect(firstKeys(clientOf(server), 1)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('leaving the loop cancels the stream at the server', async () => {
  const left = Promise.withResolvers<unknown>();
  const server = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.send(respond(11n, { events: [putEvent('k', 11n)] }));
    left.resolve(await stream.next());
  });
  await firstKeys(clientOf(server), 1);
  expect(await left.promise).toBeUndefined();
});

test('the member is asked to have a leader, unless told otherwise', async () => {
  const asked: unknown[] = [];
  const note = async (stream: WatchStream) => {
    asked.push(stream.metadata.get('hasleader'));
    await createRequest(stream);
    stream.send(respond(11n, { events: [putEvent('k', 11n)] }));
  };
  const client = clientOf(await watchServer(note, note));
  await firstKeys(client, 1);
  await firstKeys(client, 1, { key: 'a', requireLeader: false });
  expect(asked).toEqual([['true'], []]);
});

test('an aborted watch throws the reason, also while it waits to resume', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  let tries = 0;
  const refuse = async (stream: WatchStream) => {
    if (++tries === 3) stop.abort(reason);
    stream.end(codes.UNAVAILABLE, 'try later');
  };
  const client = clientOf(await watchServer(refuse, refuse, refuse));
  await expect(firstKeys(client, 1, { key: 'a', signal: stop.signal })).rejects.toBe(reason);
  expect(tries).toBe(3);
});

test('closing the client ends its watches', async () => {
  const server = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.send(respond(10n, { created: true }));
  });
  const client = clientOf(server);
  const batches = client.watch({ key: 'a' }).batches();
  await batches.next();
  await client.close();
  await expect(batches.next()).rejects.toThrow(EtcdError);
});

test('a watch finds the one of two endpoints where somebody is', async () => {
  const server = await watchServer(async (stream) => {
    await createRequest(stream);
    stream.send(respond(10n, { created: true }));
    stream.send(respond(11n, { events: [putEvent('k', 11n)] }));
  });
  const client = new Client({
    endpoints: [`127.0.0.1:${await freePort()}`, server.endpoint],
    clock: new HastyClock(),
  });
  open.push(client);
  expect(await firstKeys(client, 1)).toEqual(['k']);
});

test('what was compacted while a watch was cut off is an error that says where it could start', async () => {
  const server = await watchServer(
    async (stream) => {
      await createRequest(stream);
      stream.send(respond(10n, { created: true }));
      stream.send(respond(11n, { events: [putEvent('seen', 11n)] }));
      stream.end(codes.UNAVAILABLE, 'gone');
    },
    async (stream) => {
      expect((await createRequest(stream)).startRevision).toBe(12n);
      stream.send(respond(90n, { created: true }));
      stream.send(respond(90n, { canceled: true, compactRevision: 70n }));
    },
  );
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { kv } of clientOf(server).watch({ prefix: '' })) seen.push(toUtf8(kv.key));
  })();
  const error: unknown = await watching.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CompactedError);
  expect(error).toMatchObject({ code: 'OUT_OF_RANGE', compactRevision: 70n });
  expect(seen).toEqual(['seen']);
});

test('a watch has a time limit, and what goes along with it, if it is given them', async () => {
  const said: unknown[] = [];
  const create = async (stream: WatchStream) => {
    said.push(...stream.metadata.get('who'));
    await createRequest(stream);
    stream.send(respond(10n, { created: true }));
  };
  const server = await watchServer(create);
  const metadata = new Map([['who', 'me']]);
  const clock = new ManualClock(Date.now());
  const client = new Client({ endpoints: [server.endpoint], clock });
  open.push(client);
  const batches = client.watch({ key: 'k', timeoutMs: 10_000, metadata }).batches();
  expect(await batches.next()).toMatchObject({ value: { kind: 'created' } });
  const next = batches.next();
  clock.advance(10_000);
  await expect(next).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(said).toEqual(['me']);
});
