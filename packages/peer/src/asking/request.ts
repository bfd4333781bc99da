import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { PeerError, textOf } from '../errors.ts';
import { headerOf } from '../names.ts';
import { connectedEvent, dial, type DialOptions } from '../outgoing/dialling.ts';

/** An HTTP request to another member. */
export interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** How long and how much to listen. */
export interface AskOptions extends DialOptions {
  /** For a connection, where a new one is needed. */
  readonly dialTimeoutMs: number;
  /** For the whole answer. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** The whole of an answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: Uint8Array;
}

/** How a request is opened. */
export interface OpenOptions extends DialOptions {
  readonly dialTimeoutMs: number;
  /** How long the connection may be silent. */
  readonly timeoutMs: number;
}

/** Begins a request to the given base URL; the caller listens to `error`. @throws PeerError for a URL of another kind */
export function openRequest(
  baseUrl: string,
  { method, path, headers }: Question,
  options: OpenOptions,
): ClientRequest {
  const request = dial(
    baseUrl,
    { method, path, timeout: options.timeoutMs, ...(headers === undefined ? {} : { headers }) },
    options,
  );
  request.once('socket', (socket) => limitDialling(request, socket, options.dialTimeoutMs));
  return request;
}

function limitDialling(request: ClientRequest, socket: Socket, dialTimeoutMs: number): void {
  const event = connectedEvent(request, socket);
  if (event === undefined) return;
  const giveUp = () =>
    request.destroy(new PeerError('PEER_UNREACHABLE', { reason: 'no connection in time' }));
  const timer = setTimeout(giveUp, dialTimeoutMs);
  socket.once(event, () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}

/**
 * Asks one URL and reads the whole answer. Redirects are not followed.
 *
 * @throws PeerError (unreachable, timeout, bad answer), or the reason of the signal
 */
export async function ask(baseUrl: string, question: Question, options: AskOptions): Promise<Answer> {
  options.signal?.throwIfAborted();
  const { body } = question;
  const request = openRequest(
    baseUrl,
    body === undefined
      ? question
      : { ...question, headers: { ...question.headers, 'Content-Length': String(body.length) } },
    options,
  );
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(new PeerError('PEER_TIMEOUT')), options.timeoutMs);
    const onAbort = () => request.destroy(new AbortedError());
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      outcome();
    };
    request.on('timeout', () => request.destroy(new PeerError('PEER_TIMEOUT')));
    request.on('error', (error) => settle(() => reject(failureOf(error, options.signal))));
    request.on('response', (message) => {
      readAll(message, options.maxBytes).then(
        (bytes) => settle(() => resolve({ status: message.statusCode ?? 0, message, body: bytes })),
        (error: unknown) => {
          request.destroy();
          settle(() => reject(failureOf(error, options.signal)));
        },
      );
    });
    request.end(body);
  });
}

/** Marks a request that was given up because its caller said so. */
class AbortedError extends Error {
  override readonly name = 'AbortedError';
}

function failureOf(error: unknown, signal: AbortSignal | undefined): Error {
  // The reason of an abort is whatever the caller made it; `throwIfAborted` gives it as it is.
  if (signal?.aborted === true) return signal.reason as Error;
  if (error instanceof PeerError) return error;
  return new PeerError('PEER_UNREACHABLE', { cause: error, reason: textOf(error) });
}

/** All bytes of a message. @throws PeerError when there are more than `maxBytes`, or the stream's error */
export async function readAll(message: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The stream holds no encoding, so its chunks are Buffers.
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new PeerError('PEER_BAD_ANSWER', { reason: 'too long an answer' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** What a refusal says: the text of the body, or the `message` in it where it is JSON. */
export function refusalOf({ status, message, body }: Answer): PeerError {
  const text = Buffer.from(body).toString('utf8').trim();
  return new PeerError('PEER_REFUSED', {
    status,
    reason: messageIn(text, headerOf(message, 'content-type')),
  });
}

function messageIn(text: string, contentType: string | undefined): string {
  if (contentType?.startsWith('application/json') !== true) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  } catch {
    // Then the text itself is all that was said.
  }
  return text;
}
