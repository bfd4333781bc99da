import { RpcError, type StatusCode } from '@quorate/rpc';
import { SeededRandom, type Clock } from '@quorate/std';

/** Time that passes as soon as everything else has been done. */
export const hastyClock: Clock = {
  now: () => 0,
  wallMs: () => 0,
  after: (_delayMs, action) => {
    const timer = setImmediate(action);
    return { cancel: () => clearImmediate(timer) };
  },
  soon: (action) => void setImmediate(action),
};

export const random = new SeededRandom(1);

/** A stream that the proxy has opened, in the test's hand. */
export class FakeStream {
  readonly metadata: ReadonlyMap<string, string>;
  readonly #requests: AsyncIterator<Uint8Array, unknown>;
  readonly #responses: Uint8Array[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(requests: AsyncIterable<Uint8Array>, metadata: ReadonlyMap<string, string>) {
    this.#requests = requests[Symbol.asyncIterator]();
    this.metadata = metadata;
  }

  /** The next message that was sent on it. */
  async next(): Promise<Uint8Array> {
    const { value } = await this.#requests.next();
    if (!(value instanceof Uint8Array)) throw new Error('nothing more is sent');
    return value;
  }

  respond(message: Uint8Array): void {
    this.#responses.push(message);
    this.#wake?.();
  }

  fail(status: StatusCode, message: string): void {
    this.end(new RpcError(status, message));
  }

  end(error: Error | undefined): void {
    this.#end = { error };
    this.#wake?.();
  }

  async *responses(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      for (const response of this.#responses.splice(0)) yield response;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A cluster whose every stream the test is asked for. */
export class FakeUpstream {
  readonly #opened: FakeStream[] = [];
  readonly #waiting: ((stream: FakeStream) => void)[] = [];
  /** Streams that are open. */
  open = 0;

  /** The next stream that is opened. */
  opened(): Promise<FakeStream> {
    const stream = this.#opened.shift();
    if (stream !== undefined) return Promise.resolve(stream);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async *stream(
    _path: string,
    requests: AsyncIterable<Uint8Array>,
    {
      metadata = new Map(),
      signal,
    }: { readonly metadata?: ReadonlyMap<string, string>; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const stream = new FakeStream(requests, metadata);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#opened.push(stream);
    else waiting(stream);
    signal.addEventListener('abort', () => stream.end(new Error('the proxy has ended it')), { once: true });
    this.open++;
    try {
      yield* stream.responses();
    } finally {
      this.open--;
    }
  }
}
