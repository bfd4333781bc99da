import type { Clock } from '@quorate/std';
import { EtcdError, type EtcdErrorCode } from './errors.ts';

/** A call that begins. */
export interface StartedCall {
  /** `/etcdserverpb.KV/Range`. */
  readonly path: string;
  /** What the caller waits for: one answer, or a stream of them. */
  readonly kind: 'unary' | 'stream';
  /** What the caller gave as `context`: the span that this call belongs to, for instance. */
  readonly context: unknown;
}

/** How a call went on, and ended. */
export interface EndedCall {
  /** The endpoint asked last; undefined when none was. */
  readonly endpoint: string | undefined;
  /** How often an endpoint was asked. */
  readonly attempts: number;
  /** From its beginning, waiting for a token and for a connection included. */
  readonly durationMs: number;
  /** The name of gRPC's status; that of a call which its signal ended is CANCELLED. */
  readonly code: EtcdErrorCode;
  /** What the caller got to see; undefined when all went well. */
  readonly error: Error | undefined;
}

/** Hears of one call. */
export interface CallObserver {
  /** Metadata to send along, such as `traceparent`. Names are those of HTTP/2: lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** An endpoint is about to be asked, as number `attempt` of this call: 1 is the first. */
  attemptStarted?(started: { readonly endpoint: string; readonly attempt: number }): void;
  /** An attempt failed, and the call goes on with another. */
  attemptFailed?(failed: {
    readonly endpoint: string;
    readonly attempt: number;
    readonly error: Error;
  }): void;
  /** Once, at the end. */
  ended?(call: EndedCall): void;
}

/**
 * Hears of what a client does, for metrics and traces. It is called in the middle of things, so it should be quick;
 * what it throws changes no call and is dropped.
 */
export interface ClientObserver {
  /**
   * A call begins; what is returned hears of its end. Called within the call of the application, so that what follows
   * asynchronous work by itself (`AsyncLocalStorage`) is still that of the caller.
   */
  callStarted?(call: StartedCall): CallObserver | undefined;
  /** From now on another endpoint is asked first. */
  endpointChanged?(change: { readonly from: string; readonly to: string }): void;
  /** A connection stands: the first to this endpoint, or another one after it was lost. */
  connected?(connection: { readonly endpoint: string; readonly isFirst: boolean }): void;
  /** A connection that stood is no more. */
  disconnected?(connection: { readonly endpoint: string }): void;
  /** A watch that broke is about to be created again. */
  watchResumed?(watch: { readonly startRevision: bigint; readonly error: Error | undefined }): void;
  /** A token was asked for by name and password: for the first time, or since the last one was refused. */
  tokenRefreshed?(refresh: { readonly isFirst: boolean; readonly error: Error | undefined }): void;
}

/** What an observer has to be given to tell several: each hears of everything, in their order. */
export function joinObservers(
  observers: ClientObserver | readonly ClientObserver[] | undefined,
): ClientObserver | undefined {
  if (observers === undefined || !isList(observers)) return observers;
  const tell = (listen: (observer: ClientObserver) => void) => {
    for (const observer of observers) harmlessly(() => listen(observer));
  };
  return {
    callStarted: (call) =>
      joinCallObservers(observers.flatMap((one) => harmlessly(() => one.callStarted?.(call)) ?? [])),
    endpointChanged: (change) => tell((observer) => observer.endpointChanged?.(change)),
    connected: (connection) => tell((observer) => observer.connected?.(connection)),
    disconnected: (connection) => tell((observer) => observer.disconnected?.(connection)),
    watchResumed: (watch) => tell((observer) => observer.watchResumed?.(watch)),
    tokenRefreshed: (refresh) => tell((observer) => observer.tokenRefreshed?.(refresh)),
  };
}

function joinCallObservers(observers: readonly CallObserver[]): CallObserver {
  const tell = (listen: (observer: CallObserver) => void) => {
    for (const observer of observers) harmlessly(() => listen(observer));
  };
  return {
    get metadata() {
      return Object.assign({}, ...observers.map(({ metadata }) => metadata)) as Readonly<
        Record<string, string>
      >; // What is assigned are such records.
    },
    attemptStarted: (started) => tell((observer) => observer.attemptStarted?.(started)),
    attemptFailed: (failed) => tell((observer) => observer.attemptFailed?.(failed)),
    ended: (call) => tell((observer) => observer.ended?.(call)),
  };
}

// `Array.isArray` forgets about lists that nobody may write to.
function isList(
  observers: ClientObserver | readonly ClientObserver[],
): observers is readonly ClientObserver[] {
  return Array.isArray(observers);
}

/** One call, told to its observer. */
export class ObservedCall {
  readonly #observer: CallObserver | undefined;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #endpoint: string | undefined;
  #attempts = 0;
  #ended = false;

  constructor(observer: ClientObserver | undefined, clock: Clock, call: StartedCall) {
    this.#clock = clock;
    this.#startedAtMs = clock.now();
    this.#observer = harmlessly(() => observer?.callStarted?.(call));
  }

  get metadata(): Readonly<Record<string, string>> {
    return harmlessly(() => this.#observer?.metadata) ?? {};
  }

  attempt(endpoint: string): void {
    this.#endpoint = endpoint;
    const attempt = ++this.#attempts;
    harmlessly(() => this.#observer?.attemptStarted?.({ endpoint, attempt }));
  }

  attemptFailed(error: Error): void {
    const failed = { endpoint: this.#endpoint ?? '', attempt: this.#attempts, error };
    harmlessly(() => this.#observer?.attemptFailed?.(failed));
  }

  ended(reason?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#observer === undefined) return;
    const error =
      reason === undefined || reason instanceof Error ? reason : new Error('aborted', { cause: reason });
    const call = {
      endpoint: this.#endpoint,
      attempts: this.#attempts,
      durationMs: this.#clock.now() - this.#startedAtMs,
      code: codeOf(error),
      error,
    };
    harmlessly(() => this.#observer?.ended?.(call));
  }

  /** Does the call, and tells how it ended. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.ended();
      return result;
    } catch (error) {
      this.ended(error);
      throw error;
    }
  }
}

/** What is no error of the server, nor one of ours, is the reason of a signal. */
function codeOf(error: Error | undefined): EtcdErrorCode {
  if (error === undefined) return 'OK';
  return error instanceof EtcdError ? error.code : 'CANCELLED';
}

/** Tells an observer, whose own trouble is not that of the call. */
export function harmlessly<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}
