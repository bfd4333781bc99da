import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { corsHeaders, refuseHost, type HttpAccess } from './http-access.ts';
import type { HttpAnswer, HttpSurface } from './http-surface.ts';

/** What is served: everything, or what may be asked without being a client (reference: --listen-metrics-urls). */
export type HttpScope = 'all' | 'metrics';

export interface HttpFrontOptions {
  readonly surface: HttpSurface;
  readonly scope: HttpScope;
  readonly access: HttpAccess;
  readonly requestTimeoutMs: number;
}

const metricsRoots = ['metrics', 'health', 'livez', 'readyz'];

/** Of the head of a request; more is answered with 431. */
const maxHeaderBytes = 16 * 1024;
/** How long a connection may be idle between two requests. */
const idleTimeoutMs = 5_000;
/** How long a client may take nothing of its answer. */
const stallTimeoutMs = 60_000;

/** HTTP/1 over sockets that others have accepted, with limits on all that a client may be slow at. */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #server: Server;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: maxHeaderBytes,
        headersTimeout: options.requestTimeoutMs,
        requestTimeout: options.requestTimeoutMs,
        keepAliveTimeout: idleTimeoutMs,
        connectionsCheckingInterval: Math.max(50, options.requestTimeoutMs / 8),
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.setTimeout(stallTimeoutMs);
    // Node looks for slow requests only in servers that listen; this one is given its connections.
    this.#server.emit('listening');
  }

  /** Serves a connection from its first byte on. */
  serve(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Ends its timers; connections are whoever's who accepted them. */
  close(): void {
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}); // The other side is gone; so is the need for an answer.
    const { access } = this.#options;
    const head = {
      method: request.method ?? 'GET',
      headers: request.headers,
      isEncrypted: 'encrypted' in request.socket,
    };
    const refusal = this.#options.scope === 'metrics' ? undefined : refuseHost(head, access);
    const { status, headers, body } = refusal ?? (await this.#answerOf(head.method, request.url ?? '/'));
    const cors = this.#options.scope === 'metrics' || refusal !== undefined ? {} : corsHeaders(head, access);
    response.writeHead(status, { ...headers, ...cors }).end(body);
  }

  async #answerOf(method: string, url: string): Promise<HttpAnswer> {
    const { surface, scope } = this.#options;
    if (scope === 'all' && method === 'OPTIONS') return { status: 200, headers: {}, body: '' };
    try {
      if (scope === 'metrics' && !metricsRoots.includes(rootOf(url))) return notFound;
      return await surface.answer(method, url);
    } catch {
      // What went wrong is for the log, not for a stranger.
      return { ...notFound, status: 500, body: 'Internal Server Error\n' };
    }
  }
}

const notFound: HttpAnswer = {
  status: 404,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
  body: '404 page not found\n',
};

function rootOf(url: string): string {
  return new URL(url, 'http://localhost').pathname.split('/')[1] ?? '';
}
