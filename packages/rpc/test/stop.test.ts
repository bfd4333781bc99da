import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import {
  ClientPort,
  LocalCalls,
  methodTable,
  status,
  type GrpcObserver,
  type Method,
  type MethodTable,
  type StreamHandler,
} from '../src/index.ts';
import { FakeMember } from './fake-member.ts';
import { surfaceOf } from './io-threads/serve-threads.ts';
import { ServerUnderTest } from './server-under-test.ts';

/** Longer than any test: what waits for it does not end. */
const longMs = 10 * 60_000;
const stopped = { code: status.UNAVAILABLE, details: 'etcdserver: server stopped' };
const same = (bytes: Buffer): Buffer => bytes;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(methods: MethodTable, observer: GrpcObserver = {}) {
  const port = new ClientPort({
    grpc: new ServerUnderTest({ methods, maxReceiveBytes: 64 * 1024, observer }),
    http: surfaceOf(new FakeMember()),
  });
  const number = await port.listen({ host: '127.0.0.1', port: 0 });
  const client = new Client(`127.0.0.1:${number}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  cleanups.push(
    () => port.close({ graceMs: 0 }),
    () => client.close(),
  );
  const duplex = (path: string) => {
    const stream = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, new Metadata());
    const ended = Promise.race([
      once(stream, 'error').then(([error]) => error as ServiceError),
      once(stream, 'end').then(() => undefined),
    ]);
    return { stream, ended };
  };
  return { port, client, duplex };
}

function streaming(handler: StreamHandler, isOpenEnded = false): Method {
  return { kind: 'stream', clientStreams: true, serverStreams: true, isOpenEnded, handler };
}

/** Says a word, and waits for its client from then on. */
const listening: StreamHandler = async (call) => {
  call.send(Buffer.from('hello'));
  await call.receive(() => {});
};

test('streams that last as long as their clients like are open-ended, and no others', () => {
  const openEnded = [...methodTable(new FakeMember())].filter(
    ([, method]) => method.kind === 'stream' && method.isOpenEnded === true,
  );
  expect(openEnded.map(([path]) => path)).toEqual([
    '/etcdserverpb.Watch/Watch',
    '/etcdserverpb.Lease/LeaseKeepAlive',
    '/grpc.health.v1.Health/Watch',
    '/v3electionpb.Election/Observe',
  ]);
});

test('a server that stops ends open-ended streams at once, tells why, and waits for the others', async () => {
  const asked = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const heard: string[] = [];
  const openEnded: StreamHandler = (call) => listening(call).finally(() => heard.push('listener is over'));
  const { port, client, duplex } = await start(
    new Map([
      ['/t/Listen', streaming(openEnded, true)],
      [
        '/t/Finish',
        streaming(async (call) => {
          call.send(Buffer.from('begun'));
          await finish.promise;
          call.send(Buffer.from('done'));
        }),
      ],
      [
        '/t/Unary',
        {
          kind: 'unary',
          handler: async (request) => {
            asked.resolve();
            await finish.promise;
            return request;
          },
        },
      ],
    ]),
  );
  const listener = duplex('/t/Listen');
  await once(listener.stream, 'data');
  const finishing = duplex('/t/Finish');
  await once(finishing.stream, 'data');
  const answer = new Promise<string>((resolve, reject) => {
    client.makeUnaryRequest('/t/Unary', same, same, Buffer.from('late'), (error, bytes) =>
      error === null ? resolve(String(bytes)) : reject(error),
    );
  });
  await asked.promise;
  const closed = port.close({ graceMs: longMs }).then(() => heard.push('closed'));
  listener.stream.resume();
  expect(await listener.ended).toMatchObject(stopped);
  expect(heard).toEqual(['listener is over']);
  finish.resolve();
  expect(String((await once(finishing.stream, 'data'))[0])).toBe('done');
  finishing.stream.resume();
  expect(await finishing.ended).toBeUndefined();
  expect(await answer).toBe('late');
  await closed;
});

test('a watch is closed at the member, nobody waits for it, and what its client is told is counted', async () => {
  const member = new FakeMember();
  const handled = new Map<string, number>();
  const { port, duplex } = await start(methodTable(member), {
    onHandled: ({ path, status: code }) => handled.set(path, code),
  });
  const watch = duplex('/etcdserverpb.Watch/Watch');
  watch.stream.write(Buffer.alloc(0));
  // An empty request creates nothing; that it was taken is seen by the answer to a second stream.
  const health = duplex('/grpc.health.v1.Health/Watch');
  health.stream.end(Buffer.alloc(0));
  await once(health.stream, 'data');
  for (const { stream } of [watch, health]) stream.resume();
  await port.close({ graceMs: longMs });
  expect(await watch.ended).toMatchObject(stopped);
  expect(await health.ended).toMatchObject(stopped);
  expect(member.watchClosed).toBe(1);
  expect(Object.fromEntries(handled)).toEqual({
    '/etcdserverpb.Watch/Watch': status.UNAVAILABLE,
    '/grpc.health.v1.Health/Watch': status.UNAVAILABLE,
  });
});

test('calls of this process end in the same way, those that come later too', async () => {
  const calls = new LocalCalls(
    new Map([
      ['/t/Listen', streaming(listening, true)],
      ['/t/Unary', { kind: 'unary', handler: (request) => request }],
    ]),
  );
  const options = { metadata: new Map<string, string>(), signal: new AbortController().signal };
  async function* silent(): AsyncGenerator<Uint8Array, void> {
    await new Promise(() => {});
  }
  const stream = calls.stream('/t/Listen', silent(), options);
  await stream.next();
  calls.stop();
  const told = { status: status.UNAVAILABLE, message: 'etcdserver: server stopped' };
  await expect(stream.next()).rejects.toMatchObject(told);
  await expect(readAll(calls.stream('/t/Listen', silent(), options))).rejects.toMatchObject(told);
  expect(await calls.unary('/t/Unary', Uint8Array.of(1), options)).toEqual(Uint8Array.of(1));
});

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}

test('a watch whose client has said nothing yet is none at the member, and ends like the others', async () => {
  const member = new FakeMember();
  const opened: unknown[] = [];
  const watch = member.watch.bind(member);
  member.watch = (options) => {
    opened.push(options);
    return watch(options);
  };
  const { port, duplex } = await start(methodTable(member));
  const silent = duplex('/etcdserverpb.Watch/Watch');
  silent.stream.resume();
  // That it was taken is seen by the answer to a second stream.
  const health = duplex('/grpc.health.v1.Health/Watch');
  health.stream.end(Buffer.alloc(0));
  await once(health.stream, 'data');
  health.stream.resume();
  await port.close({ graceMs: longMs });
  expect(await silent.ended).toMatchObject(stopped);
  expect(opened).toEqual([]);
});
