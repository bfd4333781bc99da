import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { asBuffer } from '@quorate/std';
import { abortReason, plainBytes, toEtcdError } from './grpc-values.ts';
import type { Login } from './tokens.ts';

/** What a stream is made with. */
export interface StreamSetup {
  readonly signal: AbortSignal | undefined;
  readonly login: Login;
  /** Who was asked, as the user wrote it. */
  readonly endpoint: string;
  /** Called when the stream is over, whoever ended it. */
  readonly onEnd: (stream: ServerStream, error: unknown) => void;
}

/**
 * Responses of a streaming call, in order. Reading slowly holds the sender back (HTTP/2 flow control), so no
 * queue grows here. The bytes of a message belong to whoever received it.
 */
export class ServerStream implements AsyncIterable<Uint8Array>, Disposable {
  readonly #call: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>;
  readonly #signal: AbortSignal | undefined;
  readonly #cancel: () => void;
  readonly #onEnd: (stream: ServerStream, error: unknown) => void;
  #error: unknown;
  readonly #login: Login;
  /** Whom the stream is with, as the user wrote it. */
  readonly endpoint: string;

  constructor(
    call: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>,
    { signal, login, endpoint, onEnd }: StreamSetup,
  ) {
    this.endpoint = endpoint;
    this.#login = login;
    this.#onEnd = onEnd;
    this.#call = call;
    this.#signal = signal;
    this.#cancel = () => call.cancel();
    // The iterator reports errors; one that comes after the last read must not end the process.
    call.on('error', () => {});
    signal?.addEventListener('abort', this.#cancel, { once: true });
    if (signal?.aborted === true) call.cancel();
  }

  /** The login that the stream was opened with. */
  get login(): Login {
    return this.#login;
  }

  /** Ends when the server ends the call well. @throws EtcdError, or the signal's reason */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      // The typings of gRPC's streams know only `any`; the deserializer makes them Buffers.
      for await (const message of this.#call as AsyncIterable<Buffer>) yield plainBytes(message);
      this.#signal?.throwIfAborted();
    } catch (error) {
      this.#error = this.#signal?.aborted === true ? abortReason(this.#signal) : toEtcdError(error);
      throw this.#error;
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** Cancels the call if it has not ended. */
  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#cancel);
    this.#call.cancel();
    this.#onEnd(this, this.#error);
  }
}

/** A stream that also sends. */
export class DuplexStream extends ServerStream {
  readonly #duplex: ClientDuplexStream<Buffer, Buffer>;

  constructor(call: ClientDuplexStream<Buffer, Buffer>, setup: StreamSetup) {
    super(call, setup);
    this.#duplex = call;
  }

  /** Sends a message. Requests on streams of etcd are few and small, so nobody waits for them to drain. */
  send(message: Uint8Array): void {
    this.#duplex.write(asBuffer(message));
  }

  /** Sends these as they come, each when there is room for it, and says then that there are no more. */
  async sendAll(messages: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const message of messages) {
      if (this.#duplex.destroyed) return;
      if (!this.#duplex.write(asBuffer(message))) await this.#drained();
    }
    this.end();
  }

  /** Resolves when there is room again, or nobody who could make it. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#duplex.off('drain', done).off('close', done).off('error', done);
        resolve();
      };
      this.#duplex.once('drain', done).once('close', done).once('error', done);
    });
  }

  /** Says that nothing more will be sent. */
  end(): void {
    this.#duplex.end();
  }
}
