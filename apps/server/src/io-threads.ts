import {
  IoThreads,
  type ClientPort,
  type GrpcObserver,
  type ListenAddress,
  type MethodTable,
  type ThreadListener,
} from '@quorate/rpc';
import type { TlsObserver } from '@quorate/tls';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Logger } from 'pino';
import { clientLimits } from './client-limits.ts';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';
import type { ThreadTls } from './tls.ts';

/** Beside this file, and like it a source (`.ts`) in the checkout and JavaScript in what is published. */
const threadModule = new URL(`./io-thread${extname(import.meta.url)}`, import.meta.url);

/** What the module of a thread is given. */
export interface ThreadApp {
  readonly tls: ThreadTls['options'] | undefined;
  readonly clientCertAuth: boolean;
}

/** What a thread tells of TLS. Warnings are left out: the policy of the main thread has the same. */
export type TlsEvent =
  | { readonly kind: 'secured'; readonly event: Parameters<NonNullable<TlsObserver['onSecured']>>[0] }
  | { readonly kind: 'refused'; readonly event: Parameters<NonNullable<TlsObserver['onRefused']>>[0] }
  | { readonly kind: 'reloaded'; readonly event: Parameters<NonNullable<TlsObserver['onReloaded']>>[0] }
  | { readonly kind: 'reloadFailed'; readonly message: string };

/** What threads of a member need of it. */
export interface IoThreadParts {
  readonly methods: MethodTable;
  readonly maxReceiveBytes: number;
  readonly maxConnections: number;
  readonly observer: GrpcObserver;
  readonly clientPort: ClientPort;
  readonly tls: ThreadTls | undefined;
  readonly metrics: ConnectionMetrics;
  readonly log: Logger;
  readonly onFatal: (error: unknown) => void;
}

/** Starts the threads of `--io-threads`; undefined when that is 0. @throws ConfigError */
export async function openIoThreads(
  config: ServerConfig,
  parts: IoThreadParts,
): Promise<IoThreads | undefined> {
  const { ioThreads: count, clientCertAuth } = config;
  if (count === 0) return undefined;
  const { methods, maxReceiveBytes, observer, clientPort, tls, metrics, log } = parts;
  const cores = availableParallelism();
  if (count >= cores)
    log.warn({ ioThreads: count, cores }, 'there are not more cores than I/O threads: fewer would be faster');
  const app: ThreadApp = { tls: tls?.options, clientCertAuth };
  return IoThreads.open({
    ...{ count, methods, observer, app },
    module: threadModule,
    grpc: {
      maxReceiveBytes,
      limits: clientLimits(config),
      keepAliveMinTimeMs: config.grpcKeepAliveMinTimeMs,
      keepAliveIntervalMs: config.grpcKeepAliveIntervalMs,
      keepAliveTimeoutMs: config.grpcKeepAliveTimeoutMs,
    },
    port: {
      maxConnections: parts.maxConnections,
      requestTimeoutMs: config.connectionTimeoutMs,
      maxDelayMs: config.maxConnectionDelayMs,
    },
    serveHttp: (socket, connection) => clientPort.serveHttp(socket, connection),
    onConnectionError: (error) => log.debug({ err: error }, 'a client connection failed'),
    onConnectionRefused: metrics.onConnectionRefused,
    onConnectionDelayed: metrics.onConnectionDelayed,
    // `io-thread.ts` sends nothing else.
    onAppEvent: (event) => passOn(event as TlsEvent, tls?.observer ?? {}),
    onFatal: (error) => {
      log.fatal({ err: error }, 'an I/O thread died: the member stops');
      parts.onFatal(error);
    },
  });
}

function passOn(event: TlsEvent, observer: TlsObserver): void {
  switch (event.kind) {
    case 'secured':
      return observer.onSecured?.(event.event);
    case 'refused':
      return observer.onRefused?.(event.event);
    case 'reloaded':
      return observer.onReloaded?.(event.event);
    case 'reloadFailed':
      return observer.onReloadFailed?.({ error: new Error(event.message) });
  }
}

/**
 * Listens on an address with all threads; resolves to the port. Threads share an address in a way that lets other processes
 * of the same user share it, too, so it is made sure before that nobody else is there.
 *
 * @throws as `net.listen`; ConfigError where the system cannot share an address
 */
export async function listenInThreads(
  threads: IoThreads,
  {
    address,
    listener,
    reserved,
  }: {
    readonly address: ListenAddress & { readonly reusePort?: boolean };
    readonly listener: ThreadListener;
    /** Holds the address until the threads listen. */
    readonly reserved: Server | undefined;
  },
): Promise<number> {
  if (reserved === undefined && address.reusePort !== true) await probe(address);
  try {
    const { host } = address;
    const bound = reserved?.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
    return await threads.listen({ host, port }, listener);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTSUP')) throw error;
    throw new ConfigError(
      '--io-threads: threads cannot share a port on this system (it has no SO_REUSEPORT)',
      {
        cause: error,
      },
    );
  } finally {
    reserved?.close();
  }
}

/** @throws as `net.listen` when somebody listens there */
async function probe(address: ListenAddress): Promise<void> {
  const server = createServer().listen(address);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
