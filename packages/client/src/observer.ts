/** A call that begins. */
export interface StartedCall {
  /** `/etcdserverpb.KV/Range`. */
  readonly path: string;
  /** What the caller waits for: one answer, or a stream of them. */
  readonly kind: 'unary' | 'stream';
}

/** How a call went on, and ended. */
export interface EndedCall {
  /** The endpoint asked last; undefined when none was. */
  readonly endpoint: string | undefined;
  /** How often an endpoint was asked. */
  readonly attempts: number;
  /** What the caller got to see; undefined when all went well. */
  readonly error: Error | undefined;
}

/** Hears of one call. */
export interface CallObserver {
  /** Metadata to send along, such as `traceparent`. Names are those of HTTP/2: lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** An attempt failed, and the call goes on with another. */
  attemptFailed?(failed: { readonly endpoint: string; readonly error: Error }): void;
  /** Once, at the end. */
  ended?(call: EndedCall): void;
}

/**
 * Hears of what a client does, for metrics and traces. It is called in the middle of things, so it should be quick;
 * what it throws changes no call and is dropped.
 */
export interface ClientObserver {
  /** A call begins; what is returned hears of its end. */
  callStarted?(call: StartedCall): CallObserver | undefined;
  /** From now on another endpoint is asked first. */
  endpointChanged?(change: { readonly from: string; readonly to: string }): void;
  /** A watch that broke is about to be created again. */
  watchResumed?(watch: { readonly startRevision: bigint; readonly error: Error | undefined }): void;
}

/** One call, told to its observer. */
export class ObservedCall {
  readonly #observer: CallObserver | undefined;
  #endpoint: string | undefined;
  #attempts = 0;
  #ended = false;

  constructor(observer: ClientObserver | undefined, call: StartedCall) {
    this.#observer = harmlessly(() => observer?.callStarted?.(call));
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#observer?.metadata ?? {};
  }

  attempt(endpoint: string): void {
    this.#endpoint = endpoint;
    this.#attempts++;
  }

  attemptFailed(error: Error): void {
    const endpoint = this.#endpoint ?? '';
    harmlessly(() => this.#observer?.attemptFailed?.({ endpoint, error }));
  }

  ended(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#observer === undefined) return;
    const seen =
      error === undefined || error instanceof Error ? error : new Error('aborted', { cause: error });
    const call = { endpoint: this.#endpoint, attempts: this.#attempts, error: seen };
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

/** Tells an observer, whose own trouble is not that of the call. */
export function harmlessly<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}
