import {
  Server,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { asBuffer, wholeBytes, systemClock, type Clock } from '@quorate/std';
import type { MessageBatch } from '@quorate/wire';
import type { Http2Session, IncomingHttpHeaders, ServerOptions } from 'node:http2';
import type { Socket } from 'node:net';
import { ConnectionGuard, type Exchange, type Newcomer } from './connection-guard.ts';
import { RpcError, status } from './errors.ts';
import { openGrpcJs, type GrpcJsDoor, type StreamListener } from './grpc-js-door.ts';
import { firstRequestOnly } from './grpc-js-requests.ts';
import { isGrpc, type RequestStream } from './http2-requests.ts';
import { defaultLimits, type ClientLimits, type CutReason } from './limits.ts';
import { runUntil, serverStopped } from './run-until.ts';
import { isInternal, toRpcError } from './status.ts';
import {
  isLater,
  onAborted,
  receiveEach,
  sendEach,
  type Call,
  type Message,
  type Method,
  type MethodTable,
  type OnRequest,
  type StreamCall,
  type UnaryHandler,
} from './transport.ts';

/** Told of every call, for metrics. */
export interface GrpcObserver {
  /** `clientApiVersion` is what the client says of itself, such as `3.6`; empty when it says nothing. */
  onStarted?(path: string, clientApiVersion: string): void;
  onHandled?(event: { readonly path: string; readonly status: number; readonly durationMs: number }): void;
  onReceived?(path: string, bytes: number): void;
  /** So many messages, one where nothing is said, have so many bytes together. */
  onSent?(path: string, bytes: number, messages?: number): void;
  /** The server is there; `usage` tells at any time how near it is to its limits. */
  onOpened?(usage: () => GrpcUsage): void;
  /** A call or a connection was ended by a limit. */
  onCut?(reason: CutReason): void;
  /** A handler threw what no client is told: a bug, or a failure of the machine. */
  onInternalError?(path: string, error: unknown): void;
}

/** Connections, calls, and bytes that wait for clients. */
export type GrpcUsage = ConnectionGuard['usage'];

/** What a server serves, and how much of it to whom. Times are in milliseconds. */
export interface GrpcServerOptions {
  readonly methods: MethodTable;
  /** Largest request that is accepted; a larger one is answered with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** `defaultLimits` where nothing is said. */
  readonly limits?: Partial<ClientLimits>;
  readonly clock?: Clock;
  /**
   * Shortest time between two pings of a client with calls under way; without calls it is two hours. Whoever pings more
   * often is told so, and cut off. 0 is gRPC's own five minutes; 5 seconds when it is left out, as with etcd.
   */
  readonly keepAliveMinTimeMs?: number;
  /** Time between two pings to a client, which has so long to answer; there are none when either of them is 0. */
  readonly keepAliveIntervalMs?: number;
  readonly keepAliveTimeoutMs?: number;
  readonly observer?: GrpcObserver;
}

/** What is known of a connection that is served. */
export interface ServedConnection extends Newcomer {
  /** Takes requests that are no calls of gRPC; without it they are refused as grpc-js does it. */
  readonly onRequest?: (
    stream: RequestStream,
    headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: readonly string[],
  ) => void;
  /** Whether calls of gRPC are taken; if not they are requests, too. True when it is left out. */
  readonly takesCalls?: boolean;
}

/** Between two pings of a client, where nobody says another time. */
const grpcPingMinTimeMs = 300_000;

type StreamMethod = Extract<Method, { readonly kind: 'stream' }>;
type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type WritingCall = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** What serves calls of gRPC on sockets that somebody else accepted. */
export interface GrpcTransport extends AsyncDisposable {
  /** Serves a connection from its first byte on; the transport owns the socket from now on. */
  serve(socket: Socket, connection?: ServedConnection): void;
  /** Ends open-ended calls, lets all others under way finish for that long, then cuts the connections. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/** The methods behind grpc-js. Connections come in as sockets that somebody else accepted. */
export class GrpcServer implements GrpcTransport {
  readonly #server: Server;
  readonly #door: GrpcJsDoor;
  readonly #guard: ConnectionGuard;
  readonly #observer: GrpcObserver;
  readonly #connections = new WeakMap<Http2Session, ServedConnection>();
  readonly #sessions = new Set<Http2Session>();
  /** Ends open-ended calls. */
  readonly #stopping = new AbortController();

  constructor(options: GrpcServerOptions) {
    this.#observer = options.observer ?? {};
    const limits = { ...defaultLimits, ...options.limits };
    const {
      keepAliveIntervalMs = 7_200_000,
      keepAliveTimeoutMs = 20_000,
      keepAliveMinTimeMs = 5_000,
    } = options;
    this.#server = new Server({
      interceptors: [firstRequestOnly],
      'grpc.max_receive_message_length': options.maxReceiveBytes,
      'grpc.max_send_message_length': -1,
      // Statistics of calls that nobody reads.
      'grpc.enable_channelz': 0,
      // grpc-js would take a time-out of 0 at its word. 0 for the time is none to it.
      'grpc.keepalive_time_ms': keepAliveTimeoutMs === 0 ? 0 : keepAliveIntervalMs,
      'grpc.keepalive_timeout_ms': keepAliveTimeoutMs,
    });
    for (const [path, method] of options.methods) {
      const isUnary = method.kind === 'unary';
      const definition = {
        path,
        requestStream: !isUnary && method.clientStreams,
        responseStream: !isUnary,
        requestSerialize: passThrough,
        requestDeserialize: passThrough,
        responseSerialize: passThrough,
        responseDeserialize: passThrough,
      };
      this.#server.addService(
        { [path]: definition },
        {
          [path]: isUnary ? this.#unary(path, method.handler) : this.#stream(path, method),
        },
      );
    }
    this.#door = openGrpcJs(this.#server, sessionOptions(limits));
    this.#guard = new ConnectionGuard(this.#door.http2, (...arrival) => this.#pass(...arrival), {
      limits,
      clock: options.clock ?? systemClock,
      isSingleRequest: (path) => {
        const method = options.methods.get(path);
        return method?.kind !== 'stream' || !method.clientStreams;
      },
      onCut: (reason) => this.#observer.onCut?.(reason),
      pingMinTimeMs: keepAliveMinTimeMs || grpcPingMinTimeMs,
    });
    this.#door.http2.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
    });
    this.#observer.onOpened?.(() => this.#guard.usage);
  }

  /** Serves a connection from its first byte on; the server owns the socket from now on. */
  serve(socket: Socket, connection: ServedConnection = {}): void {
    this.#guard.accept(socket, connection, () => {
      const remember = (session: Http2Session): void => void this.#connections.set(session, connection);
      // The session begins while its connection is put in.
      this.#door.http2.once('session', remember);
      this.#door.injector.injectConnection(socket);
      this.#door.http2.off('session', remember);
    });
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    this.#stopping.abort(serverStopped());
    const closed = Promise.all([...this.#sessions].map(untilClosed));
    // Takes no new calls. It says that it is done at once: with Node 24 it finds that all sessions are closing already.
    this.#server.tryShutdown(() => {});
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, options.graceMs);
    await Promise.race([closed, timeout.promise]);
    clearTimeout(timer);
    this.#server.forceShutdown();
    this.#guard.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ graceMs: 0 });
  }

  #pass(...arrival: Parameters<StreamListener>): void {
    const [stream, headers] = arrival;
    const { onRequest, takesCalls = true } = (stream.session && this.#connections.get(stream.session)) ?? {};
    if (onRequest === undefined || (takesCalls && isGrpc(headers))) this.#door.onStream(...arrival);
    else onRequest(...arrival);
  }

  #unary(path: string, handler: UnaryHandler) {
    return (grpcCall: UnaryCall, callback: sendUnaryData<Buffer>): void => {
      const exchange = this.#guard.exchangeOf(grpcCall.getHost());
      const end = this.#begin(path, grpcCall, exchange);
      this.#observer.onReceived?.(path, grpcCall.request.length);
      const succeed = (answer: Message): void => {
        const response = wholeBytes(answer);
        this.#observer.onSent?.(path, response.length);
        exchange?.owe(response.length);
        callback(null, asBuffer(response));
        end(status.OK);
      };
      const fail = (error: unknown): void => {
        const rpcError = this.#toRpcError(path, error);
        callback({ code: rpcError.status, details: rpcError.message });
        end(rpcError.status);
      };
      try {
        const response = handler(grpcCall.request, new GrpcCall(grpcCall, exchange));
        if (isLater(response)) response.then(succeed, fail);
        else succeed(response);
      } catch (error) {
        fail(error);
      }
    };
  }

  #stream(path: string, { clientStreams, isOpenEnded = false, handler }: StreamMethod) {
    const run = isOpenEnded ? (call: StreamCall) => runUntil(this.#stopping.signal, call, handler) : handler;
    return (grpcCall: WritingCall): void => {
      const exchange = this.#guard.exchangeOf(grpcCall.getHost());
      const end = this.#begin(path, grpcCall, exchange);
      const call = new GrpcStreamCall(grpcCall, { exchange, clientStreams, path, observer: this.#observer });
      run(call).then(
        () => {
          grpcCall.end();
          end(status.OK);
        },
        (error: unknown) => {
          const rpcError = this.#toRpcError(path, error);
          grpcCall.emit('error', { code: rpcError.status, details: rpcError.message });
          end(rpcError.status);
        },
      );
    };
  }

  #begin(
    path: string,
    { metadata }: UnaryCall | WritingCall,
    exchange: Exchange | undefined,
  ): (code: number) => void {
    exchange?.setRuns(true);
    if (this.#observer.onStarted !== undefined) {
      this.#observer.onStarted(path, metadata.get('client-api-version')[0]?.toString() ?? '');
    }
    const startedAt = performance.now();
    return (code) => {
      exchange?.setRuns(false);
      this.#observer.onHandled?.({ path, status: code, durationMs: performance.now() - startedAt });
    };
  }

  #toRpcError(path: string, error: unknown): RpcError {
    if (isInternal(error)) this.#observer.onInternalError?.(path, error);
    return toRpcError(error);
  }
}

/**
 * Limits that Node and nghttp2 keep by themselves. Beside those set here they allow eight continuations of a header
 * block, 64 KiB of it, and a bounded queue of answers to pings and settings.
 */
function sessionOptions(limits: ClientLimits): ServerOptions {
  return {
    settings: { maxConcurrentStreams: limits.maxConcurrentStreams, maxHeaderListSize: limits.maxHeaderBytes },
    maxHeaderListPairs: 128,
    maxSettings: 32,
    // Calls beyond the limit count among them; nghttp2 refuses them at no cost, and their bytes count as overhead. When
    // Node ends a connection by itself, all of its calls end in one turn.
    maxSessionInvalidFrames: 10_000,
    maxSessionRejectedStreams: 10_000,
    streamResetBurst: limits.resetBurst,
    streamResetRate: limits.resetsPerSecond,
  };
}

/** Made once: calls are given up by the thousand, and the place where it was made is half of what an error costs. */
const cancelled = new RpcError(status.CANCELLED, 'context canceled');

/** The view of a grpc-js call that handlers get. The signal is made when somebody asks for it. */
class GrpcCall implements Call {
  readonly commonName: string | undefined;
  readonly #call: UnaryCall | WritingCall;
  readonly #exchange: Exchange | undefined;
  #controller: AbortController | undefined;

  constructor(call: UnaryCall | WritingCall, exchange: Exchange | undefined) {
    this.#call = call;
    this.#exchange = exchange;
    this.commonName = exchange?.commonName;
  }

  metadata(key: string): string | undefined {
    return this.#call.metadata.get(key)[0]?.toString();
  }

  get address(): string | undefined {
    const peer = this.#call.getPeer();
    return peer === 'unknown' ? undefined : peer.replace(/:\d+$/, '');
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      const abort = (): void => controller.abort(cancelled);
      if (this.#call.cancelled) abort();
      // Both kinds of call are emitters; TypeScript can't call a union of their overloads.
      else {
        (this.#call as NodeJS.EventEmitter).once('cancelled', () => {
          if (this.#exchange === undefined) abort();
          else this.#exchange.giveUp(abort);
        });
      }
    }
    return this.#controller.signal;
  }
}

class GrpcStreamCall extends GrpcCall implements StreamCall {
  readonly requests: AsyncIterable<Uint8Array>;
  readonly #writable: WritingCall;
  readonly #path: string;
  readonly #observer: GrpcObserver;
  readonly #exchange: Exchange | undefined;

  constructor(
    call: WritingCall,
    options: {
      readonly exchange: Exchange | undefined;
      readonly clientStreams: boolean;
      readonly path: string;
      readonly observer: GrpcObserver;
    },
  ) {
    super(call, options.exchange);
    this.#exchange = options.exchange;
    this.#writable = call;
    this.#path = options.path;
    this.#observer = options.observer;
    this.requests = this.#read(options.clientStreams);
    // grpc-js reports a vanished client as an error of the readable side; `signal` tells handlers.
    (call as NodeJS.EventEmitter).on('error', () => {});
  }

  send(message: Uint8Array): boolean {
    if (this.#writable.cancelled || this.#writable.destroyed) return true;
    this.#observer.onSent?.(this.#path, message.length);
    this.#exchange?.owe(message.length);
    return this.#writable.write(asBuffer(message), () => this.#exchange?.paid(message.length));
  }

  /** grpc-js takes messages one by one. */
  sendBatch(batch: MessageBatch): boolean {
    return sendEach(this, batch);
  }

  receive(onRequest: OnRequest): Promise<void> {
    return receiveEach(this.requests, onRequest);
  }

  onGivenUp(tell: () => void): void {
    onAborted(this.signal, tell);
  }

  async drained(): Promise<void> {
    if (this.signal.aborted || !this.#writable.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#writable.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#writable.once('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  async *#read(clientStreams: boolean): AsyncIterable<Uint8Array> {
    if (!clientStreams) {
      // Only calls with a single request come here, and those carry it.
      const { request } = this.#writable as ServerWritableStream<Buffer, Buffer>;
      this.#observer.onReceived?.(this.#path, request.length);
      yield request;
      return;
    }
    try {
      // Leaving the loop must not destroy the stream: the status of the call is still to be sent on it.
      const messages = (this.#writable as ServerDuplexStream<Buffer, Buffer>).iterator({
        destroyOnReturn: false,
      });
      for await (const message of messages) {
        // grpc-js types what it deserialized as any; our deserializer hands the buffer on.
        const bytes = message as Buffer;
        this.#observer.onReceived?.(this.#path, bytes.length);
        yield bytes;
      }
    } catch (error) {
      if (!this.signal.aborted) throw error;
    }
  }
}

/** A session that fails closes behind its error, which others hear of. */
function untilClosed(session: Http2Session): Promise<void> {
  return new Promise((resolve) => session.once('close', resolve));
}

function passThrough(bytes: Buffer): Buffer {
  return bytes;
}
