import * as grpc from '@grpc/grpc-js';

/** Certificates of a TLS connection, each in PEM form. */
export interface TlsOptions {
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  /** Accept any certificate of the server. For tests. */
  readonly insecureSkipVerify?: boolean;
}

/** How an endpoint is connected to. */
export interface EndpointOptions {
  readonly tls?: TlsOptions | undefined;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

/** What a waiter for a connection learnt. */
export type Readiness = 'ready' | 'refused' | 'timeout';

/** One server and the HTTP/2 connection to it, opened when first needed and reopened by gRPC when it breaks. */
export class Endpoint {
  /** As the user wrote it. */
  readonly address: string;
  readonly grpc: grpc.Client;

  constructor(address: string, options: EndpointOptions) {
    this.address = address;
    const { target, security } = parseEndpoint(address);
    const secure = security === 'tls' || (security === 'either' && options.tls !== undefined);
    const credentials = secure ? sslCredentials(options.tls) : grpc.credentials.createInsecure();
    this.grpc = new grpc.Client(target, credentials, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': options.keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      // Each client owns its connections, so that closing it closes them.
      'grpc.use_local_subchannel_pool': 1,
      // No service config of ours, and no lookups for one.
      'grpc.service_config_disable_resolution': 1,
    });
  }

  /** Whether a call made now leaves at once. Starts to connect when it does not. */
  get isReady(): boolean {
    return this.grpc.getChannel().getConnectivityState(true) === grpc.connectivityState.READY;
  }

  /** Waits until the connection stands, was refused, or `deadlineMs` (of the wall clock) has passed. */
  async waitForConnection(deadlineMs: number): Promise<Readiness> {
    const channel = this.grpc.getChannel();
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === grpc.connectivityState.READY) return 'ready';
      if (state === grpc.connectivityState.TRANSIENT_FAILURE) return 'refused';
      if (state === grpc.connectivityState.SHUTDOWN) return 'refused';
      const changed = await new Promise<boolean>((resolve) => {
        channel.watchConnectivityState(state, deadlineMs, (error) => resolve(error === undefined));
      });
      if (!changed) return 'timeout';
    }
  }

  /** Closes the connection; calls under way fail. */
  close(): void {
    this.grpc.close();
  }
}

/** A user's endpoint, understood. */
export interface ParsedEndpoint {
  /** As gRPC names it. */
  readonly target: string;
  /** What its scheme says of TLS; `either` leaves that to the client's options. */
  readonly security: 'tls' | 'plain' | 'either';
}

/** Understands an endpoint. The schemes are those of etcd's clients: http, https, unix, unixs or none. */
export function parseEndpoint(address: string): ParsedEndpoint {
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(address) ?? [];
  switch (scheme) {
    case 'http':
    case 'https':
      // Not by URL, which drops the port 80 or 443 that the scheme would have.
      return { target: rest.replace(/\/.*$/, ''), security: scheme === 'https' ? 'tls' : 'plain' };
    case 'unix':
    case 'unixs':
      return { target: `unix:${rest}`, security: scheme === 'unixs' ? 'tls' : 'plain' };
    default:
      return { target: address, security: 'either' };
  }
}

function sslCredentials(tls: TlsOptions = {}): grpc.ChannelCredentials {
  const pem = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert), {
    rejectUnauthorized: tls.insecureSkipVerify !== true,
  });
}
