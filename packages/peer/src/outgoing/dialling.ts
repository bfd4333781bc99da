import {
  Agent,
  request as httpRequest,
  type AgentOptions,
  type ClientRequest,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { TLSSocket, type ConnectionOptions } from 'node:tls';
import { PeerError } from '../errors.ts';

/** What dialling with TLS needs: the policy for connections that this member opens. */
export interface PeerTls {
  /** Options for a connection to that host, as its files are now. */
  connectOptions(host: string): ConnectionOptions;
}

/** Connections kept between requests, those with TLS apart. */
export class ConnectionPool {
  readonly #http: Agent;
  readonly #https: HttpsAgent;

  constructor(options: AgentOptions) {
    this.#http = new Agent({ ...options, keepAlive: true });
    // No session is resumed: each connection sees the certificate of the other side, and what became of it.
    this.#https = new HttpsAgent({ ...options, keepAlive: true, maxCachedSessions: 0 });
  }

  of(isSecure: boolean): Agent {
    return isSecure ? this.#https : this.#http;
  }

  destroy(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** How a URL is dialled. */
export interface DialOptions {
  /** Connections to use again; a new one for each request when it is left out. */
  readonly pool?: ConnectionPool | undefined;
  /** For URLs with TLS. */
  readonly tls?: PeerTls | undefined;
  /** The address of this machine that the connection comes from; the system chooses when it is left out. */
  readonly localAddress?: string | undefined;
}

/**
 * Begins a request to a path below a peer URL: `http`, `https`, and the same over sockets, `unix` and `unixs`.
 *
 * @throws PeerError for a URL of another kind
 */
export function dial(
  baseUrl: string,
  options: RequestOptions & { readonly path: string },
  { pool, tls, localAddress }: DialOptions,
): ClientRequest {
  const target = targetOf(baseUrl);
  if (target === undefined || (target.isSecure && tls === undefined)) {
    throw new PeerError('PEER_UNREACHABLE', { reason: `no way to reach ${baseUrl}` });
  }
  const complete = {
    ...{ ...options, ...target.address, agent: pool?.of(target.isSecure) ?? false },
    ...(localAddress !== undefined && canReach(localAddress, target) && { localAddress }),
  };
  if (!target.isSecure || tls === undefined) return httpRequest(complete);
  return httpsRequest({ ...complete, ...tls.connectOptions(target.host) });
}

/** Not from an address of the other family: what a name stands for, the system has to find out. */
function canReach(localAddress: string, { address }: Target): boolean {
  if ('socketPath' in address) return false;
  return isIP(address.host) === 0 || isIP(address.host) === isIP(localAddress);
}

/** The event that says that the connection of a request is there, TLS included; undefined when it is. */
export function connectedEvent(
  request: ClientRequest,
  socket: Socket,
): 'connect' | 'secureConnect' | undefined {
  if (request.reusedSocket) return undefined;
  if (socket instanceof TLSSocket) return 'secureConnect';
  return socket.connecting ? 'connect' : undefined;
}

interface Target {
  readonly isSecure: boolean;
  /** Whom the certificate has to be for. */
  readonly host: string;
  readonly address: { readonly socketPath: string } | { readonly host: string; readonly port: number };
}

function targetOf(baseUrl: string): Target | undefined {
  const [, scheme, socketPath] = /^(unixs?):\/\/(.+)$/.exec(baseUrl) ?? [];
  if (socketPath !== undefined) {
    // `unixs://localhost:m1` names a host beside the file; a bare path names none, and can only be on this machine.
    const [, host = 'localhost'] = /^([^/:]+):[^/]*$/.exec(socketPath) ?? [];
    return { isSecure: scheme === 'unixs', host, address: { socketPath } };
  }
  const url = URL.parse(baseUrl);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined;
  const isSecure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { isSecure, host, address: { host, port: Number(url.port) || (isSecure ? 443 : 80) } };
}
