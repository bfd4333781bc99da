import type { MessageBatch } from '@quorate/wire';
import { wholeBytes } from '@quorate/std';
import { RpcError, status } from './errors.ts';
import type { GrpcObserver } from './grpc-server.ts';
import { runUntil, serverStopped } from './run-until.ts';
import { toRpcError } from './status.ts';
import {
  onAborted,
  receiveEach,
  sendEach,
  type Call,
  type Method,
  type MethodTable,
  type OnRequest,
  type StreamCall,
} from './transport.ts';
import { untilAborted } from './until-aborted.ts';

/** What a call without a connection of its own carries. */
export interface LocalCallOptions {
  /** Values by their keys in lower case. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** Where the client is. */
  readonly address?: string | undefined;
}

/** Told of each call. */
export type LocalCallObserver = Pick<GrpcObserver, 'onStarted' | 'onHandled' | 'onReceived' | 'onSent'>;

/** Messages that a stream may have sent and nobody has taken; then it waits. */
const bufferedMessagesMax = 16;

/**
 * The methods of a member, called in its own process: how its HTTP surface does what a client over gRPC does. Such calls
 * have no certificate: whoever they are for is not who holds the connection (advisory CVE-2018-16886).
 */
export class LocalCalls {
  readonly #methods: MethodTable;
  readonly #observer: LocalCallObserver;
  /** Ends open-ended calls. */
  readonly #stopping = new AbortController();

  /** The observer hears of these calls as of those over gRPC: in etcd they are such. */
  constructor(methods: MethodTable, observer: LocalCallObserver = {}) {
    this.#methods = methods;
    this.#observer = observer;
  }

  /** One request, one response. @throws RpcError */
  async unary(path: string, request: Uint8Array, options: LocalCallOptions): Promise<Uint8Array> {
    const method = this.#method(path);
    if (method.kind !== 'unary') throw new RpcError(status.UNIMPLEMENTED, `${path} is a stream`);
    const end = this.#begin(path, options);
    this.#observer.onReceived?.(path, request.length);
    try {
      const response = wholeBytes(await method.handler(request, new LocalCall(options)));
      this.#observer.onSent?.(path, response.length);
      end(status.OK);
      return response;
    } catch (error) {
      const failure = toRpcError(error);
      end(failure.status);
      throw failure;
    }
  }

  /**
   * A stream of responses; they are made at the pace at which they are read. Leaving the loop ends the call.
   *
   * @throws RpcError
   */
  async *stream(
    path: string,
    requests: AsyncIterable<Uint8Array>,
    options: LocalCallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const method = this.#method(path);
    if (method.kind !== 'stream') throw new RpcError(status.UNIMPLEMENTED, `${path} is no stream`);
    const left = new AbortController();
    const signal = AbortSignal.any([options.signal, left.signal]);
    const end = this.#begin(path, options);
    const call = new LocalStreamCall({ ...options, signal }, this.#received(path, requests));
    const { handler, isOpenEnded = false } = method;
    const handled = isOpenEnded ? runUntil(this.#stopping.signal, call, handler) : handler(call);
    const done = handled.then(
      () => {
        end(status.OK);
        call.end(undefined);
      },
      (error: unknown) => {
        const failure = toRpcError(error);
        end(failure.status);
        call.end(failure);
      },
    );
    try {
      for await (const response of call.sent()) {
        this.#observer.onSent?.(path, response.length);
        yield response;
      }
    } finally {
      left.abort(new RpcError(status.CANCELLED, 'context canceled'));
      await done;
    }
  }

  /** Ends open-ended calls, those of now and those to come, with UNAVAILABLE; all others may end by themselves. */
  stop(): void {
    this.#stopping.abort(serverStopped());
  }

  async *#received(
    path: string,
    requests: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const request of requests) {
      this.#observer.onReceived?.(path, request.length);
      yield request;
    }
  }

  #begin(path: string, { metadata }: LocalCallOptions): (code: number) => void {
    this.#observer.onStarted?.(path, metadata.get('client-api-version') ?? '');
    const startedAt = performance.now();
    return (code) =>
      this.#observer.onHandled?.({ path, status: code, durationMs: performance.now() - startedAt });
  }

  #method(path: string): Method {
    const method = this.#methods.get(path);
    if (method === undefined) throw new RpcError(status.UNIMPLEMENTED, `unknown method ${path}`);
    return method;
  }
}

class LocalCall implements Call {
  readonly commonName: undefined;
  readonly address: string | undefined;
  readonly signal: AbortSignal;
  readonly #metadata: ReadonlyMap<string, string>;

  constructor({ metadata, signal, address }: LocalCallOptions) {
    this.#metadata = metadata;
    this.signal = signal;
    this.address = address;
  }

  metadata(key: string): string | undefined {
    return this.#metadata.get(key);
  }
}

class LocalStreamCall extends LocalCall implements StreamCall {
  readonly requests: AsyncIterable<Uint8Array>;
  readonly #buffered: Uint8Array[] = [];
  #ended: { readonly error: RpcError | undefined } | undefined;
  #onChange = Promise.withResolvers<void>();
  #onTaken = Promise.withResolvers<void>();

  constructor(options: LocalCallOptions, requests: AsyncIterable<Uint8Array>) {
    super(options);
    this.requests = requestsUntil(requests, options.signal);
  }

  send(message: Uint8Array): boolean {
    if (this.signal.aborted) return true;
    this.#buffered.push(message);
    this.#onChange.resolve();
    return this.#buffered.length < bufferedMessagesMax;
  }

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
    while (this.#buffered.length >= bufferedMessagesMax && !this.signal.aborted) {
      // That the call is over is for whoever sends next to see.
      await untilAborted(this.#onTaken.promise, this.signal).catch(() => {});
    }
  }

  end(error: RpcError | undefined): void {
    this.#ended ??= { error };
    this.#onChange.resolve();
  }

  /** What was sent, in order, until the call has ended. @throws RpcError with which it ended */
  async *sent(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      this.#onChange = Promise.withResolvers();
      for (let next = this.#buffered.shift(); next !== undefined; next = this.#buffered.shift()) {
        this.#onTaken.resolve();
        this.#onTaken = Promise.withResolvers();
        yield next;
      }
      if (this.#ended?.error !== undefined) throw this.#ended.error;
      if (this.#ended !== undefined) return;
      if (this.#buffered.length === 0) await this.#onChange.promise;
    }
  }
}

/** Requests, until the client has said all of them or the call is over. */
async function* requestsUntil(
  requests: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Whoever waits for a request that does not come is not waited for.
    void iterator.return?.();
  }
}
