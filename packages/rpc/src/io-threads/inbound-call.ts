import { messagePrefixBytes, type MessageBatch } from '@quorate/wire';
import { RpcError, status, type StatusCode } from '../errors.ts';
import type { GrpcObserver } from '../grpc-server.ts';
import { onAborted, type Call, type Method, type OnRequest, type StreamCall } from '../transport.ts';
import type { CallHead } from './call-head.ts';
import type { Channel, RecordFields } from './channel.ts';
import { record, SendWindow, TakenBytes, windowCost } from './records.ts';

/** Made once: calls are given up by the thousand, and the place where it was made is half of what an error costs. */
const cancelled = new RpcError(status.CANCELLED, 'context canceled');

/** A method and who is told of its calls. */
export interface Target {
  readonly path: string;
  readonly method: Method;
  readonly observer: GrpcObserver;
}

/** A call that came in through an I/O thread, as its handler sees it. */
export class InboundCall implements Call {
  readonly number: number;
  readonly target: Target;
  readonly startedAtMs = performance.now();
  readonly #head: CallHead;
  #controller: AbortController | undefined;
  #isCancelled = false;
  #told: StatusCode | undefined;

  constructor(made: { readonly number: number; readonly head: CallHead; readonly target: Target }) {
    this.number = made.number;
    this.target = made.target;
    this.#head = made.head;
  }

  get commonName(): string | undefined {
    return this.#head.commonName;
  }

  get address(): string | undefined {
    return this.#head.address;
  }

  metadata(key: string): string | undefined {
    return this.#head.metadata(key);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isCancelled) this.#controller.abort(cancelled);
    }
    return this.#controller.signal;
  }

  /** Whether nobody waits for it any more. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** What its client was told before the handler was done. */
  get told(): StatusCode | undefined {
    return this.#told;
  }

  /** Nobody waits for it any more: the client has left, or was told a status. */
  cancel(told: StatusCode | undefined): void {
    this.#told ??= told;
    this.#isCancelled = true;
    this.#controller?.abort(cancelled);
  }
}

/** A stream that came in so. What it sends goes to the thread of its connection, as far as there is room. */
export class InboundStreamCall extends InboundCall implements StreamCall {
  readonly #channel: Channel;
  readonly #window = new SendWindow();
  readonly #taken: TakenBytes;
  readonly #messages: Uint8Array[] = [];
  #hasAllMessages = false;
  #isOver = false;
  /** Told that there is something new: a message, or the end. */
  #onNews: (() => void) | undefined;

  constructor(
    channel: Channel,
    made: { readonly number: number; readonly head: CallHead; readonly target: Target },
  ) {
    super(made);
    this.#channel = channel;
    this.#taken = new TakenBytes((bytes) => {
      if (!this.#isOver) channel.send({ kind: record.taken, path: 0, call: this.number, number: bytes });
    });
  }

  send(message: Uint8Array): boolean {
    if (this.#isOver || this.isCancelled) return true;
    this.target.observer.onSent?.(this.target.path, message.length);
    return this.#send({ kind: record.message, path: 0, call: this.number, number: 0 }, message);
  }

  sendBatch(batch: MessageBatch): boolean {
    const { bytes, count } = batch;
    if (!this.#isOver && !this.isCancelled) {
      const messageBytes = bytes.length - count * messagePrefixBytes;
      this.target.observer.onSent?.(this.target.path, messageBytes, count);
      this.#send({ kind: record.batch, path: 0, call: this.number, number: count }, bytes);
    }
    // It was copied, or is for nobody.
    batch.release();
    return this.#isOver || this.isCancelled || this.#window.hasRoom;
  }

  #send(fields: RecordFields, bytes: Uint8Array): boolean {
    this.#window.sent(bytes.length);
    this.#channel.send(fields, bytes);
    return this.#window.hasRoom;
  }

  onGivenUp(tell: () => void): void {
    onAborted(this.signal, tell);
  }

  async drained(): Promise<void> {
    if (!this.#isOver && !this.isCancelled) await this.#window.room();
  }

  get requests(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const message = this.#next();
      if (message !== undefined) yield message;
      else if (this.#hasNoMore) return;
      else {
        await new Promise<void>((resolve) => {
          this.#onNews = resolve;
        });
      }
    }
  }

  receive(onRequest: OnRequest): Promise<void> {
    const done = Promise.withResolvers<void>();
    const handOver = (): void => {
      try {
        for (let message = this.#next(); message !== undefined; message = this.#next()) {
          const dealtWith = onRequest(message);
          if (dealtWith !== undefined) return void dealtWith.then(handOver, done.reject);
        }
      } catch (error) {
        return done.reject(error);
      }
      if (this.#hasNoMore) done.resolve();
      else this.#onNews = handOver;
    };
    handOver();
    return done.promise;
  }

  /** The next message, which counts as taken. */
  #next(): Uint8Array | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    this.#taken.add(windowCost(message));
    this.target.observer.onReceived?.(this.target.path, message.length);
    return message;
  }

  get #hasNoMore(): boolean {
    return this.#hasAllMessages || this.#isOver || this.isCancelled;
  }

  // -- What the thread tells

  /** A message of the client. */
  came(message: Uint8Array): void {
    if (this.#isOver) return;
    this.#messages.push(message);
    this.#tellNews();
  }

  /** The client has sent all of its messages. */
  halfClose(): void {
    this.#hasAllMessages = true;
    this.#tellNews();
  }

  /** Bytes that the thread has passed on. */
  taken(bytes: number): void {
    this.#window.taken(bytes);
  }

  override cancel(told: StatusCode | undefined): void {
    super.cancel(told);
    this.#release();
  }

  /** Its handler is done. */
  over(): void {
    this.#isOver = true;
    this.#release();
  }

  #release(): void {
    this.#window.close();
    this.#tellNews();
  }

  #tellNews(): void {
    const onNews = this.#onNews;
    this.#onNews = undefined;
    onNews?.();
  }
}
