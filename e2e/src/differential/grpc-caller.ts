import {
  type ChannelCredentials,
  Client,
  credentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

/** The outcome of a call as it was on the wire. `bytes` is empty when `code` is not 0. */
export interface Reply {
  readonly code: number;
  readonly message: string;
  readonly bytes: Uint8Array;
}

/** What a caller shows of himself in the metadata of a call. */
export interface Credentials {
  readonly token?: string;
  /** The other place for a token. */
  readonly authorization?: string;
}

/** A bidirectional stream of encoded messages. */
export type RawStream = ClientDuplexStream<Uint8Array, Buffer>;

/** A gRPC client that knows no messages, so that what it sends may be anything, and what comes back is seen raw. */
export class GrpcCaller implements Disposable {
  readonly #client: Client;

  /** With `keepaliveMs`, a server that is silent for so long twice, asked whether it is there, has lost the connection. */
  constructor(
    endpoint: string,
    channel: ChannelCredentials = credentials.createInsecure(),
    { keepaliveMs }: { readonly keepaliveMs?: number } = {},
  ) {
    this.#client = new Client(endpoint, channel, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // Callers to the same endpoint must not share a connection: tests look at connections one by one.
      'grpc.use_local_subchannel_pool': 1,
      ...(keepaliveMs !== undefined && {
        'grpc.keepalive_time_ms': keepaliveMs,
        'grpc.keepalive_timeout_ms': keepaliveMs,
      }),
    });
  }

  /** A unary call, by whoever the credentials are of; a status other than OK is a reply as well. */
  unary(
    path: string,
    request: Uint8Array,
    { deadlineMs = 60_000, ...credentials }: Credentials & { readonly deadlineMs?: number } = {},
  ): Promise<Reply> {
    const metadata = metadataOf(credentials);
    return new Promise((resolve) => {
      const options = { deadline: Date.now() + deadlineMs };
      this.#client.makeUnaryRequest(path, toBuffer, keep, request, metadata, options, (error, response) => {
        resolve(error === null ? ok(response ?? Buffer.alloc(0)) : refused(error));
      });
    });
  }

  /** A call with one request and a stream of answers. */
  async serverStream(
    path: string,
    request: Uint8Array,
    credentials: Credentials = {},
  ): Promise<{ reply: Reply; messages: Buffer[] }> {
    const metadata = metadataOf(credentials);
    const call: ClientReadableStream<Buffer> = this.#client.makeServerStreamRequest(
      ...[path, toBuffer, keep, request, metadata],
    );
    const messages: Buffer[] = [];
    call.on('data', (message: Buffer) => messages.push(message));
    return { reply: await endOf(call), messages };
  }

  /** Opens a bidirectional stream. How it ends is told by `endOf` to whoever asks. */
  stream(path: string, credentials: Credentials = {}): RawStream {
    const call: RawStream = this.#client.makeBidiStreamRequest(
      ...[path, toBuffer, keep, metadataOf(credentials)],
    );
    call.on('error', () => {});
    return call;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The status that a stream ends with. Somebody must read the stream. */
export function endOf(call: RawStream | ClientReadableStream<Buffer>): Promise<Reply> {
  return new Promise((resolve) => {
    // The emitters of both kinds of calls have these events; TypeScript can't call a union of their overloads.
    const emitter = call as NodeJS.EventEmitter;
    emitter.on('error', (error: ServiceError) => resolve(refused(error)));
    emitter.on('end', () => resolve(ok(Buffer.alloc(0))));
  });
}

function metadataOf(credentials: Credentials): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(credentials)) metadata.set(key, String(value));
  return metadata;
}

function ok(bytes: Uint8Array): Reply {
  return { code: 0, message: '', bytes };
}

function refused(error: ServiceError): Reply {
  return { code: error.code, message: error.details, bytes: Buffer.alloc(0) };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function keep(bytes: Buffer): Buffer {
  return bytes;
}
