import { nobody } from '@quorate/auth';
import { rpcpb } from '@quorate/wire';
import { beforeEach, expect, test } from 'vitest';
import { LocalCalls, methodTable, status, type Method } from '../src/index.ts';
import { CodedError, FakeMember } from './fake-member.ts';

let member: FakeMember;
let calls: LocalCalls;
beforeEach(() => {
  member = new FakeMember();
  calls = new LocalCalls(methodTable(member));
});

function options(metadata: Readonly<Record<string, string>> = {}) {
  return { metadata: new Map(Object.entries(metadata)), signal: new AbortController().signal };
}

async function* messages(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* all;
}

/** A table with one stream method. */
function streaming(handler: Extract<Method, { kind: 'stream' }>['handler']): LocalCalls {
  const method: Method = { kind: 'stream', clientStreams: true, serverStreams: true, handler };
  return new LocalCalls(new Map([['/s', method]]));
}

test('a unary call is answered as over gRPC, and carries its metadata and no certificate', async () => {
  const bytes = await calls.unary('/etcdserverpb.KV/Range', new Uint8Array(0), options({ token: 't' }));
  expect(rpcpb.RangeResponse.decode(bytes).kvs).toHaveLength(1);
  expect(member.identified).toEqual([{ token: 't', commonName: undefined }]);
  expect(member.caller).toBe(nobody);
});

test('errors are those of gRPC', async () => {
  member.failure = new CodedError('REPLICA_NO_LEADER');
  const failing = calls.unary('/etcdserverpb.KV/Range', new Uint8Array(0), options());
  await expect(failing).rejects.toMatchObject({
    status: status.UNAVAILABLE,
    message: 'etcdserver: no leader',
  });
  for (const path of ['/etcdserverpb.KV/Nonsense', '/etcdserverpb.Watch/Watch', '']) {
    await expect(calls.unary(path, new Uint8Array(0), options())).rejects.toMatchObject({
      status: status.UNIMPLEMENTED,
    });
  }
});

test('a stream is read to its end, and its error comes behind what it has sent', async () => {
  const seen: number[] = [];
  const stream = calls.stream('/etcdserverpb.KV/RangeStream', messages(new Uint8Array(0)), options());
  for await (const bytes of stream)
    seen.push(rpcpb.RangeStreamResponse.decode(bytes).rangeResponse!.kvs.length);
  expect(seen).toEqual([1, 1]);
  const failing = streaming(async (call) => {
    call.send(Uint8Array.of(1));
    throw new CodedError('REPLICA_STOPPED');
  }).stream('/s', messages(), options());
  expect((await failing.next()).value).toEqual(Uint8Array.of(1));
  await expect(failing.next()).rejects.toMatchObject({ message: 'etcdserver: server stopped' });
});

test('leaving the loop ends the call, also where it waits for a request that never comes', async () => {
  let ended = false;
  const calls = streaming(async (call) => {
    call.send(Uint8Array.of(1));
    try {
      for await (const _ of call.requests);
    } finally {
      ended = true;
    }
  });
  async function* silent(): AsyncGenerator<Uint8Array, void> {
    await new Promise(() => {});
  }
  for await (const _ of calls.stream('/s', silent(), options())) break;
  expect(ended).toBe(true);
});

test('a reader that is slow holds the stream back', async () => {
  let sent = 0;
  const calls = streaming(async (call) => {
    for (; sent < 100; sent++) if (!call.send(Uint8Array.of(sent))) await call.drained();
  });
  const stream = calls.stream('/s', messages(), options());
  expect((await stream.next()).value).toEqual(Uint8Array.of(0));
  expect(sent).toBeLessThan(20);
  let last = 0;
  for await (const bytes of stream) last = bytes[0]!;
  expect(last).toBe(99);
});

test('an observer hears of these calls as of those over gRPC', async () => {
  const heard: unknown[] = [];
  const observed = new LocalCalls(methodTable(member), {
    onStarted: (path, version) => heard.push(['started', path, version]),
    onReceived: (_path, bytes) => heard.push(['received', bytes]),
    onSent: (_path, bytes) => heard.push(['sent', bytes > 0]),
    onHandled: ({ status: code, durationMs }) => heard.push(['handled', code, durationMs >= 0]),
  });
  const said = options({ 'client-api-version': '3.6' });
  await observed.unary('/etcdserverpb.KV/Range', new Uint8Array(0), said);
  member.failure = new CodedError('REPLICA_NO_LEADER');
  await expect(observed.unary('/etcdserverpb.KV/Range', new Uint8Array(0), options())).rejects.toThrow();
  member.failure = undefined;
  const path = '/etcdserverpb.KV/RangeStream';
  for await (const _ of observed.stream(path, messages(new Uint8Array(0)), options()));
  expect(heard).toEqual([
    ...[
      ['started', '/etcdserverpb.KV/Range', '3.6'],
      ['received', 0],
      ['sent', true],
      ['handled', 0, true],
    ],
    ...[
      ['started', '/etcdserverpb.KV/Range', ''],
      ['received', 0],
      ['handled', status.UNAVAILABLE, true],
    ],
    ...[
      ['started', path, ''],
      ['received', 0],
      ['sent', true],
      ['sent', true],
      ['handled', 0, true],
    ],
  ]);
});
