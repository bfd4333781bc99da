import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  corsHeaders,
  refuseCertificate,
  refuseHost,
  refuseOrigin,
  type HttpAccess,
  type HttpHead,
} from './http-access.ts';
import type { HttpAnswer, HttpSurface } from './http-surface.ts';

/** What is served: everything, or what may be asked without being a client (reference: --listen-metrics-urls). */
export type HttpScope = 'all' | 'metrics';

/** Whoever answers HTTP requests on paths of its own. False says that a path is not, and that nothing was done. */
export interface HttpHandler {
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  /** For a WebSocket; the connection is the handler's from then on. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
}

export interface HttpFrontOptions {
  readonly surface: Pick<HttpSurface, 'answer'>;
  /** Asked first, where everything is served. */
  readonly api?: HttpHandler | undefined;
  readonly scope: HttpScope;
  readonly access: HttpAccess;
  readonly requestTimeoutMs: number;
  /** A handler or the surface has thrown, asked for `path`, which is without what stands behind it: that may be anything. */
  readonly onInternalError?: ((path: string, error: unknown) => void) | undefined;
}

const metricsRoots = ['metrics', 'health', 'livez', 'readyz'];

/** Of the head of a request; more is answered with 431. */
const maxHeaderBytes = 16 * 1024;
/** How long a connection may be idle between two requests. */
const idleTimeoutMs = 5_000;
/** How long a client may take nothing of its answer. */
const stallTimeoutMs = 60_000;

/** Serves HTTP/1 over connections that others have accepted. */
export interface HttpConnections {
  /** Serves a connection from its first byte on. `commonName` is that of a certificate that was verified. */
  serve(
    socket: Duplex,
    identity: { readonly commonName?: string | undefined; readonly address?: string | undefined },
  ): void;
  /** Ends connections between two requests. */
  closeIdle(): void;
  /** Ends what it has of its own; connections are whoever's who accepted them. */
  close(): void;
}

/** HTTP/1 over sockets that others have accepted, with limits on all that a client may be slow at. */
export class HttpFront implements HttpConnections {
  readonly #options: HttpFrontOptions;
  readonly #server: Server;
  /** Of connections with a certificate that names somebody. */
  readonly #commonNames = new WeakMap<Duplex, string>();

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: maxHeaderBytes,
        headersTimeout: options.requestTimeoutMs,
        requestTimeout: options.requestTimeoutMs,
        keepAliveTimeout: idleTimeoutMs,
        connectionsCheckingInterval: Math.max(50, options.requestTimeoutMs / 8),
        // Other protocols that a client would like to change to are its wish only.
        shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
      },
      (request, response) => {
        response.on('error', () => {}); // The other side is gone; so is the need for an answer.
        this.#answer(request, response).catch((error: unknown) => this.#fail(request, response, error));
      },
    );
    this.#server.setTimeout(stallTimeoutMs);
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    // Node looks for slow requests only in servers that listen; this one is given its connections.
    this.#server.emit('listening');
  }

  serve(socket: Duplex, { commonName }: { readonly commonName?: string | undefined } = {}): void {
    if (commonName !== undefined) this.#commonNames.set(socket, commonName);
    this.#server.emit('connection', socket);
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  close(): void {
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access, scope, api } = this.#options;
    const head = this.#headOf(request);
    const refusal =
      scope === 'metrics' ? undefined : (refuseHost(head, access) ?? refuseCertificate(head, access));
    const cors = scope === 'metrics' || refusal !== undefined ? {} : corsHeaders(head, access);
    if (scope === 'all' && refusal === undefined && head.method !== 'OPTIONS') {
      for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
      if (api?.handle(request, response) === true) return;
    }
    send(response, refusal ?? (await this.#answerOf(head.method, request.url ?? '/')), cors);
  }

  /** Nothing that a handler throws ends more than its request: the owner is told of it, its client that it was. */
  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.#tell(request, error);
    if (response.writableEnded) return; // It had said all that it had to say.
    if (response.headersSent) return void response.destroy();
    // What was said of another answer does not hold for this one.
    for (const name of response.getHeaderNames()) if (!isOfCors(name)) response.removeHeader(name);
    send(response, wentWrong);
  }

  #tell({ url = '/' }: IncomingMessage, error: unknown): void {
    this.#options.onInternalError?.(url.split('?', 1)[0]!, error);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {}); // As for answers.
    const writtenBefore = writtenBytes(socket);
    try {
      this.#upgradeTo(request, socket, head);
    } catch (error) {
      this.#tell(request, error);
      if (writtenBytes(socket) === writtenBefore) refuseUpgrade(socket, wentWrong);
      else socket.destroy();
    }
  }

  #upgradeTo(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { access, scope, api } = this.#options;
    const asked = this.#headOf(request);
    const refusal =
      scope === 'metrics'
        ? notFound
        : (refuseHost(asked, access) ?? refuseCertificate(asked, access) ?? refuseOrigin(asked, access));
    if (refusal === undefined && api?.upgrade(request, socket, head) === true) return;
    refuseUpgrade(socket, refusal ?? notFound);
  }

  #headOf(request: IncomingMessage): HttpHead {
    const { method = 'GET', url = '/', headers, socket } = request;
    const commonName = this.#commonNames.get(socket);
    return { method, url, headers, isEncrypted: 'encrypted' in socket, commonName };
  }

  async #answerOf(method: string, url: string): Promise<HttpAnswer> {
    const { surface, scope } = this.#options;
    if (scope === 'all' && method === 'OPTIONS') return { status: 200, headers: {}, body: '' };
    if (scope === 'metrics' && !metricsRoots.includes(rootOf(url))) return notFound;
    return surface.answer(method, url);
  }
}

const notFound: HttpAnswer = {
  status: 404,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
  body: '404 page not found\n',
};

/** What went wrong is for the log, not for a stranger. */
const wentWrong: HttpAnswer = { ...notFound, status: 500, body: 'Internal Server Error\n' };

function send(
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
  cors: Readonly<Record<string, string>> = {},
): void {
  const length = { 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...cors, ...length }).end(body);
}

function refuseUpgrade(socket: Duplex, { status, body }: Pick<HttpAnswer, 'status' | 'body'>): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain',
  ];
  socket.end(`${lines.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Of a connection that counts them; any other is taken for one that nothing was written to. */
function writtenBytes(socket: Duplex): number {
  return socket instanceof Socket ? socket.bytesWritten : 0;
}

/** They were said before any handler was asked. */
function isOfCors(name: string): boolean {
  return name.startsWith('access-control-') || name === 'vary';
}

function rootOf(url: string): string {
  return URL.parse(url, 'http://localhost')?.pathname.split('/')[1] ?? '';
}
