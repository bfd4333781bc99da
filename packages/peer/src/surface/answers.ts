import type { IncomingMessage, ServerResponse } from 'node:http';
import { peerLimits } from '../options.ts';

/** A whole answer. */
export interface PeerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** A refusal, as Go's library words one: the text and a line break. */
export function refusal(
  status: number,
  text: string,
  extraHeaders: Readonly<Record<string, string>> = {},
): PeerAnswer {
  return {
    status,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
      ...extraHeaders,
    },
    body: `${text}\n`,
  };
}

export const notFound: PeerAnswer = refusal(404, '404 page not found');

/** The answer to a request by another method than `allowed`. */
export function wrongMethod(allowed: 'GET' | 'POST'): PeerAnswer {
  return refusal(405, 'Method Not Allowed', { Allow: allowed });
}

/** A refusal in etcd's own JSON. */
export function jsonRefusal(
  status: number,
  text: string,
  extraHeaders: Readonly<Record<string, string>> = {},
): PeerAnswer {
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...extraHeaders },
    body: JSON.stringify({ message: text }),
  };
}

/** 200 with a body. */
export function success(
  contentType: string,
  body: string | Uint8Array,
  extraHeaders: Readonly<Record<string, string>> = {},
): PeerAnswer {
  return { status: 200, headers: { 'Content-Type': contentType, ...extraHeaders }, body };
}

/** Writes an answer; harmless when the other side is gone. */
export function writeAnswer(request: IncomingMessage, response: ServerResponse, answer: PeerAnswer): void {
  if (response.headersSent || response.destroyed) return;
  if (!request.complete) drain(request);
  const length = typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : answer.body.length;
  response.writeHead(
    answer.status,
    answer.status === 204 ? answer.headers : { ...answer.headers, 'Content-Length': String(length) },
  );
  response.end(answer.body);
}

/**
 * Reads on for a while, so that an answer that came early is not lost with the connection; one who does not stop
 * then is cut off.
 */
function drain(request: IncomingMessage): void {
  let left: number = peerLimits.drainedBytes;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
  request.resume();
}
