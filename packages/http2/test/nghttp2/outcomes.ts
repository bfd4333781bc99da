import { once } from 'node:events';
import { performServerHandshake, type Settings } from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ConnectionError, Http2Connection } from '../../src/index.ts';
import { frame, frameType, readFrames } from '../../src/testing/index.ts';

/** What a server made of the bytes of a client, in words that do not depend on which server it is. */
export interface Outcome {
  /** The number and the fields of each request that its host was told of, a character for each byte. */
  readonly requests: readonly string[];
  /** How many of the pieces it has read without ending the connection. */
  readonly taken: number;
  /** Streams that it broke off. */
  readonly resets: readonly number[];
  /** Why it ended the connection, if it says so. */
  readonly why?: string;
}

/** Pieces of what a client sends: frames, whole, and behind the last of them no header that has yet to go on. */
export type Pieces = readonly Uint8Array[];

/** What our connection makes of it. */
export function ourOutcome(pieces: Pieces): Outcome {
  const requests: string[] = [];
  const connection = new Http2Connection<undefined>(
    {
      onRequest: ({ id }, { fields }) =>
        requests.push(`${id} ${fields.map(({ name, value }) => `${name}=${value}`).join('&')}`),
      onData: (stream, data) => stream.acknowledge(data.length),
      onClosed: () => {},
      onRoom: () => {},
    },
    { streamWindow: 65_535, connectionWindow: 65_535 },
  );
  let taken = 0;
  let why: string | undefined;
  try {
    for (; taken < pieces.length; taken++) connection.receive(pieces[taken] ?? noBytes, 0, 0);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    why = error.message;
  }
  return {
    ...(why !== undefined && { why }),
    requests,
    taken,
    resets: resetsIn(Buffer.concat(connection.takeOutput())),
  };
}

/**
 * nghttp2 within Node's own server. It is behind sockets: over streams in JavaScript Node ends the process when something
 * comes while it writes.
 */
export class Nghttp2Server implements AsyncDisposable {
  readonly #listener: Server;
  readonly #port: number;

  private constructor(listener: Server) {
    this.#listener = listener;
    // It listens on TCP.
    this.#port = (listener.address() as AddressInfo).port;
  }

  static async start(): Promise<Nghttp2Server> {
    const listener = createServer({ noDelay: true });
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    return new Nghttp2Server(listener);
  }

  /** What it makes of a client; one at a time. */
  async outcome(pieces: Pieces, settings: Settings = {}): Promise<Outcome> {
    const accepted = once(this.#listener, 'connection');
    const client = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    // What a listener of connections is told.
    const [socket] = (await accepted) as [Socket];
    const session = performServerHandshake(socket, { settings });
    const requests: string[] = [];
    session.on('stream', (stream, _headers, _flags, raw) => {
      requests.push(`${stream.id} ${fieldsOf(raw).join('&')}`);
      stream.on('error', () => {}).resume();
    });
    session.on('error', () => {});
    const { taken, output } = await talk(client, pieces);
    session.destroy();
    client.destroy();
    return { requests, taken, resets: resetsIn(output) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await once(this.#listener, 'close');
  }
}

/** Sends a piece when the ping behind the one before is answered: who ends a connection answers no more. */
async function talk(
  client: Socket,
  pieces: Pieces,
): Promise<{ readonly taken: number; readonly output: Buffer }> {
  const output: Buffer[] = [];
  let taken = 0;
  const sendNext = (): void => {
    const piece = pieces[taken];
    if (piece === undefined) client.destroy();
    else client.write(Buffer.concat([piece, pingOf(taken + 1)]));
  };
  client.on('data', (chunk: Buffer) => {
    output.push(chunk);
    if (!Buffer.concat(output.slice(-2)).includes(pingOf(taken + 1).subarray(9))) return;
    taken++;
    sendNext();
  });
  client.on('error', () => {});
  sendNext();
  await once(client, 'close');
  return { taken, output: Buffer.concat(output) };
}

/** Names and values by turns. */
function fieldsOf(raw: readonly string[]): string[] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}=${raw[index + 1] ?? ''}`] : []));
}

/** A ping that no client sends by chance. */
function pingOf(number: number): Buffer {
  const payload = Buffer.from('\0\0\0\0ping');
  payload.writeUInt32BE(number);
  return frame({ type: frameType.PING, payload });
}

function resetsIn(output: Uint8Array): number[] {
  const resets = readFrames(output).filter(({ type }) => type === frameType.RST_STREAM);
  return resets.map(({ streamId }) => streamId).sort((a, b) => a - b);
}

const noBytes = new Uint8Array(0);
