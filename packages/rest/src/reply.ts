import type { IncomingMessage, ServerResponse } from 'node:http';
import { code, RestError } from './status.ts';

/** What grpc-gateway tells of the answer that it has put into JSON. */
const answeredHeaders = { 'Grpc-Metadata-Content-Type': 'application/grpc' };

/** One HTTP response: whole, or line by line. */
export class Reply {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    response.on('error', () => {}); // The client is gone; the call hears of it by the end of the response.
  }

  get isBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Answers with a document. */
  json(status: number, value: unknown): void {
    this.#end(status, {}, JSON.stringify(value));
  }

  /** Answers with the message of a response. */
  message(json: string): void {
    this.#end(200, answeredHeaders, json);
  }

  /** Answers with how the call failed. What had begun as an answer can only be cut off. */
  fail(error: RestError): void {
    if (this.isBegun) return void this.#response.destroy();
    const headers =
      error.status === code.UNAUTHENTICATED ? { 'WWW-Authenticate': oneLine(error.message) } : {};
    this.#end(error.httpStatus, headers, JSON.stringify(error.body));
  }

  /** Answers a stream that failed before it began. */
  failStream(error: RestError): void {
    this.#end(error.httpStatus, {}, `${JSON.stringify(error.line)}\n`);
  }

  /** Begins an answer that comes in pieces, of a length that nobody knows yet. */
  begin(contentType: string): void {
    if (this.isBegun) return;
    this.#response.writeHead(200, { 'Content-Type': contentType, ...answeredHeaders });
  }

  /** Sends a piece at once; false when the client should take some of it before there is more. */
  write(text: string): boolean {
    return this.#response.write(text);
  }

  /**
   * Resolves when the client has taken what was written, or is gone. One that takes nothing for that long is cut off.
   */
  drained(stallTimeoutMs: number): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const stalled = setTimeout(() => response.destroy(), stallTimeoutMs);
      const done = (): void => {
        clearTimeout(stalled);
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.once('drain', done).once('close', done);
      if (response.destroyed || !response.writableNeedDrain) done();
    });
  }

  /** Ends an answer that came in pieces, or one without any. */
  end(last = ''): void {
    this.#response.end(last);
  }

  /** Told when all is sent, or the client is gone. */
  onClose(listener: () => void): void {
    this.#response.once('close', listener);
  }

  /** A stream may be silent for as long as nothing happens. */
  waitsForEvents(): void {
    this.#request.socket.setTimeout(0);
  }

  #end(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    this.#response
      .writeHead(status, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        ...headers,
      })
      .end(body);
  }
}

/** Of what a header may hold. */
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
