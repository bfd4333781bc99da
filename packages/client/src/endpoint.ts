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
    const { target, tls } = parseEndpoint(address);
    const credentials =
      tls || options.tls !== undefined ? sslCredentials(options.tls) : insecureCredentials();
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

/** A user's endpoint as a gRPC target: `http://`, `https://` and `unix://` are taken, as etcd's clients do. */
export function parseEndpoint(address: string): { readonly target: string; readonly tls: boolean } {
  const scheme = /^([a-z]+):\/\//.exec(address)?.[1];
  if (scheme === 'http' || scheme === 'https') {
    return { target: new URL(address).host, tls: scheme === 'https' };
  }
  if (scheme === 'unix' || scheme === 'unixs') {
    return { target: `unix:${address.slice(scheme.length + 3)}`, tls: scheme === 'unixs' };
  }
  return { target: address, tls: false };
}

function insecureCredentials(): grpc.ChannelCredentials {
  return grpc.credentials.createInsecure();
}

function sslCredentials(tls: TlsOptions = {}): grpc.ChannelCredentials {
  const pem = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert), {
    rejectUnauthorized: tls.insecureSkipVerify !== true,
  });
}
