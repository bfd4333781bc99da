import type { RawData, WebSocket } from 'ws';
import { RequestReader, type RequestForm } from './request-messages.ts';

/** Requests that wait for whoever answers; then the client waits. */
const queuedMax = 16;

const lineEnd = Buffer.from('\n');

/** The requests in the frames of a WebSocket, in order. A frame may hold several, and one may be in several frames. */
export class FrameQueue {
  readonly #webSocket: WebSocket;
  readonly #reader: RequestReader;
  readonly #requests: Uint8Array[] = [];
  #fault: { readonly error: unknown } | undefined;
  #isClosed = false;
  #onChange = Promise.withResolvers<void>();

  constructor(webSocket: WebSocket, form: RequestForm) {
    this.#webSocket = webSocket;
    this.#reader = new RequestReader(form);
    webSocket.on('message', (data) => this.#receive(data));
    webSocket.once('close', () => {
      this.#isClosed = true;
      this.#onChange.resolve();
    });
  }

  /** Ends when the client is gone. @throws RestError at what is no message */
  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      this.#onChange = Promise.withResolvers();
      for (let next = this.#requests.shift(); next !== undefined; next = this.#requests.shift()) {
        if (this.#requests.length < queuedMax) this.#webSocket.resume();
        yield next;
      }
      if (this.#fault !== undefined) throw this.#fault.error;
      if (this.#isClosed) return;
      await this.#onChange.promise;
    }
  }

  #receive(data: RawData): void {
    if (this.#fault !== undefined) return;
    try {
      for (const piece of [...piecesOf(data), lineEnd]) this.#requests.push(...this.#reader.push(piece));
    } catch (error) {
      this.#fault = { error };
    }
    if (this.#requests.length >= queuedMax) this.#webSocket.pause();
    this.#onChange.resolve();
  }
}

function piecesOf(data: RawData): readonly Buffer[] {
  if (Array.isArray(data)) return data;
  return [Buffer.isBuffer(data) ? data : Buffer.from(data)];
}
