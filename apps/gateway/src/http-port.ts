import type { RestSurface } from '@quorate/rest';
import type { ServerTls } from '@quorate/tls';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createListener,
  type AddressInfo,
  type Server as Listener,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { isForeignHost, isForeignOrigin, setCorsHeaders, type AccessRules } from './access.ts';

/** An answer that is no call's. */
export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface HttpPortOptions {
  readonly surface: RestSurface;
  readonly access: AccessRules;
  /** What else is served, by path. */
  readonly pages: Readonly<Record<string, () => Promise<PlainAnswer> | PlainAnswer>>;
  readonly tls: ServerTls | undefined;
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
  readonly onAnswered: (request: IncomingMessage, response: ServerResponse, seconds: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Of the head of a request; more is answered with 431. */
const maxHeaderBytes = 16 * 1024;
/** How long a client may take nothing of its answer. */
const stallTimeoutMs = 60_000;
const plain = 'text/plain; charset=utf-8';

/** Where a gateway is reached: listeners with and without TLS, and what is refused before anybody looks at a path. */
export class HttpPort {
  readonly #options: HttpPortOptions;
  readonly #server: Server;
  readonly #listeners: Listener[] = [];
  readonly #sockets = new Set<Socket>();
  #isDraining = false;

  constructor(options: HttpPortOptions) {
    this.#options = options;
    const { requestTimeoutMs } = options;
    this.#server = createServer(
      {
        maxHeaderSize: maxHeaderBytes,
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.max(50, requestTimeoutMs / 8),
        shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.setTimeout(stallTimeoutMs);
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    // Node looks for slow requests only in servers that listen; this one is given its connections.
    this.#server.emit('listening');
  }

  /** Listens where this URL says; resolves to the port. @throws as `net.listen` */
  async listen(url: string): Promise<number> {
    const { protocol, hostname, port } = new URL(url);
    const listener = createListener({ noDelay: true }, (socket) =>
      this.#accept(socket, protocol === 'https:'),
    );
    listener.maxConnections = this.#options.maxConnections;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    // Such as too many open files: the listener goes on when there are fewer.
    listener.on('error', (error) => this.#options.onError(error));
    this.#listeners.push(listener);
    // It listens on a port, so its address has one.
    return (listener.address() as AddressInfo).port;
  }

  /** Takes no new connections, lets requests end for that long, then cuts all that is left. */
  async close({ drainTimeoutMs }: { readonly drainTimeoutMs: number }): Promise<void> {
    this.#isDraining = true;
    const closed = this.#listeners.map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, drainTimeoutMs);
    await Promise.all(closed);
    clearTimeout(cut);
    this.#server.close();
  }

  #accept(socket: Socket, isSecure: boolean): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // The other side is gone.
    if (!isSecure) return void this.#server.emit('connection', socket);
    // Whoever holds the connection is not who its calls are for: a certificate lets in, and names nobody.
    this.#options.tls?.accept(socket, (secured) => {
      this.#server.emit('connection', secured);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access, surface, pages, onAnswered, onError } = this.#options;
    const began = performance.now();
    response.on('error', () => {}); // As for sockets.
    response.once('close', () => onAnswered(request, response, (performance.now() - began) / 1000));
    // What is open when the gateway is to stop ends with this answer.
    if (this.#isDraining) response.setHeader('Connection', 'close');
    response.once('finish', () => {
      if (this.#isDraining) request.socket.end();
    });
    if (isForeignHost(request, access)) return this.#say(response, foreignHost);
    setCorsHeaders(request, response, access);
    if (request.method === 'OPTIONS') return void response.writeHead(200).end();
    if (surface.handle(request, response)) return;
    const page = Object.hasOwn(pages, request.url ?? '') ? pages[request.url ?? ''] : undefined;
    if (page === undefined) return this.#say(response, notFound);
    if (request.method !== 'GET') return this.#say(response, wrongMethod);
    try {
      this.#say(response, await page());
    } catch (error) {
      onError(error);
      this.#say(response, broken);
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {}); // As for sockets.
    const { access, surface } = this.#options;
    const isRefused = this.#isDraining || isForeignHost(request, access) || isForeignOrigin(request, access);
    if (!isRefused && surface.upgrade(request, socket, head)) return;
    const line = isRefused ? '403 Forbidden' : '404 Not Found';
    socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }

  #say(response: ServerResponse, { status, contentType, body }: PlainAnswer): void {
    response
      .writeHead(status, { 'Content-Type': contentType, 'X-Content-Type-Options': 'nosniff' })
      .end(body);
  }
}

const foreignHost: PlainAnswer = {
  status: 421,
  contentType: plain,
  body: 'The host of this request is not one of those of --host-whitelist. Use https, or add it there.\n',
};
const notFound: PlainAnswer = { status: 404, contentType: plain, body: '404 page not found\n' };
const wrongMethod: PlainAnswer = { status: 405, contentType: plain, body: 'Method Not Allowed\n' };
const broken: PlainAnswer = { status: 500, contentType: plain, body: 'Internal Server Error\n' };
