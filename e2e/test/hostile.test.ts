import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { fromLatin1, fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { endOf, GrpcCaller, type RawStream, type Reply } from '../src/differential/grpc-caller.ts';
import { op, show } from '../src/differential/operation.ts';
import { unaryOverHttp2 } from '../src/hostile/http2-call.ts';
import { malformedMessages, nestedTxn, randomMessages } from '../src/hostile/malformed.ts';
import { allMethods, type MethodShape } from '../src/hostile/methods.ts';
import {
  closed,
  frame,
  frameTypes,
  grpcHeaders,
  headerBlock,
  openSocket,
  preface,
  writeAll,
} from '../src/hostile/raw-http2.ts';
import { Victim } from '../src/hostile/victim.ts';

/** No abuse may make the member hold more than this; idle it is about 130 MiB. */
const residentMiBMax = 700;

let victim: Victim;
beforeAll(async () => {
  victim = await Victim.start();
});
afterAll(() => victim[Symbol.asyncDispose]());
afterEach(async () => {
  await victim.checkAlive();
  expect(await victim.residentMiB()).toBeLessThan(residentMiBMax);
});

const watchPath = '/etcdserverpb.Watch/Watch';
/** Random bytes can ask for a turn that somebody else has, or for news that there are not: such a call waits. */
const mayWait = new Set([
  '/v3lockpb.Lock/Lock',
  '/v3electionpb.Election/Campaign',
  '/v3electionpb.Election/Observe',
]);
const waitMs = 300;
const waited: Reply = { code: status.DEADLINE_EXCEEDED, message: 'it waits', bytes: new Uint8Array() };
const keepAlivePath = '/etcdserverpb.Lease/LeaseKeepAlive';
/** Numbers at the edges of what 64 bits, doubles and 32 bits hold. */
const extremes = [
  ...[0n, 1n, -1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, -(2n ** 31n) - 1n],
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)],
];

/** Sends a message to any kind of method and resolves to how that ended. */
async function send(method: MethodShape, message: Uint8Array): Promise<Reply> {
  const { caller } = victim;
  if (!method.clientStreams && !method.serverStreams) {
    return await caller.unary(method.path, message, mayWait.has(method.path) ? { deadlineMs: waitMs } : {});
  }
  const stream = caller.stream(method.path);
  const end = endOf(stream);
  // Streams may go on for ever; then the first answer is what we look for.
  const answered = new Promise<Reply>((resolve) => {
    stream.once('data', () => resolve({ code: 0, message: '', bytes: new Uint8Array() }));
  });
  stream.write(message);
  if (method.path === watchPath) stream.write(createWatch({ key: fromUtf8('k') }));
  stream.end();
  const waits = mayWait.has(method.path) ? [pause(waitMs, waited)] : [];
  const reply = await Promise.race([end, answered, ...waits]);
  stream.cancel();
  return reply;
}

function createWatch(fields: Partial<rpcpb.WatchCreateRequest>): Uint8Array {
  const value = { ...rpcpb.WatchCreateRequest.create(), ...fields };
  return rpcpb.WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish();
}

function cancelWatch(watchId: bigint): Uint8Array {
  return rpcpb.WatchRequest.encode({ requestUnion: { $case: 'cancelRequest', value: { watchId } } }).finish();
}

/** Responses of a watch stream as they come; `enough` says when to stop. */
async function collect(
  stream: RawStream,
  enough: (response: rpcpb.WatchResponse, count: number) => boolean,
): Promise<rpcpb.WatchResponse[]> {
  const responses: rpcpb.WatchResponse[] = [];
  // As an iterator a stream is read only as fast as the loop turns, and left as it is.
  for await (const message of stream.iterator({ destroyOnReturn: false })) {
    // The type of what a stream holds is unknown to TypeScript; the caller passes buffers on.
    const response = rpcpb.WatchResponse.decode(message as Buffer);
    responses.push(response);
    if (enough(response, responses.length)) return responses;
  }
  throw new Error(`the stream ended after ${responses.length} responses`);
}

describe('messages that are none', () => {
  test.each(allMethods)('$path tells of each that it is malformed', async (method) => {
    for (const [name, bytes] of Object.entries(malformedMessages)) {
      const { code } = await send(method, bytes);
      expect([status.INTERNAL, status.UNIMPLEMENTED], `${method.path}, ${name}`).toContain(code);
    }
  });

  test.each(allMethods)('$path answers random bytes with one status or another', async (method) => {
    for (const bytes of randomMessages(20261122, 30)) {
      const { code } = await send(method, bytes);
      const where = `${method.path}, ${Buffer.from(bytes).toString('hex')}`;
      if (!mayWait.has(method.path)) expect(code, where).not.toBe(status.DEADLINE_EXCEEDED);
      expect(code, where).not.toBe(status.UNAVAILABLE);
    }
  });

  test('a method that does not exist is unimplemented', async () => {
    for (const path of ['/etcdserverpb.KV/Nothing', '/nothing.Nothing/Nothing', '/a', '//', '/%00/%ff']) {
      expect((await victim.caller.unary(path, new Uint8Array())).code, path).toBe(status.UNIMPLEMENTED);
    }
  });
});

describe('requests that are too much', () => {
  test('beyond 1.5 MiB a put is too large, and beyond the receive limit it does not even come in', async () => {
    const put = (size: number) => op.put({ key: fromUtf8('large'), value: new Uint8Array(size) });
    const sizes = { fits: 1_500_000, tooLarge: 1_600_000, beyond: 2_200_000, farBeyond: 64_000_000 };
    const codeOf = async (size: number) => {
      const { path, bytes } = put(size);
      return (await victim.caller.unary(path, bytes)).code;
    };
    expect(await codeOf(sizes.fits)).toBe(status.OK);
    expect(await codeOf(sizes.tooLarge)).toBe(status.INVALID_ARGUMENT);
    expect(await codeOf(sizes.beyond)).toBe(status.RESOURCE_EXHAUSTED);
    expect(await codeOf(sizes.farBeyond)).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('a message that says it has 4 GiB is refused by its length alone', async () => {
    const head = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
    const reply = await unaryOverHttp2(victim.member.endpoint, '/etcdserverpb.KV/Put', head);
    expect(reply.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('what is small compressed and large inflated is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
    const head = Buffer.alloc(5);
    head.writeUInt8(1, 0);
    head.writeUInt32BE(bomb.length, 1);
    const body = Buffer.concat([head, bomb]);
    const reply = await unaryOverHttp2(victim.member.endpoint, '/etcdserverpb.KV/Put', body, {
      'grpc-encoding': 'gzip',
    });
    expect([status.RESOURCE_EXHAUSTED, status.INTERNAL, status.UNIMPLEMENTED]).toContain(reply.code);
    expect(await victim.residentMiB()).toBeLessThan(residentMiBMax);
  });

  test.each([129, 1000, 500_000])('%i operations in a transaction are too many', async (count) => {
    // An empty operation takes two bytes.
    const success = new Uint8Array(count * 2).map((_, i) => (i % 2 === 0 ? 0x12 : 0));
    const { code, message } = await victim.caller.unary('/etcdserverpb.KV/Txn', success);
    expect([code, message]).toEqual([
      status.INVALID_ARGUMENT,
      'etcdserver: too many operations in txn request',
    ]);
  });

  test.each([200, 1000, 5000, 20_000, 150_000])('transactions nested %i deep are refused', async (levels) => {
    const { code } = await victim.caller.unary('/etcdserverpb.KV/Txn', nestedTxn(levels));
    expect([status.INVALID_ARGUMENT, status.INTERNAL]).toContain(code);
  });
});

describe('numbers at the edge of 64 bits', () => {
  /** Neither a bug of ours (UNKNOWN, INTERNAL) nor no answer. */
  const answers = [status.OK, status.INVALID_ARGUMENT, status.OUT_OF_RANGE, status.NOT_FOUND];

  test('have an answer in every field of a range', async () => {
    const key = fromUtf8('a');
    const rangeEnd = fromUtf8('z');
    const fields = ['limit', 'revision', 'minModRevision', 'maxModRevision', 'minCreateRevision'] as const;
    for (const field of [...fields, 'maxCreateRevision'] as const) {
      for (const value of extremes) {
        const { path, bytes } = op.range({ key, rangeEnd, [field]: value });
        const reply = await victim.caller.unary(path, bytes);
        expect(answers, `${field} ${value}: ${reply.message}`).toContain(reply.code);
      }
    }
  });

  test('have an answer as revision, lease, time to live and member', async () => {
    for (const value of extremes) {
      const key = fromUtf8('n');
      const asked = [
        op.compact({ revision: value < 0n || value > 2n ** 40n ? value : -1n }),
        op.hashKv({ revision: value }),
        op.put({ key, lease: value }),
        op.leaseTimeToLive({ ID: value, keys: true }),
        op.leaseGrant({ ID: value, TTL: 600n }),
        op.leaseTimeToLive({ ID: value, keys: true }),
        op.put({ key, lease: value }),
        op.leaseRevoke({ ID: value }),
        op.leaseGrant({ ID: 4711n, TTL: value }),
        op.leaseRevoke({ ID: 4711n }),
        op.alarm({ action: 0, memberID: BigInt.asUintN(64, value) }),
        op.alarm({ action: 2, alarm: 1, memberID: BigInt.asUintN(64, value) }),
      ];
      for (const { path, bytes, request } of asked) {
        const reply = await victim.caller.unary(path, bytes);
        expect(answers, `${path} ${show(request)}: ${reply.message}`).toContain(reply.code);
      }
    }
  });

  test('have an answer in compares and nested operations', async () => {
    for (const value of extremes) {
      for (const $case of ['version', 'createRevision', 'modRevision', 'lease'] as const) {
        const target = { version: 0, createRevision: 1, modRevision: 2, lease: 4 }[$case];
        const compare = {
          ...rpcpb.Compare.create(),
          key: fromUtf8('a'),
          target: target as rpcpb.Compare_CompareTarget,
          targetUnion: { $case, value },
        };
        const range = { ...rpcpb.RangeRequest.create(), key: fromUtf8('a'), revision: value };
        const success = [{ request: { $case: 'requestRange' as const, value: range } }];
        const { path, bytes } = op.txn({ compare: [compare], success, failure: success });
        expect(answers).toContain((await victim.caller.unary(path, bytes)).code);
      }
    }
  });

  test('are fine as watch IDs and start revisions', async () => {
    const stream = victim.caller.stream(watchPath);
    for (const value of extremes) {
      stream.write(createWatch({ key: fromUtf8('w'), watchId: value }));
      const chosen = (await collect(stream, ({ created }) => created)).at(-1);
      expect(chosen).toMatchObject({ canceled: false, watchId: value });
      stream.write(cancelWatch(value));
      await collect(stream, ({ canceled }) => canceled);
      stream.write(createWatch({ key: fromUtf8('w'), startRevision: value }));
      const started = (await collect(stream, ({ created }) => created)).at(-1);
      expect(started?.canceled).toBe(value < 0n);
      if (started?.canceled === true) continue;
      stream.write(cancelWatch(started?.watchId ?? 0n));
      await collect(stream, ({ canceled }) => canceled);
    }
    stream.cancel();
  });

  test('are fine as leases to keep alive', async () => {
    const stream = victim.caller.stream(keepAlivePath);
    const end = endOf(stream);
    const ttls: bigint[] = [];
    stream.on('data', (bytes: Buffer) => ttls.push(rpcpb.LeaseKeepAliveResponse.decode(bytes).TTL));
    for (const ID of extremes) stream.write(rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish());
    stream.end();
    expect((await end).code).toBe(status.OK);
    expect(ttls).toEqual(extremes.map(() => 0n));
  });
});

describe('what crashes etcd 3.5', () => {
  const argument = status.INVALID_ARGUMENT;
  const codeOf = async ({ path, bytes }: { path: string; bytes: Uint8Array }) =>
    (await victim.caller.unary(path, bytes)).code;
  // Clients may send any number where an enum is.
  const unknown = 7 as never;

  test('unknown sort targets and orders are invalid, in transactions too', async () => {
    const key = fromUtf8('k');
    for (const fields of [{ sortTarget: unknown }, { sortOrder: unknown }, { sortTarget: -1 as never }]) {
      expect(await codeOf(op.range({ key, ...fields }))).toBe(argument);
      const value = { ...rpcpb.RangeRequest.create(), key, ...fields };
      const nested: rpcpb.TxnRequest = {
        compare: [],
        success: [{ request: { $case: 'requestRange', value } }],
        failure: [],
      };
      expect(await codeOf(op.txn(nested))).toBe(argument);
      expect(await codeOf(op.txn({ failure: [{ request: { $case: 'requestTxn', value: nested } }] }))).toBe(
        argument,
      );
    }
  });

  test('unknown alarms and actions are invalid', async () => {
    expect(await codeOf(op.alarm({ action: unknown }))).toBe(argument);
    expect(await codeOf(op.alarm({ action: 1, alarm: unknown }))).toBe(argument);
  });

  test('a put that keeps the value of a key which its transaction deletes is refused, and nothing is changed', async () => {
    const key = fromUtf8('kept');
    await codeOf(op.put({ key, value: fromUtf8('v') }));
    const remove = { ...rpcpb.DeleteRangeRequest.create(), key, rangeEnd: fromLatin1('\0') };
    const keep = { ...rpcpb.PutRequest.create(), key, ignoreValue: true };
    const txn = op.txn({
      success: [
        { request: { $case: 'requestDeleteRange', value: remove } },
        { request: { $case: 'requestPut', value: keep } },
      ],
    });
    expect(await codeOf(txn)).toBe(argument);
    const { bytes } = await victim.caller.unary(op.range({ key }).path, op.range({ key }).bytes);
    expect(rpcpb.RangeResponse.decode(bytes).kvs).toHaveLength(1);
  });
});

describe('keys of any bytes', () => {
  test('are stored, found, watched and deleted as they are', async () => {
    const keys = [
      ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
      ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(0xff, byte, 0)),
      ...randomMessages(7, 200).filter((bytes) => bytes.length > 0),
      new Uint8Array(100_000).fill(0xff),
      new Uint8Array(1_000_000),
    ];
    const stream = victim.caller.stream(watchPath);
    stream.write(createWatch({ key: fromLatin1('\0'), rangeEnd: fromLatin1('\0') }));
    await collect(stream, ({ created }) => created);
    for (const key of keys) {
      const asked = [op.put({ key, value: key.subarray(0, 10) }), op.range({ key }), op.deleteRange({ key })];
      const replies: Uint8Array[] = [];
      for (const { path, bytes } of asked) replies.push((await victim.caller.unary(path, bytes)).bytes);
      const { kvs } = rpcpb.RangeResponse.decode(replies[1]!);
      expect(Buffer.from(kvs[0]!.key).equals(key)).toBe(true);
      expect(rpcpb.DeleteRangeResponse.decode(replies[2]!).deleted).toBe(1n);
    }
    const wanted = keys.length * 2;
    let seen = 0;
    const responses = await collect(stream, ({ events }) => (seen += events.length) >= wanted);
    const events = responses.flatMap((response) => response.events);
    expect(events).toHaveLength(wanted);
    expect(events.every(({ kv }, i) => Buffer.from(kv!.key).equals(keys[i >> 1]!))).toBe(true);
    stream.cancel();
  });
});

describe('connections that speak no HTTP/2', () => {
  const garbage = Buffer.concat(randomMessages(99, 2000));
  const ended = Buffer.from('\r\n\r\n', 'latin1');

  test.each([
    ['random bytes', [garbage]],
    ['an HTTP/1 request of random bytes', [Buffer.from('GET / HTTP/1.1\r\n'), garbage, ended]],
    ['an endless HTTP/1 header', [Buffer.from('GET / HTTP/1.1\r\nx: '), Buffer.alloc(1 << 20, 0x61), ended]],
    ['a TLS hello', [Buffer.from('16030100c8010000c40303', 'hex'), garbage]],
    ['random bytes after the preface', [preface, garbage]],
    [
      'a frame of 16 MiB',
      [preface, frame(frameTypes.settings), Buffer.from('ffffff000000000001', 'hex'), garbage],
    ],
    ['settings of a wrong size', [preface, frame(frameTypes.settings, { payload: Buffer.alloc(5) })]],
    [
      'data on a stream that was never opened',
      [preface, frame(frameTypes.settings), frame(0, { stream: 1, payload: garbage.subarray(0, 100) })],
    ],
    [
      'headers on an even stream',
      [
        preface,
        frame(frameTypes.settings),
        frame(1, { flags: 5, stream: 2, payload: grpcHeaders('/etcdserverpb.KV/Put') }),
      ],
    ],
    [
      'a broken header block',
      [
        preface,
        frame(frameTypes.settings),
        frame(1, { flags: 5, stream: 1, payload: garbage.subarray(0, 500) }),
      ],
    ],
  ] as const)('%s: the connection is closed', async (_name, chunks) => {
    const socket = await openSocket(victim.host);
    await writeAll(socket, chunks);
    socket.end();
    await closed(socket);
  });

  test('floods of pings, settings, resets and continuations end the connection or are borne', async () => {
    const open = frame(frameTypes.settings);
    const rapidReset = Array.from({ length: 20_000 }, (_, i) => {
      const stream = i * 2 + 1;
      const headers = frame(frameTypes.headers, {
        flags: 4,
        stream,
        payload: grpcHeaders('/etcdserverpb.KV/Range'),
      });
      return Buffer.concat([
        headers,
        frame(frameTypes.rstStream, { stream, payload: Buffer.from([0, 0, 0, 8]) }),
      ]);
    });
    const ping = frame(frameTypes.ping, { payload: Buffer.alloc(8) });
    const block = headerBlock({ name: 'x'.repeat(8000) });
    const continued = frame(frameTypes.continuation, { stream: 1, payload: block });
    const floods: Buffer[][] = [
      rapidReset,
      Array.from({ length: 50_000 }, () => ping),
      Array.from({ length: 50_000 }, () => open),
      [
        frame(frameTypes.headers, { stream: 1, payload: block }),
        ...Array.from({ length: 5000 }, () => continued),
      ],
    ];
    for (const flood of floods) {
      const socket = await openSocket(victim.host);
      await writeAll(socket, [preface, open, ...flood]);
      socket.destroy();
      await victim.checkAlive();
    }
  });

  test('thousands of connections that say nothing, or half a request, are in nobody’s way', async () => {
    const halves = [Buffer.alloc(0), preface.subarray(0, 10), preface, Buffer.from('GET /health HTT')];
    const sockets = [];
    for (let i = 0; i < 2000; i++) {
      const socket = await openSocket(victim.host);
      socket.write(halves[i % halves.length]!);
      sockets.push(socket);
    }
    await victim.checkAlive();
    for (const socket of sockets) socket.destroy();
  });

  test('a message that is cut by the end of its connection does nothing', async () => {
    const message = op.put({ key: fromUtf8('cut'), value: new Uint8Array(5000) }).bytes;
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    for (const size of [0, 3, 5, 100, 4000]) {
      const socket = await openSocket(victim.host);
      const payload = Buffer.concat([head, message]).subarray(0, size);
      await writeAll(socket, [
        preface,
        frame(frameTypes.settings),
        frame(frameTypes.headers, { flags: 4, stream: 1, payload: grpcHeaders('/etcdserverpb.KV/Put') }),
        frame(frameTypes.data, { stream: 1, payload }),
      ]);
      socket.destroy();
    }
    const { path, bytes } = op.range({ key: fromUtf8('cut') });
    const reply = await victim.caller.unary(path, bytes);
    expect(rpcpb.RangeResponse.decode(reply.bytes).count).toBe(0n);
  });

  test('a header list of a megabyte is refused', async () => {
    const reply = await unaryOverHttp2(victim.member.endpoint, '/etcdserverpb.KV/Range', Buffer.alloc(5), {
      token: 'x'.repeat(1 << 20),
    });
    expect(reply.code).not.toBe(status.OK);
  });
});

describe('watch streams', () => {
  test(
    'ten thousand watchers on one stream each get their events, and can be canceled',
    { timeout: 120_000 },
    async () => {
      const count = 10_000;
      using caller = new GrpcCaller(victim.member.endpoint);
      const stream = caller.stream(watchPath);
      const key = fromUtf8('many');
      for (let i = 0; i < count; i++) stream.write(createWatch({ key, prevKv: i % 2 === 0 }));
      const created = await collect(stream, (_, n) => n === count);
      expect(new Set(created.map(({ watchId }) => watchId)).size).toBe(count);
      const put = op.put({ key, value: new Uint8Array(1000) });
      await victim.caller.unary(put.path, put.bytes);
      const told = await collect(stream, (_, n) => n === count);
      expect(new Set(told.map(({ watchId }) => watchId)).size).toBe(count);
      for (const { watchId } of created) stream.write(cancelWatch(watchId));
      const gone = await collect(stream, (_, n) => n === count);
      expect(gone.every(({ canceled }) => canceled)).toBe(true);
      stream.cancel();
    },
  );

  test(
    'a watcher that does not read holds up nobody, costs no copy of what it missed, and gets it all later',
    { timeout: 120_000 },
    async () => {
      using caller = new GrpcCaller(victim.member.endpoint);
      const key = fromUtf8('slow');
      const slow = Array.from({ length: 20 }, () => caller.stream(watchPath));
      for (const stream of slow) {
        stream.write(createWatch({ key }));
        await collect(stream, ({ created }) => created);
      }
      const before = await victim.residentMiB();
      // Twenty times 60 MB wait, if each stream had its own.
      const puts = 600;
      for (let i = 0; i < puts; i++) {
        const { path, bytes } = op.put({ key, value: new Uint8Array(100_000).fill(i) });
        expect((await victim.caller.unary(path, bytes)).code).toBe(status.OK);
      }
      expect((await victim.residentMiB()) - before).toBeLessThan(350);
      for (const stream of slow.slice(0, 2)) {
        let seen = 0n;
        const responses = await collect(
          stream,
          ({ events }) => (seen += BigInt(events.length)) === BigInt(puts),
        );
        const versions = responses.flatMap(({ events }) => events.map(({ kv }) => Number(kv!.version)));
        expect(versions).toEqual(Array.from({ length: puts }, (_, i) => i + 1));
      }
      for (const stream of slow) stream.cancel();
    },
  );

  test('a client that asks and never reads is not read from for ever', async () => {
    using caller = new GrpcCaller(victim.member.endpoint);
    const stream = caller.stream(watchPath);
    void endOf(stream);
    stream.pause();
    const progress = rpcpb.WatchRequest.encode({
      requestUnion: { $case: 'progressRequest', value: {} },
    }).finish();
    for (let i = 0; i < 50_000; i++) {
      stream.write(i % 2 === 0 ? progress : createWatch({ key: fromUtf8('x'), watchId: 5n }));
    }
    await victim.checkAlive();
    stream.cancel();
  });
});

describe('calls that are given up', () => {
  test('thousands of them leave nothing behind', async () => {
    using caller = new GrpcCaller(victim.member.endpoint);
    const { path, bytes } = op.put({ key: fromUtf8('given up'), value: new Uint8Array(100) });
    const replies: Promise<Reply>[] = [];
    for (let i = 0; i < 3000; i++) {
      replies.push(caller.unary(path, bytes, { deadlineMs: i % 7 }));
      const stream = caller.stream(i % 2 === 0 ? watchPath : keepAlivePath);
      void endOf(stream.resume());
      stream.write(i % 2 === 0 ? createWatch({ key: fromUtf8('k') }) : new Uint8Array());
      stream.cancel();
    }
    for (const { code } of await Promise.all(replies)) {
      expect([status.OK, status.DEADLINE_EXCEEDED]).toContain(code);
    }
    const metrics = await fetch(`http://${victim.member.endpoint}/metrics`);
    const text = await metrics.text();
    const streams = /^etcd_debugging_mvcc_watch_stream_total (\d+)/m.exec(text)?.[1];
    expect(Number(streams ?? 0)).toBeLessThan(10);
  });
});
