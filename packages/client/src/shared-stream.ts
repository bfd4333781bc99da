import { rpcpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import type { DuplexStream } from './streams.ts';
import type { Login } from './tokens.ts';
import { watchRequest, type WatchChannel } from './watch-source.ts';

/** What a server calls those who are told of the progress of a whole stream. */
const everybody = -1n;

/** How a stream is shared. */
export interface SharedStreamOptions {
  /** What may wait for one watch. */
  readonly bufferBytes: number;
  /** Called once, when no watch can be created any more; with an error if the stream has failed. */
  readonly onEnd: (failure: Error | undefined) => void;
}

/**
 * Many watches on one stream. It is read at full pace, and what comes is handed to the watch that it is for.
 *
 * A server answers requests to create in their order, and does so before it says anything else of a watch; so the
 * next answer is for the oldest request that has none.
 */
export class SharedStream {
  readonly #duplex: DuplexStream;
  readonly #options: SharedStreamOptions;
  readonly #uncreated: SharedChannel[] = [];
  readonly #created = new Map<bigint, SharedChannel>();
  readonly #askedForProgress = new Set<SharedChannel>();
  #isOpen = true;

  constructor(duplex: DuplexStream, options: SharedStreamOptions) {
    this.#duplex = duplex;
    this.#options = options;
    void this.#read();
  }

  get login(): Login {
    return this.#duplex.login;
  }

  get endpoint(): string {
    return this.#duplex.endpoint;
  }

  /** Whether watches can be created on it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Creates a watch. */
  add(create: rpcpb.WatchCreateRequest, signal: AbortSignal | undefined): SharedChannel {
    const channel = new SharedChannel(this, { signal, bufferBytes: this.#options.bufferBytes });
    this.#uncreated.push(channel);
    this.#duplex.send(watchRequest({ $case: 'createRequest', value: create }));
    return channel;
  }

  /** The watch is wanted no more. The last one ends the stream. */
  remove(channel: SharedChannel): void {
    this.#askedForProgress.delete(channel);
    // Without an ID it cannot be cancelled: that is done as soon as it has one.
    if (channel.watchId !== undefined && this.#created.delete(channel.watchId)) this.#cancel(channel.watchId);
    const isWanted = this.#uncreated.some((other) => !other.isLeft) || this.#created.size > 0;
    if (!isWanted) this.#end(undefined);
  }

  requestProgress(channel: SharedChannel): void {
    this.#askedForProgress.add(channel);
    this.#duplex.send(watchRequest({ $case: 'progressRequest', value: {} }));
  }

  /** Ends the stream and, with this error, all that is on it. */
  fail(error: Error): void {
    for (const channel of [...this.#uncreated, ...this.#created.values()]) channel.fail(error);
    this.#end(error);
  }

  async #read(): Promise<void> {
    try {
      for await (const message of this.#duplex) {
        this.#receive(rpcpb.WatchResponse.decode(message), message.length);
      }
      this.fail(new EtcdError('UNAVAILABLE', 'the member ended the stream of watches'));
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #receive(response: rpcpb.WatchResponse, sizeBytes: number): void {
    const { created, canceled, watchId } = response;
    if (created) {
      const channel = this.#uncreated.shift();
      if (channel === undefined) return;
      if (canceled) return channel.receive(response, sizeBytes);
      if (channel.isLeft) return this.#cancel(watchId);
      channel.watchId = watchId;
      this.#created.set(watchId, channel);
      return channel.receive(response, sizeBytes);
    }
    if (watchId === everybody) {
      for (const channel of this.#askedForProgress) channel.receive(response, sizeBytes);
      this.#askedForProgress.clear();
      return;
    }
    const channel = this.#created.get(watchId);
    if (canceled) this.#created.delete(watchId);
    channel?.receive(response, sizeBytes);
  }

  #cancel(watchId: bigint): void {
    if (this.#isOpen) this.#duplex.send(watchRequest({ $case: 'cancelRequest', value: { watchId } }));
  }

  #end(failure: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#uncreated.length = 0;
    this.#created.clear();
    this.#duplex[Symbol.dispose]();
    this.#options.onEnd(failure);
  }
}

/** One watch on a stream that has others. */
export class SharedChannel implements WatchChannel {
  readonly #stream: SharedStream;
  readonly #signal: AbortSignal | undefined;
  readonly #bufferBytes: number;
  #waiting: { readonly response: rpcpb.WatchResponse; readonly sizeBytes: number }[] = [];
  #waitingBytes = 0;
  #failure: Error | undefined;
  #isLeft = false;
  #readable = Promise.withResolvers<void>();
  /** Given by the server. */
  watchId: bigint | undefined;

  constructor(
    stream: SharedStream,
    options: { readonly signal: AbortSignal | undefined; readonly bufferBytes: number },
  ) {
    this.#stream = stream;
    this.#signal = options.signal;
    this.#bufferBytes = options.bufferBytes;
  }

  get login(): Login {
    return this.#stream.login;
  }

  /** Whether nobody waits for it any more. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  receive(response: rpcpb.WatchResponse, sizeBytes: number): void {
    if (this.#isLeft || this.#failure !== undefined) return;
    if (this.#waitingBytes > 0 && this.#waitingBytes + sizeBytes > this.#bufferBytes) {
      // What waits is without a gap, and what comes now is asked for again later.
      this.#failure = new WatchOverflowError(this.#bufferBytes);
      return this.#leave();
    }
    this.#waiting.push({ response, sizeBytes });
    this.#waitingBytes += sizeBytes;
    this.#readable.resolve();
  }

  /** What waits is still delivered, and then this error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#readable.resolve();
  }

  async *responses(): AsyncGenerator<rpcpb.WatchResponse, void, undefined> {
    const signal = this.#signal;
    const onAbort = () => this.#readable.resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal?.throwIfAborted();
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const { response, sizeBytes } of waiting) {
          this.#waitingBytes -= sizeBytes;
          yield response;
          signal?.throwIfAborted();
        }
        if (waiting.length > 0) continue;
        if (this.#failure !== undefined) throw this.#failure;
        this.#readable = Promise.withResolvers<void>();
        await this.#readable.promise;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  requestProgress(): void {
    if (!this.#isLeft && this.watchId !== undefined) this.#stream.requestProgress(this);
  }

  [Symbol.dispose](): void {
    if (!this.#isLeft) this.#leave();
  }

  #leave(): void {
    this.#isLeft = true;
    this.#readable.resolve();
    this.#stream.remove(this);
  }
}

/** A watch of a group was left waiting for too long by its consumer; it goes on from where it was. */
export class WatchOverflowError extends EtcdError {
  override readonly name = 'WatchOverflowError';

  constructor(bufferBytes: number) {
    super(
      'RESOURCE_EXHAUSTED',
      `more than ${bufferBytes} bytes of events waited for the consumer of a watch`,
    );
  }
}
