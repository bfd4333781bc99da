import type { Clock, Random } from '@quorate/std';
import type { NamedFile } from '@quorate/tls';
import { TcpGatewayError } from './tcp-gateway-errors.ts';

/** A member that connections are passed on to. */
export interface TcpEndpoint {
  readonly host: string;
  readonly port: number;
  /** As in SRV records (RFC 2782): those of the lowest priority are used, by weight; left out, 0. */
  readonly priority?: number;
  readonly weight?: number;
}

/** What endpoints have to show before connections are passed on to them. */
export interface EndpointProof {
  /** Authorities of their certificates; those of the system when it is left out. Read anew when it changes. */
  readonly trustedCa?: NamedFile | undefined;
  /** The name in their certificates; left out, the host of each. */
  readonly serverName?: string | undefined;
}

/** Told of what an operator may want to know. None of it may throw. */
export interface TcpGatewayObserver {
  /** An endpoint is set aside, and tried again after that time. */
  onEndpointDown?(event: {
    readonly endpoint: string;
    readonly reason: string;
    readonly retryDelayMs: number;
  }): void;
  /** One that was set aside is used again. */
  onEndpointUp?(event: { readonly endpoint: string }): void;
  /** A connection was closed at once: no endpoint is up, or there are too many connections. Told every ten seconds at most. */
  onRefused?(event: { readonly reason: string }): void;
  /** This machine could not do what it was asked to, such as opening one more socket. Told as rarely. */
  onLocalError?(error: Error): void;
}

/** How a gateway is made. */
export interface TcpGatewayOptions {
  /** `host:port`; port 0 picks one. Default `127.0.0.1:23790`. */
  readonly listenAddress?: string;
  readonly endpoints: readonly TcpEndpoint[];
  /** How long an endpoint that failed is left alone before it is tried again. Default one minute. */
  readonly retryDelayMs?: number;
  /** How long connecting to an endpoint may take, and what it has to show. Default 5000. */
  readonly dialTimeoutMs?: number;
  /** How long a connection may carry nothing after one side has ended its half. Default five minutes. */
  readonly halfClosedTimeoutMs?: number;
  /** Connections at a time; one more is closed at once. Default 10000. */
  readonly maxConnections?: number;
  /** Left out, endpoints need show nothing: whether they are trusted is for the clients to say, whose TLS passes through. */
  readonly proof?: EndpointProof | undefined;
  readonly observer?: TcpGatewayObserver;
  /** For tests: the addresses of a host. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
}

/** A place in a network. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Understands `host:port`, with the host in brackets when it has colons. @throws TcpGatewayError */
export function parseHostPort(text: string, what: string): HostPort {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^[\]]+)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) {
    throw new TcpGatewayError('GATEWAY_OPTIONS', `${what} "${text}" is not of the form host:port`);
  }
  return { host: bracketed ?? plain ?? '', port };
}

/** `host:port` again. */
export function textOf({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
