import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { GrpcServer } from './grpc-server.ts';
import type { HttpSurface } from './http-surface.ts';

/** The first bytes of every HTTP/2 connection without TLS (RFC 9113 §3.4); no HTTP/1 request begins so. */
const http2Preface = Buffer.from('PRI * HTTP/2.0');
/** How long a new connection may say nothing before it is closed. */
const firstBytesTimeoutMs = 300_000;

export interface ClientPortOptions {
  readonly grpc: GrpcServer;
  readonly http: HttpSurface;
  readonly onConnectionError?: (error: Error) => void;
}

/**
 * One port for gRPC and HTTP, as etcd's: looks at the first bytes of a connection, then hands the socket
 * whole to grpc-js or to Node's HTTP server.
 */
export class ClientPort implements AsyncDisposable {
  readonly #options: ClientPortOptions;
  readonly #listeners: Server[] = [];
  readonly #http: HttpServer;
  readonly #sockets = new Set<Socket>();

  constructor(options: ClientPortOptions) {
    this.#options = options;
    this.#http = createHttpServer((request, response) => void this.#answer(request, response));
  }

  /** Listens on an address or a unix socket path; resolves to the port (0 picks one). @throws as `net.listen` */
  async listen(
    address: { readonly host: string; readonly port: number } | { readonly path: string },
  ): Promise<number> {
    const listener = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(address, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    this.#listeners.push(listener);
    const bound: AddressInfo | string | null = listener.address();
    return bound !== null && typeof bound === 'object' ? bound.port : 0;
  }

  /** Accepts no more, lets calls finish for that long, then cuts every connection. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    const closed = this.#listeners.map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    this.#http.closeIdleConnections();
    await this.#options.grpc.stop(options);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ graceMs: 0 });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => this.#options.onConnectionError?.(error));
    socket.setTimeout(firstBytesTimeoutMs, () => socket.destroy());
    let seen = Buffer.alloc(0);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      seen = Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, http2Preface.length);
      const isHttp2 = seen.compare(http2Preface, 0, length, 0, length) === 0;
      if (isHttp2 && length < http2Preface.length) return;
      socket.off('readable', onReadable);
      socket.setTimeout(0);
      socket.unshift(seen);
      if (isHttp2) this.#options.grpc.serve(socket);
      else this.#http.emit('connection', socket);
    };
    socket.on('readable', onReadable);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#options.http.answer(request.method ?? 'GET', request.url ?? '/');
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch (error) {
      response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${String(error)}\n`);
    }
  }
}
