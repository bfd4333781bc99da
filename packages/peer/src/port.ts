import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createListener,
  type AddressInfo,
  type Server as Listener,
  type Socket,
} from 'node:net';

/** Whoever answers requests to the peer port; a `PeerTransport` does. */
export interface PeerHandler {
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/** Bounds on those who connect. Times are in milliseconds: 10,000 for a head and 5,000 between requests when left out. */
export interface PeerPortOptions {
  /** For the head of a request to arrive, from the opening of the connection. */
  readonly headersTimeoutMs?: number;
  /** How long a connection may stay open between two requests. */
  readonly idleTimeoutMs?: number;
  /** Connections that each listener has at the same time; more are closed at once. No limit when it is left out. */
  readonly maxConnections?: number;
  readonly onConnectionError?: (error: Error) => void;
}

/** Does the TLS handshake on a socket, and hands over the secured one; what else a certificate says is of no use here. */
export type SecurePeerSocket = (socket: Socket, onSecure: (socket: Socket) => void) => void;

/** How a listener takes connections. */
export interface PeerListener {
  /** TLS; without it there is none. */
  readonly secure?: SecurePeerSocket | undefined;
}

/** Of the head of a request; more is answered with 431. */
const maxHeaderBytes = 16 * 1024;

/** Where to listen. */
export type PeerListenAddress =
  { readonly host: string; readonly port: number; readonly reusePort?: boolean } | { readonly path: string };

/**
 * The listeners of the peer URLs. A member listens before it knows who it is, so that others find somebody there;
 * until `serve` they are told to come back later.
 */
export class PeerPort implements AsyncDisposable {
  readonly #options: Required<Pick<PeerPortOptions, 'headersTimeoutMs' | 'idleTimeoutMs'>> & PeerPortOptions;
  readonly #servers = new Set<Server>();
  readonly #listeners = new Set<Listener>();
  /** Those with TLS: the server knows of them only after the handshake. */
  readonly #sockets = new Set<Socket>();
  #handler: PeerHandler | undefined;

  constructor(options: PeerPortOptions = {}) {
    this.#options = { headersTimeoutMs: 10_000, idleTimeoutMs: 5_000, ...options };
  }

  /** Listens on one more address; resolves to the port (0 picks one). @throws as `net.listen` */
  async listen(address: PeerListenAddress, { secure }: PeerListener = {}): Promise<number> {
    const { onConnectionError, maxConnections } = this.#options;
    const server = this.#newServer();
    const listener = secure === undefined ? server : this.#listenerOf(server, secure);
    if (maxConnections !== undefined) listener.maxConnections = maxConnections;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(address, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    listener.on('error', (error) => onConnectionError?.(error));
    this.#servers.add(server);
    this.#listeners.add(listener);
    const bound: AddressInfo | string | null = listener.address();
    return bound !== null && typeof bound === 'object' ? bound.port : 0;
  }

  /** From here on the handler answers. */
  serve(handler: PeerHandler): void {
    this.#handler = handler;
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    const closed = listeners.map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    for (const server of this.#servers) {
      server.closeAllConnections();
      // One that does not listen itself still has a timer.
      server.close();
    }
    this.#servers.clear();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #newServer(): Server {
    const { headersTimeoutMs, idleTimeoutMs, onConnectionError } = this.#options;
    const server = createServer({
      noDelay: true,
      keepAlive: true,
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      // A snapshot takes as long as it takes; whoever reads a body watches that it goes on.
      requestTimeout: 0,
      keepAliveTimeout: idleTimeoutMs,
      connectionsCheckingInterval: Math.max(50, headersTimeoutMs / 4),
    });
    server.on('request', (request, response) => this.#handle(request, response));
    server.on('clientError', (error, socket) => {
      onConnectionError?.(error);
      socket.destroy();
    });
    return server;
  }

  /** A listener whose connections come to the server when they are secured. */
  #listenerOf(server: Server, secure: SecurePeerSocket): Listener {
    // Node looks for slow requests only in servers that listen; this one is given its connections.
    server.emit('listening');
    return createListener({ noDelay: true, keepAlive: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      secure(socket, (secured) => server.emit('connection', secured));
    });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#handler !== undefined) return this.#handler.handle(request, response);
    response.on('error', () => {});
    response
      .writeHead(503, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
      .end('not started yet\n');
  }
}
