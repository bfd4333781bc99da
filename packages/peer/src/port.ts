import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Whoever answers requests to the peer port; a `PeerTransport` does. */
export interface PeerHandler {
  handle(request: IncomingMessage, response: ServerResponse): void;
}

export interface PeerPortOptions {
  /** For the head of a request to arrive, from the opening of the connection. */
  readonly headersTimeoutMs?: number;
  /** How long a connection may stay open between two requests. */
  readonly idleTimeoutMs?: number;
  readonly onConnectionError?: (error: Error) => void;
}

/** Where to listen. */
export type PeerListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * The listeners of the peer URLs. A member listens before it knows who it is, so that others find somebody there;
 * until `serve` they are told to come back later.
 */
export class PeerPort implements AsyncDisposable {
  readonly #options: Required<Omit<PeerPortOptions, 'onConnectionError'>> & PeerPortOptions;
  readonly #servers = new Set<Server>();
  #handler: PeerHandler | undefined;

  constructor(options: PeerPortOptions = {}) {
    this.#options = { headersTimeoutMs: 10_000, idleTimeoutMs: 5_000, ...options };
  }

  /** Listens on one more address; resolves to the port (0 picks one). @throws as `net.listen` */
  async listen(address: PeerListenAddress): Promise<number> {
    const { headersTimeoutMs, idleTimeoutMs, onConnectionError } = this.#options;
    const server = createServer({
      noDelay: true,
      keepAlive: true,
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
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => onConnectionError?.(error));
    this.#servers.add(server);
    const bound: AddressInfo | string | null = server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : 0;
  }

  /** From here on the handler answers. */
  serve(handler: PeerHandler): void {
    this.#handler = handler;
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    const servers = [...this.#servers];
    this.#servers.clear();
    await Promise.all(
      servers.map(async (server) => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeAllConnections();
        await closed;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#handler !== undefined) return this.#handler.handle(request, response);
    response.on('error', () => {});
    response
      .writeHead(503, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
      .end('not started yet\n');
  }
}
