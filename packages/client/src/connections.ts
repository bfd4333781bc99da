import * as grpc from '@grpc/grpc-js';
import { asBuffer, systemClock, systemRandom, type Clock, type Random } from '@quorate/std';
import { Endpoint, parseEndpoint, type EndpointOptions } from './endpoint.ts';
import { EtcdError } from './errors.ts';
import { abortReason, plainBytes, sameBuffer, toEtcdError } from './grpc-values.ts';
import { SeenRevision } from './monotonic-reads.ts';
import { harmlessly, joinObservers, ObservedCall, type ClientObserver } from './observer.ts';
import type { CallOptions, ClientOptions } from './options.ts';
import { sleep } from './sleep.ts';
import { DuplexStream, ServerStream, type StreamSetup } from './streams.ts';
import { TlsCredentials } from './tls-credentials.ts';
import {
  FixedToken,
  isStaleToken,
  PasswordTokens,
  renewalsMax,
  type Login,
  type TokenSource,
} from './tokens.ts';
import { unlessAborted } from './unless-aborted.ts';

/** A read is tried this often while members answer UNAVAILABLE; etcd's own client has the same limit. */
const attemptsMax = 100;
/** The mean pause between two tries; 10 % jitter keeps clients from marching in step. */
const backoffMs = 25;
/** What is tried again without end is so after pauses that grow up to this. */
const pauseMaxMs = 1_000;
/** How long an endpoint that failed is left out when calls go round. */
const penaltyMs = 1_000;
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
  #endpoints: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly seen: SeenRevision;
  readonly requestTimeoutMs: number;
  readonly #opened = new Map<string, Endpoint>();
  readonly #endpointOptions: EndpointOptions;
  readonly #dialTimeoutMs: number;
  readonly #observer: ClientObserver | undefined;
  readonly goesRound: boolean;
  /** When an endpoint may be asked again that failed, where calls go round. */
  readonly #failedUntil = new Map<string, number>();
  readonly #maxSendBytes: number;
  readonly #streams = new Set<ServerStream>();
  readonly #unaryCalls = new Set<Promise<unknown>>();
  /** Undefined for a client that says nothing of who it is. */
  readonly #tokens: TokenSource | undefined;
  #current = 0;
  #closed = false;

  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) throw new RangeError('a client needs at least one endpoint');
    // What is written wrong is better heard of now than from the first call.
    for (const address of options.endpoints) parseEndpoint(address);
    this.#endpoints = [...options.endpoints];
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.#dialTimeoutMs = options.dialTimeoutMs ?? 2_000;
    this.requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
    this.#maxSendBytes = options.maxSendBytes ?? maxSendBytesDefault;
    this.seen = new SeenRevision({ isKept: options.monotonicReads === true });
    this.#observer = joinObservers(options.observer);
    this.goesRound = options.balancing === 'round-robin';
    this.#tokens = this.#tokenSource(options);
    this.#endpointOptions = {
      tls: options.tls && TlsCredentials.open(options.tls),
      keepaliveTimeMs: options.keepaliveTimeMs ?? 10_000,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? 6_000,
      maxReceiveBytes: options.maxReceiveBytes ?? -1,
      keepaliveWithoutCalls: options.keepaliveWithoutCalls ?? false,
      observer: this.#observer,
    };
  }

  /** One request, one response. `path` is `/package.Service/Method`. @throws EtcdError, or the signal's reason */
  async unary(path: string, request: Uint8Array, options: UnaryCallOptions = {}): Promise<Uint8Array> {
    const observed = this.#observed(path, 'unary', options);
    const call = observed.during(() => this.#authorized(path, request, options, observed));
    this.#unaryCalls.add(call);
    try {
      return await call;
    } finally {
      this.#unaryCalls.delete(call);
    }
  }

  /** Gets the token that calls carry, so that wrong credentials are found out early. @throws EtcdError */
  async authenticate({ timeoutMs, signal }: CallOptions = {}): Promise<void> {
    const deadline = this.clock.now() + (timeoutMs ?? this.requestTimeoutMs);
    await this.#tokens?.get({ deadline, signal });
  }

  /** Whether a stream failed for its token and may succeed with another, which the next one will ask for. */
  renewToken(login: Login, error: EtcdError): boolean {
    return isStaleToken(error) && this.#tokens?.drop(login) === true;
  }

  /** Messages of a server's stream, opened anew as long as it was refused for its token before the first message. */
  async *serverMessages(
    path: string,
    request: Uint8Array,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (let renewals = 0; ; renewals++) {
      let received = 0;
      using stream = await this.#serverStream(path, request, options);
      try {
        for await (const message of stream) {
          received++;
          yield message;
        }
        return;
      } catch (error) {
        if (!(error instanceof EtcdError) || received > 0 || renewals === renewalsMax) throw error;
        if (!this.renewToken(stream.login, error)) throw error;
      }
    }
  }

  /** A call that is refused for its token was not done, so even a write is sent again with a new one. */
  async #authorized(
    path: string,
    request: Uint8Array,
    options: UnaryCallOptions,
    observed: ObservedCall,
  ): Promise<Uint8Array> {
    const deadline = this.clock.now() + (options.timeoutMs ?? this.requestTimeoutMs);
    for (let renewals = 0; ; renewals++) {
      const login = await this.#login(deadline, options.signal);
      try {
        return await this.#unary(path, request, options, { deadline, login, observed });
      } catch (error) {
        if (!(error instanceof EtcdError) || renewals === renewalsMax) throw error;
        if (!this.renewToken(login, error)) throw error;
        observed.attemptFailed(error);
      }
    }
  }

  #login(deadline: number, signal: AbortSignal | undefined): Promise<Login> | Login {
    if (this.#closed) throw clientClosed();
    return this.#tokens === undefined ? nobody : this.#tokens.get({ deadline, signal });
  }

  #tokenSource({ auth, authToken }: ClientOptions): TokenSource | undefined {
    if (authToken !== undefined) {
      if (auth !== undefined) throw new RangeError('give either auth or authToken, not both');
      return new FixedToken(authToken);
    }
    if (auth === undefined) return undefined;
    return new PasswordTokens(auth, {
      // Asking twice makes two tokens, which harms nobody; so a question is repeated like a read.
      call: (path, request, signal) => {
        const deadline = this.clock.now() + this.requestTimeoutMs;
        const observed = this.#observed(path, 'unary', {});
        const options = { repeatable: true, signal };
        return observed.during(() =>
          this.#unary(path, request, options, { deadline, login: nobody, observed }),
        );
      },
      onRefreshed: (refresh) => harmlessly(() => this.#observer?.tokenRefreshed?.(refresh)),
      clock: this.clock,
      random: this.random,
    });
  }

  #observed(path: string, kind: 'unary' | 'stream', { context }: CallOptions): ObservedCall {
    return new ObservedCall(this.#observer, this.clock, { path, kind, context });
  }

  async #unary(
    path: string,
    request: Uint8Array,
    options: UnaryCallOptions,
    { deadline, login, observed }: Attempted,
  ): Promise<Uint8Array> {
    this.#checkSize(request);
    for (let attempt = 1; ; attempt++) {
      options.signal?.throwIfAborted();
      const endpoint = this.#pick(options);
      observed.attempt(endpoint.address);
      let askedAtMs = Infinity;
      try {
        await this.#connect(endpoint, deadline, options.signal);
        askedAtMs = this.clock.now();
        const setup = this.#callSetup(options, deadline, login, observed);
        return await unaryCall(endpoint, path, request, setup, options.signal);
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        this.#leaveSilent(endpoint, error, askedAtMs);
        if (!mayRepeat(error, attempt, options)) throw error;
        observed.attemptFailed(error);
        this.moveOnFrom(endpoint.address);
        await this.#backOff(deadline, error, options.signal);
      }
    }
  }

  /** One request, a stream of responses. Never retried: what has been received cannot be taken back. */
  async #serverStream(path: string, request: Uint8Array, options: CallOptions = {}): Promise<ServerStream> {
    this.#checkSize(request);
    const { endpoint, setup, login, observed } = await this.#openStream(path, options);
    const call = endpoint.grpc.makeServerStreamRequest<Buffer, Buffer>(
      path,
      sameBuffer,
      sameBuffer,
      asBuffer(request),
      setup.metadata,
      setup.options,
    );
    return this.#track(new ServerStream(call, this.#streamSetup(options, endpoint, login, observed)));
  }

  /** A stream both ways. Never retried. */
  async duplexStream(path: string, options: CallOptions = {}): Promise<DuplexStream> {
    const { endpoint, setup, login, observed } = await this.#openStream(path, options);
    const call = endpoint.grpc.makeBidiStreamRequest<Buffer, Buffer>(
      path,
      sameBuffer,
      sameBuffer,
      setup.metadata,
      setup.options,
    );
    return this.#track(new DuplexStream(call, this.#streamSetup(options, endpoint, login, observed)));
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Asks these from now on; the one that is asked now stays it if it is among them. Streams stay where they are. */
  replaceEndpoints(endpoints: readonly string[]): void {
    const { preferred } = this;
    this.#endpoints = [...endpoints];
    this.#current = Math.max(0, endpoints.indexOf(preferred));
    if (this.preferred !== preferred) this.#tellMoved(preferred);
  }

  /** The endpoint that is asked now. */
  get preferred(): string {
    return this.endpoints[this.#current] ?? '';
  }

  /**
   * Prefer another endpoint than this one, which has failed or is behind. Calls that failed together move on by one
   * endpoint, not by one each: so nothing happens when another is preferred by now.
   */
  moveOnFrom(address: string): void {
    if (this.goesRound) this.#failedUntil.set(address, this.clock.now() + penaltyMs);
    else if (this.preferred === address) this.#moveOn();
  }

  /** Whoever takes connections and answers nobody may be half dead: the next call is for another. */
  #leaveSilent({ address }: Endpoint, { code }: EtcdError, askedAtMs: number): void {
    const isSilent = this.clock.now() - askedAtMs >= this.#dialTimeoutMs;
    if (code === 'DEADLINE_EXCEEDED' && isSilent) this.moveOnFrom(address);
  }

  #moveOn(): void {
    const from = this.preferred;
    this.#current = (this.#current + 1) % this.endpoints.length;
    if (from !== this.preferred) this.#tellMoved(from);
  }

  #tellMoved(from: string): void {
    const to = this.preferred;
    harmlessly(() => this.#observer?.endpointChanged?.({ from, to }));
  }

  /** A watch that broke of this error is created again. */
  watchResumed(startRevision: bigint, error: Error | undefined): void {
    harmlessly(() => this.#observer?.watchResumed?.({ startRevision, error }));
  }

  /** Waits before try number `attempt + 1` of something that is tried without end: 25 ms, growing to a second. */
  async pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const meanMs = Math.min(pauseMaxMs, backoffMs * 2 ** Math.min(attempt - 1, 10));
    await sleep(this.clock, meanMs * (0.9 + this.random.below(1000) / 5000), signal);
  }

  /** Ends all streams, waits for unary calls under way and closes the connections. Harmless when done twice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream[Symbol.dispose]();
    this.#tokens?.close();
    await Promise.allSettled(this.#unaryCalls);
    for (const endpoint of this.#opened.values()) endpoint.close();
    this.#opened.clear();
  }

  #track<Stream extends ServerStream>(stream: Stream): Stream {
    this.#streams.add(stream);
    return stream;
  }

  #streamSetup(
    { signal }: CallOptions,
    { address }: Endpoint,
    login: Login,
    observed: ObservedCall,
  ): StreamSetup {
    const onEnd = (stream: ServerStream, error: unknown) => {
      this.#streams.delete(stream);
      observed.ended(error);
    };
    return { signal, login, endpoint: address, onEnd };
  }

  async #openStream(path: string, options: CallOptions): Promise<OpenedStream> {
    options.signal?.throwIfAborted();
    const observed = this.#observed(path, 'stream', options);
    try {
      const timeout = options.timeoutMs ?? Infinity;
      const deadline = this.clock.now() + timeout;
      const login = await this.#login(deadline, options.signal);
      const endpoint = await this.#connectedForStream(options, deadline, observed);
      return { endpoint, setup: this.#callSetup(options, deadline, login, observed), login, observed };
    } catch (error) {
      observed.ended(error);
      throw error;
    }
  }

  async #connectedForStream(
    options: CallOptions,
    deadline: number,
    observed: ObservedCall,
  ): Promise<Endpoint> {
    // Not before there is a token: the question for it may have found out that another endpoint is the better one.
    const endpoint = this.#pick(options);
    observed.attempt(endpoint.address);
    try {
      await this.#connect(endpoint, deadline, options.signal);
    } catch (error) {
      this.moveOnFrom(endpoint.address);
      throw error;
    }
    if (this.#closed) throw clientClosed();
    return endpoint;
  }

  #pick(options: CallOptions): Endpoint {
    if (this.#closed) throw clientClosed();
    const address = options.endpoint ?? this.#nextAddress();
    let endpoint = this.#opened.get(address);
    if (endpoint === undefined) {
      endpoint = new Endpoint(address, this.#endpointOptions);
      this.#opened.set(address, endpoint);
    }
    return endpoint;
  }

  /** The current endpoint, or where calls go round the one after it that has not failed a moment ago. */
  #nextAddress(): string {
    if (this.goesRound) {
      const now = this.clock.now();
      const count = this.endpoints.length;
      const steps = Array.from({ length: count }, (_, i) => (this.#current + 1 + i) % count);
      const isWell = (at: number) => (this.#failedUntil.get(this.endpoints[at] ?? '') ?? 0) <= now;
      this.#current = steps.find(isWell) ?? steps[0] ?? 0;
    }
    return this.endpoints[this.#current] ?? '';
  }

  async #connect(endpoint: Endpoint, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    if (endpoint.isReady) return;
    const dialTimeoutMs = Math.min(deadline - this.clock.now(), this.#dialTimeoutMs);
    const waiting = endpoint.waitForConnection(this.clock.wallMs() + dialTimeoutMs);
    const failure = await unlessAborted(waiting, signal);
    if (failure === undefined) return;
    throw new EtcdError('UNAVAILABLE', `no connection to ${endpoint.address}: ${failure}`, {
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
  #callSetup(options: CallOptions, deadline: number, { token }: Login, observed: ObservedCall): CallSetup {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(observed.metadata)) metadata.set(name, value);
    for (const [name, value] of options.metadata ?? []) metadata.set(name, value);
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

/** Of clients without credentials. */
const nobody: Login = { token: undefined };

interface OpenedStream {
  readonly endpoint: Endpoint;
  readonly setup: CallSetup;
  readonly login: Login;
  readonly observed: ObservedCall;
}

/** What belongs to all attempts of a call. */
interface Attempted {
  readonly deadline: number;
  readonly login: Login;
  readonly observed: ObservedCall;
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
