import { status as codes } from '@grpc/grpc-js';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { rpcpb, type mvccpb } from '@quorate/wire';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Client, CompactedError, type Watch } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { FakeServer, HastyClock, type FakeStream } from './fake-server.ts';

/** Reads the values of the first events of a watch. */
async function firstValues(watch: Watch, count: number): Promise<string[]> {
  const values: string[] = [];
  for await (const { kv } of watch) {
    values.push(toUtf8(kv.value));
    if (values.length === count) break;
  }
  return values;
}

/** Counts the streams that a client opens. */
function streamCounter() {
  const counter = { streams: 0, resumes: 0 };
  const observer = {
    callStarted: ({ kind }: { readonly kind: string }) => {
      if (kind === 'stream') counter.streams++;
      return undefined;
    },
    watchResumed: () => void counter.resumes++,
  };
  return { counter, observer };
}

describeOnBoth('watches that share a stream', (fixture) => {
  let client: Client;
  let endpoint: string;
  beforeAll(() => {
    ({
      client,
      server: { endpoint },
    } = fixture());
  });

  test('three thousand watches on one stream hear each of its own key, and of nothing else', async () => {
    const { counter, observer } = streamCounter();
    await using many = new Client({ endpoints: [endpoint], observer });
    await using group = many.watchGroup();
    const watches = Array.from({ length: 3_000 }, (_, i) => group.watch({ key: `many/${i}` }).batches());
    const created = await Promise.all(watches.map((batches) => batches.next()));
    expect(created.every(({ value }) => value.kind === 'created')).toBe(true);
    for (let i = 0; i < 3_000; i += 100) {
      await client.txn({ success: puts(`many/`, i, i + 100) });
    }
    const events = await Promise.all(watches.map((batches) => batches.next()));
    expect(events.map(({ value }) => value.events.map(({ kv }) => toUtf8(kv.key)))).toEqual(
      Array.from({ length: 3_000 }, (_, i) => [`many/${i}`]),
    );
    expect(counter).toEqual({ streams: 1, resumes: 0 });
    await Promise.all(watches.map((batches) => batches.return(undefined as never)));
  });

  test('all go on after their connection was cut, without gaps or repetitions', async () => {
    await using proxy = await CuttingProxy.start(endpoint, [2_000, 9_000, 15_000]);
    await using cutOff = new Client({ endpoints: [proxy.endpoint] });
    await using group = cutOff.watchGroup();
    const { header } = await client.put('start', 'x');
    const startRevision = header.revision;
    const readings = Array.from({ length: 20 }, (_, i) =>
      firstValues(group.watch({ key: `cut/${i}`, startRevision }), 15),
    );
    for (let round = 0; round < 15; round++) {
      await client.txn({ success: puts('cut/', 0, 20, String(round)) });
      if (round === 10) proxy.cutNow();
    }
    const expected = Array.from({ length: 15 }, (_, round) => String(round));
    expect(await Promise.all(readings)).toEqual(readings.map(() => expected));
  });

  test('a consumer that is slow holds back nobody, and gets everything all the same', async () => {
    const { counter, observer } = streamCounter();
    await using shared = new Client({ endpoints: [endpoint], observer });
    await using group = shared.watchGroup({ bufferBytes: 2_000 });
    const slow = group.watch({ prefix: 'slow/' }).batches();
    const quick = group.watch({ prefix: 'slow/' }).batches();
    await Promise.all([slow.next(), quick.next()]);
    const keys: string[] = [];
    for (let i = 0; i < 100; i++) {
      await client.put(`slow/${i}`, 'x'.repeat(200));
      const { value } = await quick.next();
      keys.push(...value.events.map(({ kv }) => toUtf8(kv.key)));
    }
    const late: string[] = [];
    while (late.length < 100) {
      const { value } = await slow.next();
      late.push(...value.events.map(({ kv }) => toUtf8(kv.key)));
    }
    const all = Array.from({ length: 100 }, (_, i) => `slow/${i}`);
    expect([keys, late]).toEqual([all, all]);
    expect(counter.streams).toBe(1);
    expect(counter.resumes).toBeGreaterThan(0);
    await Promise.all([slow.return(undefined as never), quick.return(undefined as never)]);
  });

  test('one that is refused, or ends, leaves the others alone', async () => {
    await using group = client.watchGroup();
    const staying = group.watch({ key: 'stay' }).batches();
    await staying.next();
    await client.put('gone', '1');
    const { header } = await client.put('gone', '2');
    await client.kv.compact({ revision: header.revision });
    const refused: unknown = await firstValues(group.watch({ key: 'gone', startRevision: 1n }), 1).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(CompactedError);
    expect(refused).toMatchObject({ compactRevision: header.revision });
    const stop = new AbortController();
    const aborted = firstValues(group.watch({ key: 'x', signal: stop.signal }), 1);
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await client.put('stay', 'here');
    expect((await staying.next()).value.events).toHaveLength(1);
    await staying.return(undefined as never);
  });

  test('progress is told to whoever has asked for it', async () => {
    await using group = client.watchGroup();
    const [asking, other] = [group.watch({ key: 'p1' }), group.watch({ key: 'p2' })];
    const [batches, others] = [asking.batches(), other.batches()];
    await Promise.all([batches.next(), others.next()]);
    const { header } = await client.put('p', 'x');
    asking.requestProgress();
    const { value } = await batches.next();
    expect(value.kind).toBe('progress');
    expect(value.header.revision).toBeGreaterThanOrEqual(header.revision);
    await client.put('p2', 'x');
    expect((await others.next()).value.kind).toBe('events');
    await Promise.all([batches.return(undefined as never), others.return(undefined as never)]);
  });

  test('a namespace has groups, too, and a group that is closed ends its watches', async () => {
    const group = client.namespace('ns/').watchGroup();
    const batches = group.watch({ prefix: '' }).batches();
    await batches.next();
    await client.put('ns/k', 'v');
    expect((await batches.next()).value.events[0]?.kv.key).toEqual(fromUtf8('k'));
    const next = batches.next();
    await group.close();
    await expect(next).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(firstValues(group.watch({ key: 'k' }), 1)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

function puts(prefix: string, from: number, to: number, value = 'x') {
  return Array.from({ length: to - from }, (_, i) => ({
    request: {
      $case: 'requestPut' as const,
      value: {
        ...rpcpb.PutRequest.create(),
        ...{ key: fromUtf8(`${prefix}${from + i}`), value: fromUtf8(value) },
      },
    },
  }));
}

describe('on the wire', () => {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
  });

  type WatchStream = FakeStream<rpcpb.WatchRequest, rpcpb.WatchResponse>;

  async function clientOf(handler: (stream: WatchStream) => Promise<void>): Promise<Client> {
    const { watch } = rpcpb.WatchDefinition.methods;
    const server = await new FakeServer().stream(rpcpb.WatchDefinition, watch, handler).start();
    const client = new Client({ endpoints: [server.endpoint], clock: new HastyClock() });
    open.push(server, client);
    return client;
  }

  const respond = (watchId: bigint, fields: Partial<rpcpb.WatchResponse>): rpcpb.WatchResponse => ({
    ...rpcpb.WatchResponse.create(),
    header: { ...rpcpb.ResponseHeader.create(), revision: 5n },
    watchId,
    ...fields,
  });

  test('a watch left before it was created is cancelled as soon as it has a number, and the last ends the stream', async () => {
    const said: string[] = [];
    const firstCreate = Promise.withResolvers<void>();
    const isLeft = Promise.withResolvers<void>();
    const isOver = Promise.withResolvers<void>();
    const client = await clientOf(async (stream) => {
      stream.onCancelled(() => isOver.resolve());
      await stream.next();
      await stream.next();
      firstCreate.resolve();
      await isLeft.promise;
      stream.send(respond(3n, { created: true }));
      stream.send(respond(4n, { created: true }));
      for (let request = await stream.next(); request !== undefined; request = await stream.next()) {
        const { requestUnion } = request;
        if (requestUnion?.$case === 'cancelRequest') said.push(`cancel ${requestUnion.value.watchId}`);
      }
    });
    const group = client.watchGroup();
    const stop = new AbortController();
    const leaving = group.watch({ key: 'a', signal: stop.signal }).batches().next();
    const staying = group.watch({ key: 'b' }).batches();
    const created = staying.next();
    await firstCreate.promise;
    stop.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    isLeft.resolve();
    expect((await created).value.kind).toBe('created');
    await staying.return(undefined as never);
    await isOver.promise;
    expect(said.slice(0, 1)).toEqual(['cancel 3']);
  });

  test('when the stream fails, one is opened for all', async () => {
    let streams = 0;
    const client = await clientOf(async (stream) => {
      const isFirst = streams++ === 0;
      for (let id = 0n; id < 5n; id++) {
        await stream.next();
        stream.send(respond(id, { created: true }));
      }
      if (isFirst) stream.end(codes.UNAVAILABLE, 'etcdserver: no leader');
      else {
        const numbers = { createRevision: 9n, modRevision: 9n, version: 1n, lease: 0n };
        const kv: mvccpb.KeyValue = { key: fromUtf8('k'), value: fromUtf8('v'), ...numbers };
        const event: mvccpb.Event = { type: 0, kv, prevKv: undefined };
        for (let id = 0n; id < 5n; id++) stream.send(respond(id, { events: [event] }));
      }
    });
    const group = client.watchGroup();
    const readings = Array.from({ length: 5 }, () => firstValues(group.watch({ key: 'k' }), 1));
    expect(await Promise.all(readings)).toEqual(readings.map(() => ['v']));
    expect(streams).toBe(2);
  });
});
