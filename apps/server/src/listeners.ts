import { PeerPort } from '@quorate/peer';
import type { ClientListener, ClientPort, IoThreads, ThreadListener } from '@quorate/rpc';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Logger } from 'pino';
import { addressOf, listenOn, type SocketOptions } from './addresses.ts';
import type { ServerConfig } from './config/schema.ts';
import { isSecure } from './config/tls-checks.ts';
import { listenInThreads } from './io-threads.ts';
import { withNames } from './client-identity.ts';
import { connectionsByOpenFiles } from './open-files.ts';
import type { MemberTls } from './tls.ts';

/** How many connections clients, or members, may have at once. */
export function maxConnectionsOf({ maxConnections }: ServerConfig): number {
  return maxConnections > 0 ? maxConnections : connectionsByOpenFiles();
}

function socketOptionsOf({ socketReusePort }: ServerConfig): SocketOptions {
  return { reusePort: socketReusePort };
}

/** Listens for members, before anything else is known. @throws ConfigError */
export async function openPeerPort(
  config: ServerConfig,
  { tls, log }: { readonly tls: MemberTls; readonly log: Logger },
): Promise<PeerPort> {
  const { peers } = tls;
  const port = new PeerPort({
    headersTimeoutMs: config.connectionTimeoutMs,
    maxConnections: maxConnectionsOf(config),
    onConnectionError: (error) => log.debug({ err: error }, 'a connection of a member failed'),
  });
  try {
    await listenOn(
      '--listen-peer-urls',
      config.listenPeerUrls,
      (address, url) =>
        port.listen(address, {
          secure: isSecure(url) ? (socket, onSecure) => peers?.accept(socket, onSecure) : undefined,
        }),
      socketOptionsOf(config),
    );
    return port;
  } catch (error) {
    await port.close();
    throw error;
  }
}

/** Listens on `--listen-metrics-urls`: health is asked also of a member that serves no clients yet. @throws ConfigError */
export async function listenForMetrics(
  port: ClientPort,
  config: ServerConfig,
  tls: MemberTls,
): Promise<void> {
  await listenOn(
    '--listen-metrics-urls',
    config.listenMetricsUrls,
    (address, url) => port.listen(address, { serves: 'metrics', ...securityOf([url], config, tls) }),
    socketOptionsOf(config),
  );
}

/** Listens for clients; the ports are those of `--listen-client-urls`, in their order. @throws ConfigError */
export async function listenForClients(
  port: ClientPort,
  config: ServerConfig,
  {
    tls,
    reserved,
    threads,
  }: {
    readonly tls: MemberTls;
    readonly reserved?: ReservedPorts | undefined;
    /** They listen on `--listen-client-urls`, except on socket files. */
    readonly threads?: IoThreads | undefined;
  },
): Promise<readonly number[]> {
  const { listenClientUrls: urls, listenClientHttpUrls: httpUrls } = config;
  const open = async (flag: string, ofFlag: readonly string[], serves: ClientListener['serves']) => {
    const ports = new Map<string, number>();
    return listenOn(
      flag,
      ofFlag,
      async (address, url) => {
        // With and without TLS on one address is one listener.
        const sameAddress = ofFlag.filter((other) => keyOf(other) === keyOf(url));
        const listen = (): Promise<number> => {
          const isForThreads = threads !== undefined && ofFlag === urls && 'port' in address;
          if (!isForThreads) {
            const security = securityOf(sameAddress, config, tls);
            return port.listen(reserved?.get(url) ?? address, { serves, ...security });
          }
          const listener = { serves, tls: tlsOn(sameAddress) };
          return listenInThreads(threads, { address, listener, reserved: reserved?.get(url) });
        };
        const bound = ports.get(keyOf(url)) ?? (await listen());
        ports.set(keyOf(url), bound);
        return bound;
      },
      socketOptionsOf(config),
    );
  };
  const ports = await open('--listen-client-urls', urls, httpUrls.length > 0 ? 'grpc' : 'all');
  await open('--listen-client-http-urls', httpUrls, 'http');
  return ports;
}

/** Ports that are bound and serve nobody yet, by the URLs with which they are listened on. */
export type ReservedPorts = ReadonlyMap<string, Server>;

/**
 * Binds the URLs with port 0 to ports that are free, so that the member can tell its clients' URLs before it serves
 * them. Whoever connects before `listenForClients` is turned away.
 *
 * @returns the URLs with their ports, and what is bound; its owner closes it unless `listenForClients` took it
 * @throws ConfigError
 */
export async function reservePorts(
  urls: readonly string[],
  { reusePort = false }: SocketOptions = {},
): Promise<{ readonly urls: readonly string[]; readonly reserved: ReservedPorts }> {
  const reserved = new Map<string, Server>();
  try {
    const bound = await listenOn('--listen-client-urls', urls, async (address, url) => {
      if ('path' in address || address.port !== 0) return url;
      const server = createServer((socket) => socket.destroy()).listen({ ...address, reusePort });
      await once(server, 'listening');
      const own = url.replace(/:0$/, `:${portOf(server)}`);
      reserved.set(own, server);
      return own;
    });
    return { urls: bound, reserved };
  } catch (error) {
    giveBack(reserved);
    throw error;
  }
}

/** Closes ports that nobody took over. */
export function giveBack(reserved: ReservedPorts): void {
  for (const server of reserved.values()) server.close();
}

function portOf(server: Server): number {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a port');
  return bound.port;
}

/** Whether an address that these URLs name has TLS. */
function tlsOn(urls: readonly string[]): ThreadListener['tls'] {
  if (!urls.some(isSecure)) return 'never';
  return urls.every(isSecure) ? 'always' : 'optional';
}

/** What TLS there is on an address that these URLs name. */
function securityOf(
  urls: readonly string[],
  { clientCertAuth }: ServerConfig,
  { clients }: MemberTls,
): Pick<ClientListener, 'secure' | 'alsoCleartext'> {
  if (!urls.some(isSecure)) return {};
  return {
    alsoCleartext: !urls.every(isSecure),
    secure: clients && withNames(clients, { clientCertAuth }),
  };
}

/** The same for URLs with one address. */
function keyOf(url: string): string {
  return JSON.stringify(addressOf(url));
}
