import * as grpc from '@grpc/grpc-js';
import type { Clock } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';

/** A request as a handler gets it. */
export interface FakeRequest<Request> {
  readonly request: Request;
  readonly metadata: grpc.Metadata;
}

/** One stream of a client, seen from the server. */
export interface FakeStream<Request, Response> {
  readonly metadata: grpc.Metadata;
  /** The next request; undefined when the client has ended or cancelled the stream. */
  next(): Promise<Request | undefined>;
  send(response: Response): void;
  /** Calls the listener when the client has gone away. */
  onCancelled(listener: () => void): void;
  /** Ends the stream well, or with a status. */
  end(code?: grpc.status, message?: string): void;
}

interface Method<Request, Response> {
  readonly name: string;
  readonly requestType: rpcpb.MessageFns<Request>;
  readonly responseType: rpcpb.MessageFns<Response>;
}

/** What a test's server answers. */
type Handler =
  | { readonly kind: 'unary'; readonly handler: grpc.handleUnaryCall<unknown, unknown> }
  | { readonly kind: 'stream'; readonly handler: grpc.handleBidiStreamingCall<unknown, unknown> };

/** A gRPC server that answers what a test tells it to. */
export class FakeServer implements AsyncDisposable {
  readonly #server = new grpc.Server();
  #port = 0;

  /** `host:port`, once started. */
  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Answers a unary method; what the handler throws, made by `status`, is the call's status. */
  unary<Request, Response>(
    service: { readonly fullName: string },
    method: Method<Request, Response>,
    handler: (request: FakeRequest<Request>) => Response | Promise<Response>,
  ): this {
    // The definition's deserializer makes requests of this type.
    const answer = async (call: grpc.ServerUnaryCall<unknown, unknown>) =>
      handler({ request: call.request as Request, metadata: call.metadata });
    this.#add(service, method, {
      kind: 'unary',
      handler: (call, callback) => {
        answer(call).then(
          (response) => callback(null, response),
          (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
        );
      },
    });
    return this;
  }

  /** Answers a method that streams both ways. */
  stream<Request, Response>(
    service: { readonly fullName: string },
    method: Method<Request, Response>,
    handler: (stream: FakeStream<Request, Response>) => Promise<void>,
  ): this {
    this.#add(service, method, {
      kind: 'stream',
      handler: (call) => {
        call.on('error', () => {});
        const requests = call.iterator();
        void handler({
          metadata: call.metadata,
          next: () => nextOf<Request>(requests),
          send: (response) => void call.write(response),
          onCancelled: (listener) => void call.on('cancelled', listener),
          end: (code, message = '') => {
            if (code === undefined) call.end();
            else call.emit('error', status(code, message));
          },
        });
      },
    });
    return this;
  }

  async start(credentials = grpc.ServerCredentials.createInsecure()): Promise<this> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }

  #add<Request, Response>(
    service: { readonly fullName: string },
    method: Method<Request, Response>,
    { kind, handler }: Handler,
  ): void {
    const streams = kind === 'stream';
    const definition: grpc.MethodDefinition<Request, Response> = {
      path: `/${service.fullName}/${method.name}`,
      requestStream: streams,
      responseStream: streams,
      requestSerialize: (message) => Buffer.from(method.requestType.encode(message).finish()),
      requestDeserialize: (bytes) => method.requestType.decode(bytes),
      responseSerialize: (message) => Buffer.from(method.responseType.encode(message).finish()),
      responseDeserialize: (bytes) => method.responseType.decode(bytes),
    };
    this.#server.addService({ [method.name]: definition }, { [method.name]: handler });
  }
}

/** A status as gRPC's server takes it. */
export function status(code: grpc.status, message: string): Error {
  return Object.assign(new Error(message), { code, details: message });
}

async function nextOf<Request>(requests: AsyncIterator<unknown>): Promise<Request | undefined> {
  try {
    const next = await requests.next();
    // The definition's deserializer makes requests of this type.
    return next.done === true ? undefined : (next.value as Request);
  } catch {
    return undefined;
  }
}

/** A clock on which all waiting is over at once, and has taken its time all the same; what would take longer never ends. */
export class HastyClock implements Clock {
  readonly #longestMs: number;
  #nowMs = 0;

  constructor({ longestMs = Infinity }: { readonly longestMs?: number } = {}) {
    this.#longestMs = longestMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, action: () => void): { cancel(): void } {
    if (delayMs > this.#longestMs) return { cancel: () => {} };
    const handle = setImmediate(() => {
      this.#nowMs += delayMs;
      action();
    });
    return { cancel: () => clearImmediate(handle) };
  }

  soon(action: () => void): void {
    setImmediate(action);
  }
}
