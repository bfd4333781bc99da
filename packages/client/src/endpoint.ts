import * as grpc from '@grpc/grpc-js';
import { sameBuffer } from './grpc-values.ts';
import { harmlessly, type ClientObserver } from './observer.ts';
import { TlsCredentials } from './tls-credentials.ts';

/** How an endpoint is connected to. */
export interface EndpointOptions {
  readonly tls?: TlsCredentials | undefined;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** -1 is no limit. */
  readonly maxReceiveBytes: number;
  readonly keepaliveWithoutCalls: boolean;
  /** Hears of connections. */
  readonly observer: ClientObserver | undefined;
}

/** One server and the HTTP/2 connection to it, opened when first needed and reopened by gRPC when it breaks. */
export class Endpoint {
  /** As the user wrote it. */
  readonly address: string;
  readonly grpc: grpc.Client;
  /** Of what the last connection failed, until one stands. */
  #lastReason: string | undefined;

  constructor(address: string, options: EndpointOptions) {
    this.address = address;
    const { target, security } = parseEndpoint(address);
    const secure = security === 'tls' || (security === 'either' && options.tls !== undefined);
    const credentials = secure ? (options.tls ?? TlsCredentials.open({})) : grpc.credentials.createInsecure();
    this.grpc = new grpc.Client(target, credentials, {
      'grpc.max_receive_message_length': options.maxReceiveBytes,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': options.keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
      'grpc.keepalive_permit_without_calls': options.keepaliveWithoutCalls ? 1 : 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      // Each client owns its connections, so that closing it closes them.
      'grpc.use_local_subchannel_pool': 1,
      ...(secure && options.tls?.serverName !== undefined
        ? { 'grpc.ssl_target_name_override': options.tls.serverName }
        : {}),
      // No service config of ours, and no lookups for one.
      'grpc.service_config_disable_resolution': 1,
    });
    if (options.observer !== undefined) this.#tell(options.observer);
  }

  /** Follows the connection until it is closed, and tells when it stands and when it does not. */
  #tell(observer: ClientObserver): void {
    const channel = this.grpc.getChannel();
    const endpoint = this.address;
    let isReady = false;
    let isFirst = true;
    const look = () => {
      const state = channel.getConnectivityState(false);
      if (state === grpc.connectivityState.READY) {
        const connection = { endpoint, isFirst };
        if (!isReady) harmlessly(() => observer.connected?.(connection));
        isReady = true;
        isFirst = false;
      } else if (isReady) {
        isReady = false;
        harmlessly(() => observer.disconnected?.({ endpoint }));
      }
      if (state !== grpc.connectivityState.SHUTDOWN) channel.watchConnectivityState(state, Infinity, look);
    };
    look();
  }

  /** Whether a call made now leaves at once. Starts to connect when it does not. */
  get isReady(): boolean {
    return this.grpc.getChannel().getConnectivityState(true) === grpc.connectivityState.READY;
  }

  /**
   * Waits until the connection stands, or it is known that it does not: it was refused, or `deadlineMs` (of the wall
   * clock) has passed. Returns why it does not stand.
   */
  async waitForConnection(deadlineMs: number): Promise<string | undefined> {
    const channel = this.grpc.getChannel();
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === grpc.connectivityState.READY) {
        this.#lastReason = undefined;
        return undefined;
      }
      if (state === grpc.connectivityState.TRANSIENT_FAILURE) return await this.#whyRefused(deadlineMs);
      if (state === grpc.connectivityState.SHUTDOWN) return 'refused';
      const changed = await new Promise<boolean>((resolve) => {
        channel.watchConnectivityState(state, deadlineMs, (error) => resolve(error === undefined));
      });
      // Between two tries that fail, gRPC waits; whoever comes then wants to know why, too.
      if (!changed) return this.#lastReason ?? 'timeout';
    }
  }

  /**
   * What the last try to connect has failed of. gRPC tells it to calls only, so one is made that fails at once; should
   * the connection stand by now after all, it is a harmless question.
   */
  #whyRefused(deadline: number): Promise<string> {
    const nothing = Buffer.alloc(0);
    return new Promise((resolve) => {
      this.grpc.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        sameBuffer,
        sameBuffer,
        nothing,
        { deadline },
        (error) => {
          const reason = lastError.exec(error?.details ?? '');
          this.#lastReason = reason?.[1] ?? this.#lastReason;
          resolve(this.#lastReason ?? 'refused');
        },
      );
    });
  }

  /** Closes the connection; calls under way fail. */
  close(): void {
    this.grpc.close();
  }
}

/** The reason in gRPC's words for a call without a connection. */
const lastError = /^No connection established\. Last error: (?:Error: )?(.*?)\.?(?: Resolution note: .*)?$/s;

/** A user's endpoint, understood. */
export interface ParsedEndpoint {
  /** As gRPC names it. */
  readonly target: string;
  /** What its scheme says of TLS; `either` leaves that to the client's options. */
  readonly security: 'tls' | 'plain' | 'either';
}

/** An endpoint that nobody could be reached at, whatever is there: it is written wrong. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
  readonly code = 'CLIENT_ENDPOINT';

  constructor(address: string, reason: string) {
    // What stands before an @ may be a password.
    const shown = address.replace(/[^/]*@/, '***@');
    const expected = 'give host:port, http://host:port, https://host:port, unix:///path or unixs:///path';
    super(`the endpoint ${JSON.stringify(shown)} ${reason}: ${expected}`);
  }
}

/**
 * Understands an endpoint. The schemes are those of etcd's clients: http, https, unix, unixs or none.
 *
 * @throws EndpointError
 */
export function parseEndpoint(address: string): ParsedEndpoint {
  const [, socketScheme, path] = /^(unixs?):(?:\/\/)?(.*)$/s.exec(address) ?? [];
  if (path !== undefined) {
    if (path === '') throw new EndpointError(address, 'names no socket');
    return { target: `unix:${path}`, security: socketScheme === 'unixs' ? 'tls' : 'plain' };
  }
  const [, written, rest = address] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(address) ?? [];
  const scheme = written?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    throw new EndpointError(address, `has the unknown scheme ${scheme}`);
  // Not by URL, which drops the port 80 or 443 that the scheme would have.
  const target = scheme === undefined ? rest : rest.replace(/\/.*$/s, '');
  checkHostAndPort(address, target);
  if (scheme === undefined) return { target, security: 'either' };
  return { target, security: scheme === 'https' ? 'tls' : 'plain' };
}

/** @throws EndpointError */
function checkHostAndPort(address: string, target: string): void {
  const [, host, port] = /^(\[[0-9a-f:.]+(?:%[^\s\]]+)?\]|[^\s/:@?#,[\]]+)(?::(\d+))?$/i.exec(target) ?? [];
  if (host === undefined) {
    const isBareIpv6 = /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(target);
    throw new EndpointError(address, isBareIpv6 ? 'has an IPv6 address without [ ]' : 'is none');
  }
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535))
    throw new EndpointError(address, `has the port ${port}, which is none`);
}
