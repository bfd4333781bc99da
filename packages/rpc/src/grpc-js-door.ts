import { type ConnectionInjector, type Server, ServerCredentials } from '@grpc/grpc-js';
import { invariant } from '@quorate/std';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream, ServerOptions } from 'node:http2';

/** Takes a stream that has begun. */
export type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

/** What is behind a server of grpc-js that gets its connections from somebody else. */
export interface GrpcJsDoor {
  readonly injector: ConnectionInjector;
  readonly http2: Http2Server;
  /** Its own listener, which no stream reaches any more unless it is called. */
  readonly onStream: StreamListener;
}

/**
 * Opens the HTTP/2 server that grpc-js makes for itself: it has no option for the limits of Node's sessions, and tells
 * nobody of sessions and streams. Two private fields are read here and nowhere else; the version of grpc-js is pinned,
 * and a field that is not as expected ends the start.
 */
export function openGrpcJs(server: Server, options: ServerOptions): GrpcJsDoor {
  const made: unknown = Reflect.get(server, 'commonServerOptions');
  invariant(
    typeof made === 'object' && made !== null,
    'grpc-js makes its HTTP/2 servers from common options',
  );
  Object.assign(made, options);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const servers: unknown = Reflect.get(server, 'http2Servers');
  invariant(servers instanceof Map && servers.size === 1, 'grpc-js keeps its HTTP/2 servers in a map');
  // Made by http2.createServer two lines above.
  const [http2] = servers.keys() as IterableIterator<Http2Server>;
  invariant(http2 !== undefined && http2.listenerCount('stream') === 1, 'grpc-js listens for streams');
  // Node calls listeners of streams so, whatever the type of `listeners` says of them.
  const onStream = http2.listeners('stream')[0] as StreamListener;
  http2.removeAllListeners('stream');
  return { injector, http2, onStream };
}
