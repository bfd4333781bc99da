import { Duplex } from 'node:stream';
import { RpcError, status } from '../errors.ts';
import { onAborted, receiveEach, sendEach, type OnRequest, type StreamCall } from '../transport.ts';
import type { MessageBatch } from '@quorate/wire';

/**
 * A connection of HTTP/1 that an I/O thread holds, for whoever serves HTTP on the main thread: as much of a socket as Node's
 * server looks at. The bytes are those within TLS.
 */
export class TunnelSocket extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly #call: StreamCall;
  readonly #onEnd = Promise.withResolvers<void>();
  #goOn: (() => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(call: StreamCall, { isEncrypted }: { readonly isEncrypted: boolean }) {
    super({ allowHalfOpen: true });
    this.remoteAddress = call.address;
    this.#call = call;
    // How everybody asks a socket whether it has TLS.
    if (isEncrypted) Object.assign(this, { encrypted: true });
    this.on('error', () => {}); // It closes, which says enough.
    call.signal.addEventListener('abort', () => this.destroy(), { once: true });
    void this.#receive();
  }

  /** Resolves when it has sent all that it will send; rejects when it was broken off. */
  get ended(): Promise<void> {
    return this.#onEnd.promise;
  }

  /** As that of a socket: emits `timeout` when nothing moved for that long; 0 is never. */
  setTimeout(timeoutMs: number): this {
    clearTimeout(this.#idleTimer);
    if (timeoutMs > 0) this.#idleTimer = setTimeout(() => this.emit('timeout'), timeoutMs).unref();
    return this;
  }

  async #receive(): Promise<void> {
    await this.#call.receive((bytes) => {
      if (this.destroyed) return undefined;
      this.#idleTimer?.refresh();
      if (this.push(bytes)) return undefined;
      return new Promise((resolve) => {
        this.#goOn = resolve;
      });
    });
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#idleTimer?.refresh();
    if (this.#call.send(chunk)) done();
    else void this.#call.drained().then(() => done());
  }

  override _final(done: () => void): void {
    this.#onEnd.resolve();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idleTimer);
    this._read();
    this.#onEnd.reject(new RpcError(status.CANCELLED, 'the connection was broken off'));
    done(error);
  }
}

/** The other end, in the I/O thread: a connection as a call that asks with what it reads, and is answered with what it writes. */
export class TunnelCall implements StreamCall {
  readonly commonName: string | undefined;
  readonly address: string | undefined;
  readonly requests: AsyncIterable<Uint8Array>;
  readonly #socket: Duplex;
  readonly #closed = new AbortController();

  constructor(
    socket: Duplex,
    {
      commonName,
      address,
    }: { readonly commonName: string | undefined; readonly address: string | undefined },
  ) {
    this.#socket = socket;
    this.commonName = commonName;
    this.address = address;
    this.requests = socket.iterator({ destroyOnReturn: false });
    socket.on('error', () => {}); // It closes, which says enough.
    socket.once('close', () => this.#closed.abort());
  }

  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  metadata(): undefined {
    return undefined;
  }

  send(bytes: Uint8Array): boolean {
    return this.#socket.destroyed || this.#socket.write(bytes);
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
    if (this.signal.aborted || !this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  /** All was sent: closes the connection behind it. */
  end(): void {
    // A socket that only ends waits for the client to do the same.
    this.#socket.end(() => this.#socket.destroy());
  }

  /** Breaks the connection off. */
  cut(): void {
    this.#socket.destroy();
  }
}
