import * as grpc from '@grpc/grpc-js';
import { asBuffer, systemClock, systemRandom, type Clock, type Random } from '@quorate/std';
import { isStaleToken, TokenSource } from './auth.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import { EtcdError } from './errors.ts';
import { abortReason, plainBytes, sameBuffer, toEtcdError } from './grpc-values.ts';
import type { CallOptions, ClientOptions } from './options.ts';
import { sleep } from './sleep.ts';
import { DuplexStream, ServerStream } from './streams.ts';

/** A read is tried this often while members answer UNAVAILABLE; etcd's own client has the same limit. */
const attemptsMax = 100;
/** The mean pause between two tries; 10 % jitter keeps clients from marching in step. */
const backoffMs = 25;
const maxSendBytesDefault = 2 * 1024 * 1024;

/** How a unary call may be repeated. */
export interface UnaryCallOptions extends CallOptions {
  /** The call changes nothing, so UNAVAILABLE is tried again elsewhere. A write never is, once it was sent. */
  readonly repeatable?: boolean;
}

/**
 * The connections of one client: which endpoint is asked, and what is done when it does not answer. Messages
 * are bytes here. Calls go to one endpoint until it fails; then the next in the list is asked.
 */
export class Connections {
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly #opened = new Map<string, Endpoint>();
  readonly #endpointOptions: EndpointOptions;
  readonly #dialTimeoutMs: number;
  readonly #requestTimeoutMs: number;
  readonly #maxSendBytes: number;
  readonly #streams = new Set<ServerStream>();
  readonly #unaryCalls = new Set<Promise<unknown>>();
  /** Undefined for a client without a name. */
  readonly #tokens: TokenSource | undefined;
  #current = 0;
  #closed = false;

  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) throw new RangeError('a client needs at least one endpoint');
    this.endpoints = [...options.endpoints];
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.#dialTimeoutMs = options.dialTimeoutMs ?? 2_000;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
    this.#maxSendBytes = options.maxSendBytes ?? maxSendBytesDefault;
    this.#tokens =
      options.auth &&
      new TokenSource(options.auth, (path, request) => this.#unary(path, request, {}, undefined));
    this.#endpointOptions = {
      tls: options.tls,
      keepaliveTimeMs: options.keepaliveTimeMs ?? 10_000,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? 6_000,
    };
  }

  /** One request, one response. `path` is `/package.Service/Method`. @throws EtcdError, or the signal's reason */
  async unary(path: string, request: Uint8Array, options: UnaryCallOptions = {}): Promise<Uint8Array> {
    const call = this.#authorized(path, request, options);
    this.#unaryCalls.add(call);
    try {
      return await call;
    } finally {
      this.#unaryCalls.delete(call);
    }
  }

  /** Gets the token that calls carry, so that wrong credentials are found out early. @throws EtcdError */
  async authenticate(): Promise<void> {
    await this.#tokens?.get();
  }

  /** Whether a call failed for its token and may succeed with another, which the next call will ask for. */
  dropStaleToken(error: EtcdError): boolean {
    if (this.#tokens === undefined || !isStaleToken(error)) return false;
    this.#tokens.drop(this.#tokens.get());
    return true;
  }

  /** A call that is refused for its token was not done, so even a write is sent again with a new one. */
  async #authorized(path: string, request: Uint8Array, options: UnaryCallOptions): Promise<Uint8Array> {
    const token = this.#tokens?.get();
    try {
      return await this.#unary(path, request, options, await token);
    } catch (error) {
      if (this.#tokens === undefined || !isStaleToken(error)) throw error;
      this.#tokens.drop(token);
      return await this.#unary(path, request, options, await this.#tokens.get());
    }
  }

  async #unary(
    path: string,
    request: Uint8Array,
    options: UnaryCallOptions,
    token: string | undefined,
  ): Promise<Uint8Array> {
    this.#checkSize(request);
    const deadline = this.clock.now() + (options.timeoutMs ?? this.#requestTimeoutMs);
    for (let attempt = 1; ; attempt++) {
      options.signal?.throwIfAborted();
      const endpoint = this.#pick(options);
      try {
        await this.#connect(endpoint, deadline, options.signal);
        return await unaryCall(
          endpoint,
          path,
          request,
          this.#callSetup(options, deadline, token),
          options.signal,
        );
      } catch (error) {
        if (!(error instanceof EtcdError) || !mayRepeat(error, attempt, options)) throw error;
        this.#rotateFrom(endpoint);
        await this.#backOff(deadline, error, options.signal);
      }
    }
  }

  /** One request, a stream of responses. Never retried: what has been received cannot be taken back. */
  async serverStream(path: string, request: Uint8Array, options: CallOptions = {}): Promise<ServerStream> {
    this.#checkSize(request);
    const { endpoint, setup } = await this.#openStream(options);
    const call = endpoint.grpc.makeServerStreamRequest<Buffer, Buffer>(
      path,
      sameBuffer,
      sameBuffer,
      asBuffer(request),
      setup.metadata,
      setup.options,
    );
    return this.#track(new ServerStream(call, options.signal, (stream) => this.#streams.delete(stream)));
  }

  /** A stream both ways. Never retried. */
  async duplexStream(path: string, options: CallOptions = {}): Promise<DuplexStream> {
    const { endpoint, setup } = await this.#openStream(options);
    const call = endpoint.grpc.makeBidiStreamRequest<Buffer, Buffer>(
      path,
      sameBuffer,
      sameBuffer,
      setup.metadata,
      setup.options,
    );
    return this.#track(new DuplexStream(call, options.signal, (stream) => this.#streams.delete(stream)));
  }

  /** Prefer another endpoint from now on: for a stream whose member failed. */
  rotate(): void {
    this.#current = (this.#current + 1) % this.endpoints.length;
  }

  /** Ends all streams, waits for unary calls under way and closes the connections. Harmless when done twice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream[Symbol.dispose]();
    await Promise.allSettled(this.#unaryCalls);
    for (const endpoint of this.#opened.values()) endpoint.close();
    this.#opened.clear();
  }

  #track<Stream extends ServerStream>(stream: Stream): Stream {
    this.#streams.add(stream);
    return stream;
  }

  async #openStream(options: CallOptions): Promise<{ endpoint: Endpoint; setup: CallSetup }> {
    options.signal?.throwIfAborted();
    const endpoint = this.#pick(options);
    const timeout = options.timeoutMs ?? Infinity;
    const deadline = this.clock.now() + timeout;
    const token = await this.#tokens?.get();
    try {
      await this.#connect(endpoint, deadline, options.signal);
    } catch (error) {
      this.#rotateFrom(endpoint);
      throw error;
    }
    if (this.#closed) throw clientClosed();
    return { endpoint, setup: this.#callSetup(options, deadline, token) };
  }

  #pick(options: CallOptions): Endpoint {
    if (this.#closed) throw clientClosed();
    const address = options.endpoint ?? this.endpoints[this.#current] ?? '';
    let endpoint = this.#opened.get(address);
    if (endpoint === undefined) {
      endpoint = new Endpoint(address, this.#endpointOptions);
      this.#opened.set(address, endpoint);
    }
    return endpoint;
  }

  /** Calls that failed together move on by one endpoint, not by one each. */
  #rotateFrom(endpoint: Endpoint): void {
    if (this.endpoints[this.#current] === endpoint.address) this.rotate();
  }

  async #connect(endpoint: Endpoint, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    if (endpoint.isReady) return;
    const dialTimeoutMs = Math.min(deadline - this.clock.now(), this.#dialTimeoutMs);
    const waiting = endpoint.waitForConnection(this.clock.wallMs() + dialTimeoutMs);
    const readiness = await unlessAborted(waiting, signal);
    if (readiness === 'ready') return;
    throw new EtcdError('UNAVAILABLE', `no connection to ${endpoint.address}: ${readiness}`, {
      unsent: true,
    });
  }

  async #backOff(deadline: number, error: EtcdError, signal: AbortSignal | undefined): Promise<void> {
    const pauseMs = backoffMs * (0.9 + this.random.below(1000) / 5000);
    const leftMs = deadline - this.clock.now();
    if (leftMs > pauseMs) return await sleep(this.clock, pauseMs, signal);
    if (leftMs > 0) await sleep(this.clock, leftMs, signal);
    throw new EtcdError('DEADLINE_EXCEEDED', 'context deadline exceeded', {
      cause: error,
      unsent: error.unsent,
    });
  }

  /** gRPC wants to know the moment of a deadline by the wall clock; ours are by the one that does not jump. */
  #callSetup(options: CallOptions, deadline: number, token: string | undefined): CallSetup {
    const metadata = new grpc.Metadata();
    if (options.requireLeader === true) metadata.set('hasleader', 'true');
    if (token !== undefined) metadata.set('token', token);
    return { metadata, options: { deadline: this.clock.wallMs() + (deadline - this.clock.now()) } };
  }

  #checkSize(request: Uint8Array): void {
    if (request.length <= this.#maxSendBytes) return;
    const text = `trying to send message larger than max (${request.length} vs. ${this.#maxSendBytes})`;
    throw new EtcdError('RESOURCE_EXHAUSTED', text, { unsent: true });
  }
}

function clientClosed(): EtcdError {
  return new EtcdError('CANCELLED', 'the client is closed', { unsent: true });
}

/** What was never sent may be sent until the deadline; what may have been sent, only if it changes nothing. */
function mayRepeat(error: EtcdError, attempt: number, options: UnaryCallOptions): boolean {
  if (error.code !== 'UNAVAILABLE') return false;
  return error.unsent || (options.repeatable === true && attempt < attemptsMax);
}

interface CallSetup {
  readonly metadata: grpc.Metadata;
  readonly options: grpc.CallOptions;
}

function unaryCall(
  endpoint: Endpoint,
  path: string,
  request: Uint8Array,
  setup: CallSetup,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const call = endpoint.grpc.makeUnaryRequest<Buffer, Buffer>(
      path,
      sameBuffer,
      sameBuffer,
      asBuffer(request),
      setup.metadata,
      setup.options,
      (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(signal?.aborted === true ? abortReason(signal) : toEtcdError(error));
        else resolve(plainBytes(response));
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

/** The promise, or the signal's reason as soon as it is aborted. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
