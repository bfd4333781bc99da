import { systemClock, type Clock } from '@quorate/std';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Connections, type ConnectionRefusal } from './connections.ts';
import { onFirstBytes, type Spoken } from './first-bytes.ts';
import type { GrpcTransport } from './grpc-server.ts';
import type { HttpAccess } from './http-access.ts';
import { serveOverHttp1 } from './http2-requests.ts';
import { HttpFront, type HttpConnections, type HttpHandler, type HttpScope } from './http-front.ts';
import type { HttpSurface } from './http-surface.ts';
import { Offenders } from './offenders.ts';
import { startReading, stopReading } from './reading.ts';

/** Does the TLS handshake on a socket, and hands over the secured one with what its certificate has proved. */
export type SecureSocket = (
  socket: Socket,
  onSecure: (socket: TLSSocket, identity: { readonly commonName: string | undefined }) => void,
) => void;

/** What a listener serves, and how. */
export interface ClientListener {
  /** `all` is gRPC and HTTP on one port; `metrics` is HTTP of metrics and health. */
  readonly serves: 'all' | 'grpc' | 'http' | 'metrics';
  /** TLS; without it there is none. */
  readonly secure?: SecureSocket | undefined;
  /** Whether connections without TLS are taken beside those with it. */
  readonly alsoCleartext?: boolean;
}

/** Who answers on a client port, and how long and how often it may be asked. Times are in milliseconds. */
export interface ClientPortOptions {
  readonly grpc: GrpcTransport;
  /**
   * Answers HTTP requests that `api` does not: of a member, an `HttpSurface`. Or whoever takes connections of HTTP whole, in
   * the place of all that is said here of HTTP.
   */
  readonly http: Pick<HttpSurface, 'answer'> | HttpFronts;
  /** Answers HTTP requests on paths of its own, beside the surface; nobody when it is left out. */
  readonly api?: HttpHandler | undefined;
  /** Which hosts and origins HTTP is for; all when it is left out. */
  readonly access?: HttpAccess;
  /** Connections of all listeners together; 10,000 when it is left out. */
  readonly maxConnections?: number;
  /** Of them, those that have said nothing useful yet. */
  readonly maxWaiting?: number;
  /** For a new connection to say what it speaks, and for each HTTP request to be complete. */
  readonly requestTimeoutMs?: number;
  /**
   * The longest time that a new connection waits until it is served, when many from its address were cut, or ended before
   * they asked for anything; 0 is none.
   */
  readonly maxDelayMs?: number;
  readonly clock?: Clock;
  /**
   * What answers HTTP has thrown, asked for `path`: a bug, or a failure of this machine. The client was told no more than that.
   * Never called where `http` takes connections whole.
   */
  readonly onInternalError?: ((path: string, error: unknown) => void) | undefined;
  readonly onConnectionError?: (error: Error) => void;
  readonly onConnectionRefused?: (reason: ConnectionRefusal) => void;
  /** A new connection has to wait, for what others from its address have done. */
  readonly onConnectionDelayed?: () => void;
}

/** Whoever serves HTTP, where everything is served and where only metrics and health are. */
export type HttpFronts = Readonly<Record<HttpScope, HttpConnections>>;

const defaults = {
  access: { hosts: ['*'], origins: ['*'] },
  maxConnections: 10_000,
  maxWaiting: 4_096,
  requestTimeoutMs: 10_000,
  maxDelayMs: 1_000,
  clock: systemClock,
} as const satisfies Partial<ClientPortOptions>;

/** Addresses of which is remembered what they did. */
const offendersMax = 4_096;

type Settings = ClientPortOptions & Required<Pick<ClientPortOptions, keyof typeof defaults>>;

/**
 * The ports of a member for its clients. On one port for gRPC and HTTP, as etcd's, it looks at the first bytes of a
 * connection, after the handshake where there is TLS, then hands the socket whole to grpc-js or to Node's HTTP server.
 * HTTP/2 may carry both: what is no call of gRPC is passed on to the HTTP server, request by request.
 */
export class ClientPort implements AsyncDisposable {
  readonly #options: Settings;
  readonly #listeners: Server[] = [];
  readonly #connections: Connections;
  readonly #offenders: Offenders;
  readonly #fronts: HttpFronts;

  constructor(options: ClientPortOptions) {
    const complete: Settings = { ...defaults, ...options };
    const { maxConnections, maxWaiting, requestTimeoutMs, access, clock } = complete;
    this.#options = complete;
    this.#connections = new Connections(
      { max: maxConnections, maxWaiting, firstRequestTimeoutMs: requestTimeoutMs },
      (reason) => options.onConnectionRefused?.(reason),
      clock,
    );
    this.#offenders = new Offenders({ delayMsMax: complete.maxDelayMs, addressesMax: offendersMax });
    if ('all' in options.http) this.#fronts = options.http;
    else {
      const { http: surface, onInternalError } = options;
      const front = { surface, access, requestTimeoutMs, onInternalError };
      this.#fronts = {
        all: new HttpFront({ ...front, api: options.api, scope: 'all' }),
        metrics: new HttpFront({ ...front, scope: 'metrics' }),
      };
    }
  }

  /** Connections that are open, and those among them that have said nothing useful yet. */
  get connections(): { readonly open: number; readonly waiting: number } {
    return { open: this.#connections.open, waiting: this.#connections.waiting };
  }

  /** Addresses that are remembered for what their connections did. */
  get offenders(): number {
    return this.#offenders.count;
  }

  /**
   * Listens on an address or a unix socket path, or takes over a server that listens already; resolves to the port
   * (0 picks one). With `reusePort` others may listen there, too. @throws as `net.listen`
   */
  async listen(
    address:
      | { readonly host: string; readonly port: number; readonly reusePort?: boolean }
      | { readonly path: string }
      | Server,
    options: ClientListener = { serves: 'all' },
  ): Promise<number> {
    // A client of HTTP/1 may say all it has to say and close its side: it gets its answer.
    const settings = { noDelay: true, allowHalfOpen: true };
    const listener = createServer(settings, (socket) => this.#accept(socket, options));
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(address, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    // Such as too many open files: the listener goes on when there are fewer.
    listener.on('error', (error) => this.#options.onConnectionError?.(error));
    this.#listeners.push(listener);
    const bound: AddressInfo | string | null = listener.address();
    return bound !== null && typeof bound === 'object' ? bound.port : 0;
  }

  /** Serves HTTP/1 on a connection that somebody else has accepted, and looks after. */
  serveHttp(
    socket: Duplex,
    { scope, commonName }: { readonly scope: HttpScope; readonly commonName: string | undefined },
  ): void {
    this.#fronts[scope].serve(socket, { commonName });
  }

  /** Accepts no more, lets calls finish for that long, then cuts every connection. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    const closed = this.#listeners.map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    const fronts = Object.values(this.#fronts);
    for (const front of fronts) front.closeIdle();
    await this.#options.grpc.stop(options);
    this.#connections.destroyAll();
    for (const front of fronts) front.close();
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ graceMs: 0 });
  }

  #accept(socket: Socket, listener: ClientListener): void {
    socket.on('error', (error) => this.#options.onConnectionError?.(error));
    if (!this.#connections.admit(socket)) return;
    // Asked for now: a socket forgets it when it is closed.
    const { remoteAddress } = socket;
    const { clock } = this.#options;
    const visit: Visit = {
      listener,
      hasAsked: false,
      onOffence: () => this.#offenders.blame(remoteAddress, clock.now()),
    };
    socket.once('close', () => {
      if (!visit.hasAsked) visit.onOffence();
    });
    const delayMs = this.#offenders.admit(remoteAddress, clock.now());
    if (delayMs === 0) return this.#welcome(socket, visit);
    this.#options.onConnectionDelayed?.();
    stopReading(socket);
    clock.after(delayMs, () => {
      if (socket.destroyed) return;
      startReading(socket);
      this.#welcome(socket, visit);
    });
  }

  #welcome(socket: Socket, visit: Visit): void {
    const { secure, alsoCleartext = false } = visit.listener;
    const settle = (): void => {
      visit.hasAsked = true;
      this.#connections.settle(socket);
    };
    const handshake = (): void =>
      secure?.(socket, (secured, { commonName }) => {
        onFirstBytes(secured, (spoken) => {
          settle();
          // Without that protocol agreed on, HTTP/2 over TLS is none (RFC 9113 §3.2).
          const isHttp2 = secured.alpnProtocol === 'h2';
          if (isHttp2 === (spoken === 'http2')) this.#serve(secured, spoken, visit, commonName);
          else secured.destroy();
        });
      });
    if (secure !== undefined && !alsoCleartext) handshake();
    else {
      onFirstBytes(socket, (spoken) => {
        if (spoken === 'tls' && secure !== undefined) return handshake();
        settle();
        this.#serve(socket, spoken, visit, undefined);
      });
    }
  }

  #serve(socket: Socket, spoken: Spoken, visit: Visit, commonName: string | undefined): void {
    const { serves } = visit.listener;
    if (spoken === 'http2') this.#serveHttp2(socket, visit, commonName);
    else if (serves === 'grpc') socket.destroy();
    // What is neither gets an answer of HTTP's that says so.
    else this.#frontOf(serves).serve(socket, { commonName, address: socket.remoteAddress });
  }

  #serveHttp2(socket: Socket, { listener, onOffence }: Visit, commonName: string | undefined): void {
    const { serves } = listener;
    socket.allowHalfOpen = false;
    if (serves === 'grpc') return this.#options.grpc.serve(socket, { commonName, onOffence });
    const front = this.#frontOf(serves);
    const origin = { commonName, address: socket.remoteAddress, isEncrypted: 'encrypted' in socket };
    this.#options.grpc.serve(socket, {
      commonName,
      onOffence,
      takesCalls: serves === 'all',
      onRequest: (stream, headers, _flags, rawHeaders) =>
        serveOverHttp1(
          stream,
          { headers, rawHeaders },
          {
            origin,
            serve: (inner, identity) => front.serve(inner, { ...identity, address: origin.address }),
          },
        ),
    });
  }

  #frontOf(serves: 'all' | 'http' | 'metrics'): HttpConnections {
    return this.#fronts[serves === 'metrics' ? 'metrics' : 'all'];
  }
}

/** A connection from its beginning until it is known what it wants. */
interface Visit {
  readonly listener: ClientListener;
  hasAsked: boolean;
  readonly onOffence: () => void;
}
