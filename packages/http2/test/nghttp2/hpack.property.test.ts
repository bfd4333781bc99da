import fc from 'fast-check';
import { once } from 'node:events';
import { connect, sensitiveHeaders, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HpackDecoder, HpackEncoder } from '../../src/index.ts';
import {
  clientPreface,
  flag,
  frame,
  frameType,
  preface,
  readFrames,
  setting,
  settings,
} from '../../src/testing/index.ts';
import { withoutDifferences } from './differences.ts';
import { runsOf, timeoutMs } from './fuzzing.ts';
import { headerBlocks, plainName, plainValue } from './header-blocks.ts';
import { Nghttp2Server, ourOutcome } from './outcomes.ts';

let nghttp2: Nghttp2Server;
beforeAll(async () => {
  nghttp2 = await Nghttp2Server.start();
});
afterAll(() => nghttp2[Symbol.asyncDispose]());

const { HEADERS, SETTINGS } = frameType;
const settingsAck = frame({ type: SETTINGS, flags: flag.ACK });
const pseudo = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'here'],
] as const;

const headerOf = (block: Uint8Array, index: number): Buffer =>
  frame({
    type: HEADERS,
    flags: flag.END_HEADERS | flag.END_STREAM,
    streamId: 2 * index + 1,
    payload: block,
  });

test(
  'what our encoder says is what nghttp2 understands, whatever the size of the table',
  async () => {
    const field = fc.record({ name: plainName, value: plainValue, isRepeated: fc.boolean() });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.array(fc.oneof(field, fc.constantFrom(...repeated)), { maxLength: 12 }) },
      { weight: 1, arbitrary: fc.nat({ max: 4096 }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 5_000 }), fc.array(step, { maxLength: 20 }), async (size, steps) => {
        const encoder = new HpackEncoder();
        encoder.setMaxTableSize(size);
        const pieces = [preface(), settingsAck];
        const wanted: string[] = [];
        for (const one of steps) {
          if (typeof one === 'number') {
            encoder.setMaxTableSize(Math.min(one, size));
            continue;
          }
          const fields = [...pseudo.map(([name, value]) => ({ name, value, isRepeated: true })), ...one];
          const id = 2 * wanted.length + 1;
          pieces.push(headerOf(encoder.encode(fields), wanted.length));
          wanted.push(`${id} ${fields.map(({ name, value }) => `${name}=${value}`).join('&')}`);
        }
        const outcome = await nghttp2.outcome(pieces, { headerTableSize: size });
        expect(outcome).toEqual({ requests: wanted, taken: pieces.length, resets: [] });
      }),
      runsOf(100),
    );
  },
  timeoutMs,
);

/** Fields that come again, so that there is something to refer to. */
const repeated = ['one', 'two', 'three'].map((value) => ({ name: 'x-again', value, isRepeated: true }));

test(
  'what nghttp2’s encoder says is what our decoder understands, whatever the size of the table',
  async () => {
    const header = fc.record({
      fields: fc.dictionary(plainName, fc.oneof(plainValue, fc.constantFrom('one', 'two')), { maxKeys: 12 }),
      /** Which of them nobody on the way may keep. */
      secrets: fc.array(fc.nat({ max: 11 }), { maxLength: 3 }),
    });
    const step = fc.oneof(
      { weight: 5, arbitrary: header },
      { weight: 1, arbitrary: fc.nat({ max: 10_000 }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        await using client = await Nghttp2Client.start();
        const decoder = new HpackDecoder({ maxTableSize: 10_000, maxListSize: 1e6, maxFields: 1e3 });
        for (const one of steps) {
          if (typeof one === 'number') {
            await client.setTableSize(one);
            continue;
          }
          const fields = { ...Object.fromEntries(pseudo), ...one.fields };
          const names = Object.keys(one.fields);
          const secrets = one.secrets.flatMap((index) => names[index] ?? []);
          const block = await client.blockOf({ ...fields, [sensitiveHeaders]: secrets });
          const list = decoder.decode(block);
          expect(Object.fromEntries(list.fields.map(({ name, value }) => [name, value]))).toEqual(fields);
        }
      }),
      runsOf(60),
    );
  },
  timeoutMs,
);

test(
  'blocks written in any way, and blocks that are wrong, have the same end with nghttp2 and with us',
  async () => {
    await fc.assert(
      fc.asyncProperty(headerBlocks, async (blocks) => {
        const { pieces } = withoutDifferences([preface(), ...blocks.map(headerOf)]);
        const { why, ...ours } = ourOutcome(pieces);
        expect({ why, ...(await nghttp2.outcome(pieces)) }).toEqual({ why, ...ours });
      }),
      runsOf(600),
    );
  },
  timeoutMs,
);

/** Node's client, whose frames come to us. */
class Nghttp2Client implements AsyncDisposable {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #close: () => void;
  #received = Buffer.alloc(0);
  #onData: (() => void) | undefined;

  private constructor(session: ClientHttp2Session, socket: Socket, close: () => void) {
    this.#session = session;
    this.#socket = socket;
    this.#close = close;
    session.on('error', () => {});
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onData?.();
    });
  }

  static async start(): Promise<Nghttp2Client> {
    const listener = createServer({ noDelay: true });
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    const session = connect(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
    // What a listener of connections is told.
    const [socket] = (await once(listener, 'connection')) as [Socket];
    const client = new Nghttp2Client(session, socket, () => listener.close());
    socket.write(settings());
    await client.#next((bytes) => (bytes.includes(settingsAck) ? bytes : undefined));
    return client;
  }

  /** Announces a size of the table, and waits until it counts. */
  async setTableSize(size: number): Promise<void> {
    this.#socket.write(settings([[setting.HEADER_TABLE_SIZE, size]]));
    await this.#next((bytes) => (bytes.includes(settingsAck) ? bytes : undefined));
  }

  /** The header block by which it asks for that. */
  async blockOf(headers: OutgoingHttpHeaders): Promise<Buffer> {
    const stream = this.#session.request(headers, { endStream: true });
    stream.on('error', () => {});
    return this.#next((bytes) => {
      const frames = framesIn(bytes);
      const last = frames.at(-1);
      if (last === undefined || (last.flags & flag.END_HEADERS) === 0) return undefined;
      const parts = frames.map(({ type, flags, payload }) =>
        type === HEADERS && (flags & 0x20) !== 0 ? payload.subarray(5) : payload,
      );
      return Buffer.concat(parts);
    });
  }

  /** Waits for bytes that `look` makes something of, and forgets them. */
  async #next(look: (bytes: Buffer) => Buffer | undefined): Promise<Buffer> {
    for (;;) {
      const found = look(this.#received);
      if (found !== undefined) {
        this.#received = Buffer.alloc(0);
        return found;
      }
      await new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.destroy();
    this.#socket.destroy();
    this.#close();
    await once(this.#socket, 'close');
  }
}

/** Frames of headers that came whole. */
function framesIn(bytes: Buffer): ReturnType<typeof readFrames> {
  const from = bytes.subarray(0, clientPreface.length).equals(clientPreface) ? clientPreface.length : 0;
  let end = from;
  while (end + 9 <= bytes.length && end + 9 + bytes.readUIntBE(end, 3) <= bytes.length) {
    end += 9 + bytes.readUIntBE(end, 3);
  }
  return readFrames(bytes.subarray(from, end)).filter(
    ({ type }) => type === HEADERS || type === frameType.CONTINUATION,
  );
}
