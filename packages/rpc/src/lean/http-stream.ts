import { errorCode, type HeaderList, type Http2Stream } from '@quorate/http2';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import type { RequestStream } from '../http2-requests.ts';
import type { LeanSession, Served } from './lean-session.ts';

/** Whoever writes waits while so many bytes wait for the client. */
const roomBytes = 64 * 1024;

/** A request that is no call of gRPC, as a stream like those of Node's own HTTP/2. */
export class HttpStream extends Duplex implements RequestStream {
  readonly headers: IncomingHttpHeaders = {};
  /** Names and values by turns. */
  readonly rawHeaders: string[] = [];
  readonly #stream: Http2Stream<Served>;
  readonly #session: LeanSession;
  #unread = 0;
  #onRoom: (() => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(stream: Http2Stream<Served>, header: HeaderList, session: LeanSession) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#session = session;
    for (const { name, value } of header.fields) {
      this.rawHeaders.push(name, value);
      const before = Object.hasOwn(this.headers, name) ? this.headers[name] : undefined;
      // Several fields of a name are one list (RFC 9110 §5.3); a cookie's parts are joined in another way (RFC 9113 §8.2.3).
      const joint = name === 'cookie' ? '; ' : ', ';
      this.headers[name] = before === undefined ? value : `${String(before)}${joint}${value}`;
    }
    this.on('error', () => {});
  }

  get headersSent(): boolean {
    return this.#stream.hasSentHeader;
  }

  /** Answers with a status and fields; what is written goes behind. */
  respond(headers: OutgoingHttpHeaders): void {
    const { ':status': code = 200, ...others } = headers;
    const fields = [{ name: ':status', value: String(code), isRepeated: true }];
    for (const [name, values] of Object.entries(others)) {
      for (const value of Array.isArray(values) ? values : [values]) {
        if (value !== undefined)
          fields.push({ name: name.toLowerCase(), value: String(value).trim(), isRepeated: false });
      }
    }
    this.#stream.sendHeader(fields, { isEnd: false });
    this.#session.flushSoon();
  }

  /** Breaks it off. */
  close(code: number): void {
    this.#stream.reset(code);
    this.#session.flushSoon();
    this.destroy();
  }

  /** Calls back when nothing was sent or received for that long; 0 is never. */
  setTimeout(timeoutMs: number, onIdle: () => void): this {
    clearTimeout(this.#idleTimer);
    if (timeoutMs > 0) this.#idleTimer = setTimeout(onIdle, timeoutMs).unref();
    return this;
  }

  /** Takes what came of its body. */
  receive(bytes: Uint8Array, isEnd: boolean): void {
    this.#idleTimer?.refresh();
    this.#unread += bytes.length;
    // The bytes are a view of what the socket read, which nobody else keeps.
    if (bytes.length > 0 && this.push(bytes)) this.#acknowledge();
    if (isEnd) this.push(null);
  }

  hasRoom(): void {
    const onRoom = this.#onRoom;
    this.#onRoom = undefined;
    onRoom?.();
  }

  /** The stream is over; `code` is why it was broken off. */
  ended(code: number | undefined): void {
    clearTimeout(this.#idleTimer);
    this.hasRoom();
    if (code !== undefined) this.destroy();
  }

  override _read(): void {
    this.#acknowledge();
  }

  #acknowledge(): void {
    if (this.#unread === 0) return;
    this.#stream.acknowledge(this.#unread);
    this.#unread = 0;
    this.#session.flushSoon();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#idleTimer?.refresh();
    this.#stream.sendData([chunk], { isEnd: false });
    this.#session.flushSoon();
    if (this.#stream.pendingBytes < roomBytes) done();
    else this.#onRoom = done;
  }

  override _final(done: () => void): void {
    this.#stream.sendData([], { isEnd: true });
    this.#session.flushSoon();
    // Whoever is done is destroyed, and what still waits for the client would go with it.
    if (this.#stream.isLocalDone) done();
    else this.#onRoom = done;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idleTimer);
    if (!this.#stream.isClosed) {
      this.#stream.reset(error === null ? errorCode.CANCEL : errorCode.INTERNAL_ERROR);
      this.#session.flushSoon();
    }
    done(error);
  }
}
