import { systemClock, type Clock } from '@quorate/std';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RestBackend } from './backend.ts';
import { OpenCall } from './call.ts';
import { isEventStream } from './event-stream.ts';
import { failureOf, type RestSettings } from './exchange.ts';
import { openApi } from './openapi.ts';
import { Reply } from './reply.ts';
import { findRoute, isRestPath, type Route } from './routes.ts';
import { code, RestError, toRestError } from './status.ts';
import { serveStream } from './stream.ts';
import { serveUnary } from './unary.ts';
import { WebSockets } from './web-sockets.ts';

/** How a surface answers. */
export interface RestOptions {
  readonly backend: RestBackend;
  /** Largest message, in protobuf's bytes; as JSON it may be twice as long. 2 MiB when it is left out. */
  readonly maxMessageBytes?: number;
  /** Streams and WebSockets at once, of all clients; 10,000 when it is left out. More are refused. */
  readonly maxStreams?: number;
  /** How long a client of a stream may take nothing of it; a minute when it is left out. */
  readonly stallTimeoutMs?: number;
  /** How often it is made sure that a WebSocket's client is still there; half a minute when it is left out. */
  readonly pingIntervalMs?: number;
  /** Version of the server, for the document of the API. */
  readonly version?: string;
  readonly clock?: Clock;
  /** Told what no client is told: a bug, or a failure of the machine. */
  readonly onInternalError?: (path: string, error: unknown) => void;
}

const defaults = {
  maxMessageBytes: 2 * 1024 * 1024,
  maxStreams: 10_000,
  stallTimeoutMs: 60_000,
  pingIntervalMs: 30_000,
  version: 'unknown',
  clock: systemClock,
  onInternalError: () => {},
} as const satisfies Partial<RestOptions>;

/**
 * etcd's API as JSON over HTTP/1.1: each method with a route, as a request, a stream or a WebSocket. It knows requests
 * and responses of Node's, but neither listens nor decides who may connect.
 */
export class RestSurface {
  readonly #settings: RestSettings;
  readonly #sockets: WebSockets;
  #openStreams = 0;

  constructor(options: RestOptions) {
    this.#settings = { ...defaults, ...options };
    this.#sockets = new WebSockets(this.#settings);
  }

  /** Streams and WebSockets that are open. */
  get openStreams(): number {
    return this.#openStreams;
  }

  /** Answers a request; false when its path is somebody else's, and nothing was done. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const target = targetOf(request);
    if (target?.pathname === '/openapi.json' && request.method === 'GET') {
      new Reply(request, response).json(200, openApi(this.#settings.version));
      return true;
    }
    if (target === undefined || !isRestPath(target.pathname)) return false;
    void this.#answer(target, request, new Reply(request, response));
    return true;
  }

  /** Takes a WebSocket; false when its path is somebody else's, and nothing was done. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const target = targetOf(request);
    if (target === undefined || !isRestPath(target.pathname)) return false;
    if (this.#openStreams >= this.#settings.maxStreams) {
      socket.end('HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return true;
    }
    this.#openStreams++;
    socket.once('close', () => this.#openStreams--);
    this.#sockets.serve(findRoute(target.pathname), target.query, { request, socket, head });
    return true;
  }

  async #answer({ pathname, query }: Target, request: IncomingMessage, reply: Reply): Promise<void> {
    const settings = this.#settings;
    try {
      const route = routeOf(pathname, request);
      using call = new OpenCall(request.headers, {
        address: request.socket.remoteAddress,
        clock: settings.clock,
      });
      reply.onClose(() => call.cancel());
      const exchange = { route, request, call, settings, query };
      try {
        if (route.method.serverStreams) await this.#counted(() => serveStream(exchange, reply));
        else await serveUnary(exchange, reply);
      } catch (error) {
        throw failureOf(error, exchange);
      }
    } catch (error) {
      // All others were told of already, or are the client's.
      if (!(error instanceof RestError)) settings.onInternalError(pathname, error);
      reply.fail(toRestError(error));
      // What the client may still say is passed over, so that it reads the answer.
      request.resume();
    }
  }

  async #counted(serve: () => Promise<void>): Promise<void> {
    if (this.#openStreams >= this.#settings.maxStreams) {
      throw new RestError(code.RESOURCE_EXHAUSTED, 'too many open streams');
    }
    this.#openStreams++;
    try {
      await serve();
    } finally {
      this.#openStreams--;
    }
  }
}

/** @throws RestError when a request leads nowhere */
function routeOf(pathname: string, request: IncomingMessage): Route {
  const route = findRoute(pathname);
  if (route === undefined) throw new RestError(code.NOT_FOUND, 'Not Found');
  // Browsers ask for event streams by GET only.
  const mayGet = route.method.serverStreams && isEventStream(request);
  if (request.method === 'POST' || (mayGet && request.method === 'GET')) return route;
  throw new RestError(code.UNIMPLEMENTED, 'Method Not Allowed');
}

interface Target {
  readonly pathname: string;
  readonly query: URLSearchParams;
}

/** The path, decoded but otherwise as it is, and the query; undefined for what is no path. */
function targetOf({ url = '' }: IncomingMessage): Target | undefined {
  const [path = '', ...rest] = url.split('?');
  if (!path.startsWith('/')) return undefined;
  try {
    return { pathname: decodeURIComponent(path), query: new URLSearchParams(rest.join('?')) };
  } catch {
    return undefined;
  }
}
