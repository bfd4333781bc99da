import {
  request as begin,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { duplexPair, pipeline, type Duplex } from 'node:stream';

/** A connection of HTTP/2, as far as requests over it care. */
export interface RequestOrigin {
  /** Of a certificate that was verified. */
  readonly commonName: string | undefined;
  readonly address: string | undefined;
  readonly isEncrypted: boolean;
}

/** A request over HTTP/2 and its answer, as far as anybody here needs it of one; Node's own streams are such. */
export interface RequestStream extends Duplex {
  readonly headersSent: boolean;
  respond(headers: OutgoingHttpHeaders): void;
  /** Breaks it off, for a reason by its number. */
  close(code: number): void;
  /** Calls back when nothing moved for that long. */
  setTimeout(timeoutMs: number, onIdle: () => void): unknown;
}

/** Whoever serves HTTP/1 over a connection from its first byte on. */
export type ServeHttp1 = (socket: Duplex, identity: { readonly commonName: string | undefined }) => void;

/** Of the head of an answer; ours are far shorter. */
const maxHeaderBytes = 64 * 1024;
/** Fields of a connection, which HTTP/2 does not have (RFC 9113 §8.2.2). */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a request over HTTP/2 is a call of gRPC, as etcd tells them apart. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('application/grpc') === true;
}

/**
 * Answers a request over HTTP/2 as if it had come over HTTP/1.1 on a connection of its own: one server knows routes,
 * limits and timeouts. Both sides wait for each other, and what one of them ends or breaks off ends for the other.
 */
export function serveOverHttp1(
  stream: RequestStream,
  { headers, rawHeaders }: { readonly headers: IncomingHttpHeaders; readonly rawHeaders: readonly string[] },
  { origin, serve }: { readonly origin: RequestOrigin; readonly serve: ServeHttp1 },
): void {
  const [client, server] = duplexPair();
  const request = beginOver(client, headers, rawHeaders);
  if (request === undefined) return refuse(stream);
  for (const side of [client, server]) side.on('error', () => {}); // It closes, which says enough.
  server.once('close', () => {
    // What it had ended well is still to be read.
    if (!server.writableFinished) client.destroy();
  });
  serve(socketOf(server, stream, origin), { commonName: origin.commonName });
  const breakOff = (): void => {
    client.destroy();
    server.destroy();
    if (!stream.closed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  };
  request.once('response', (response) => answer(stream, response, breakOff));
  // The server may have answered and closed before it had all of the request: the answer counts.
  request.on('error', () => {
    if (!stream.headersSent) breakOff();
  });
  stream.once('close', () => {
    client.destroy();
    server.destroy();
  });
  stream.pipe(request);
}

/** Begins the request over HTTP/1; undefined when it says what HTTP/1 cannot, such as a path with a space. */
function beginOver(
  client: Duplex,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): ClientRequest | undefined {
  let request: ClientRequest | undefined;
  try {
    request = begin({
      createConnection: () => client,
      method: headers[':method'] ?? 'GET',
      path: headers[':path'] ?? '/',
      headers: requestHeaders(headers, authorityIn(rawHeaders)),
      maxHeaderSize: maxHeaderBytes,
    });
    // Now, since the answer may come before, or without, a body.
    request.flushHeaders();
    return request;
  } catch {
    request?.on('error', () => {}).destroy();
    return undefined;
  }
}

function refuse(stream: RequestStream): void {
  stream.respond({ ':status': 400 });
  stream.end();
  // What comes of it is nobody's.
  stream.resume();
}

function answer(stream: RequestStream, response: IncomingMessage, breakOff: () => void): void {
  if (stream.closed || stream.destroyed) return void response.destroy();
  stream.respond(responseHeaders(response));
  pipeline(response, stream, (error) => {
    if (error) breakOff();
    // What is still to come of the request is nobody's.
    else if (!stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

/** Makes a stream look as much like a socket as Node's HTTP server, and whoever answers, look at it. */
function socketOf(server: Duplex, stream: RequestStream, { address, isEncrypted }: RequestOrigin): Duplex {
  return Object.assign(server, {
    remoteAddress: address,
    ...(isEncrypted && { encrypted: true }),
    setTimeout: (timeoutMs: number): Duplex => {
      stream.setTimeout(timeoutMs, () => server.emit('timeout'));
      return server;
    },
  });
}

function requestHeaders(headers: IncomingHttpHeaders, authority: string | undefined): OutgoingHttpHeaders {
  const taken = Object.entries(headers).filter(([name]) => !name.startsWith(':') && !ofConnection.has(name));
  const host = authority ?? headers.host ?? '';
  const hasBody =
    headers['content-length'] !== undefined || headers[':method'] === 'POST' || headers[':method'] === 'PUT';
  return {
    ...Object.fromEntries(taken),
    host,
    ...(hasBody && headers['content-length'] === undefined && { 'transfer-encoding': 'chunked' }),
  };
}

function responseHeaders({ statusCode, headers }: IncomingMessage): OutgoingHttpHeaders {
  const taken = Object.entries(headers).filter(([name]) => !ofConnection.has(name));
  return { ...Object.fromEntries(taken), ':status': statusCode };
}

/** As the client sent it: the guard of connections puts a name of its own in the place of the parsed one. */
function authorityIn(rawHeaders: readonly string[]): string | undefined {
  const at = rawHeaders.findIndex((text, index) => index % 2 === 0 && text === ':authority');
  return at === -1 ? undefined : rawHeaders[at + 1];
}
