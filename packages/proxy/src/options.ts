import type { Clock, Random } from '@quorate/std';
import type { NamedFile, ProtocolOptions } from '@quorate/tls';
import { GrpcProxyError } from './errors.ts';

/** Certificates of the proxy's own listeners. Files are read anew when they change. */
export interface ProxyListenTls extends ProtocolOptions {
  /** `--cert-file` and `--key-file`, or for `--auto-tls` a folder where the proxy makes its own. */
  readonly pair:
    | { readonly cert: NamedFile; readonly key: NamedFile }
    | { readonly autoTlsDir: string; readonly years: number; readonly flag: string };
  /** `--trusted-ca-file`: with it every client needs a certificate of these authorities. */
  readonly trustedCa?: NamedFile | undefined;
  /** `--client-crl-file`. */
  readonly crl?: NamedFile | undefined;
}

/** How members are spoken to. Files are read anew when they change. */
export interface ProxyDialTls {
  /** `--cacert`; the authorities of the system when it is left out. */
  readonly trustedCa?: NamedFile | undefined;
  /** `--cert` and `--key`: what members are shown. Its common name has to be empty. */
  readonly cert?: NamedFile | undefined;
  readonly key?: NamedFile | undefined;
  /** `--insecure-skip-tls-verify`. */
  readonly insecureSkipVerify?: boolean;
}

/** Told of what an operator may want to know. Nothing it is told holds a key, a value, a token or a password. */
export interface GrpcProxyObserver {
  /** A handler failed of a bug, or of this machine: the client was told no more than that. */
  onInternalError?(path: string, error: unknown): void;
  /** The stream to a member behind the watchers of some clients broke; it is opened again from where it was. */
  onWatchResumed?(event: { readonly watchers: number; readonly error: unknown }): void;
  /** This proxy stands in the list below `--resolver-prefix`, for as long as its lease is kept alive. */
  onRegistered?(event: { readonly key: string; readonly ttlSeconds: number }): void;
  /** It does not, and tries again. */
  onRegistrationFailed?(error: unknown): void;
  /** `--endpoints-auto-sync-interval` has found other members. */
  onEndpointsChanged?(endpoints: readonly string[]): void;
  onEndpointSyncFailed?(error: unknown): void;
  /** A connection of a client failed, or was refused. */
  onConnectionError?(error: Error): void;
  onConnectionRefused?(reason: string): void;
  /** Something that works, and not as it should, such as files that others can read. */
  onWarning?(message: string): void;
}

/** What `grpc-proxy start` takes: a flag each. What is left out has the flag's default. */
export interface GrpcProxyOptions {
  /** `--listen-addr`, `host:port`; port 0 picks one. Default `127.0.0.1:23790`. */
  readonly listenAddress?: string;
  /** `--endpoints`: members of the cluster, as `@quorate/client` takes them. Default `127.0.0.1:2379`. */
  readonly endpoints?: readonly string[];
  /** `--endpoints-auto-sync-interval`: how often the cluster is asked for its members; 0, the default, is never. */
  readonly endpointsAutoSyncIntervalMs?: number;
  /** `--metrics-addr`: a URL to serve HTTP on as well; `https` needs `listenTls`. None when left out or empty. */
  readonly metricsUrl?: string;
  /** `--advertise-client-url`: what MemberList answers. Empty: it answers the cluster's members. */
  readonly advertiseClientUrl?: string;
  /** `--resolver-prefix` and `--resolver-ttl`: where proxies of the same prefix find each other, through the cluster. */
  readonly resolver?: { readonly prefix: string; readonly ttlSeconds: number };
  /** `--namespace`: what stands before each key in the cluster and in no client. Default empty. */
  readonly namespace?: string;
  /** `--experimental-serializable-ordering`: no answer is older than one before it. */
  readonly serializableOrdering?: boolean;
  /**
   * `--experimental-leasing-prefix`: own keys that are read, so that reading them again asks nobody; below this prefix the
   * proxies that all have it tell each other who owns what. All who write have to write through one of them.
   */
  readonly leasingPrefix?: string;
  /** `--max-send-bytes`: the largest request to a member. Default 1.5 MiB. */
  readonly maxSendBytes?: number;
  /** `--max-recv-bytes`: the largest answer of a member. Default 2^31 - 1. */
  readonly maxReceiveBytes?: number;
  /** `--max-concurrent-streams`: calls of one connection at a time. The default is that of a member, 1024. */
  readonly maxConcurrentStreams?: number;
  /** `--grpc-transport`: what serves calls, HTTP/2 of our own or the library grpc-js. Default `lean`. */
  readonly grpcTransport?: 'lean' | 'grpc-js';
  /** `--grpc-keepalive-min-time`: time between two pings of a client, at least. Default 5 s; 0 is gRPC's five minutes. */
  readonly keepAliveMinTimeMs?: number;
  /** `--grpc-keepalive-interval`: time between pings to clients; 0 is never. Default two hours. */
  readonly keepAliveIntervalMs?: number;
  /** `--grpc-keepalive-timeout`: how long an answer to one may take; 0 is for ever. Default 20 s. */
  readonly keepAliveTimeoutMs?: number;
  /** `--dial-keepalive-time`: time between pings to members; 0, the default, is never. */
  readonly dialKeepAliveTimeMs?: number;
  /** `--dial-keepalive-timeout`. Default 20 s. */
  readonly dialKeepAliveTimeoutMs?: number;
  /** `--permit-without-stream`: ping members also when there is no call. */
  readonly permitWithoutStream?: boolean;
  readonly listenTls?: ProxyListenTls | undefined;
  readonly dialTls?: ProxyDialTls | undefined;
  /** How long a call that does not wait for others may take, the search for a member included. Default 15 s. */
  readonly requestTimeoutMs?: number;
  /** How old an answer to a serializable read may be that is given again. Default 10 s; no flag, etcd knows no limit. */
  readonly cacheTtlMs?: number;
  readonly observer?: GrpcProxyObserver;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
}

const defaults = {
  listenAddress: '127.0.0.1:23790',
  endpoints: ['127.0.0.1:2379'],
  endpointsAutoSyncIntervalMs: 0,
  metricsUrl: '',
  advertiseClientUrl: '127.0.0.1:23790',
  namespace: '',
  serializableOrdering: false,
  leasingPrefix: '',
  maxSendBytes: 1_572_864,
  maxReceiveBytes: 2_147_483_647,
  maxConcurrentStreams: 1_024,
  grpcTransport: 'lean',
  keepAliveMinTimeMs: 5_000,
  keepAliveIntervalMs: 7_200_000,
  keepAliveTimeoutMs: 20_000,
  dialKeepAliveTimeMs: 0,
  dialKeepAliveTimeoutMs: 20_000,
  permitWithoutStream: false,
  requestTimeoutMs: 15_000,
  cacheTtlMs: 10_000,
  observer: {},
} as const satisfies Partial<GrpcProxyOptions>;

/** Options with nothing left out that has a default. */
export type ProxySettings = GrpcProxyOptions & Required<Pick<GrpcProxyOptions, keyof typeof defaults>>;

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Fills in what is left out. @throws GrpcProxyError for what makes no sense */
export function settingsOf(options: GrpcProxyOptions): ProxySettings {
  const settings: ProxySettings = { ...defaults, ...options };
  const refuse = (message: string): never => {
    throw new GrpcProxyError('PROXY_OPTIONS', message);
  };
  if (settings.endpoints.length === 0) refuse('--endpoints: name at least one member of the cluster');
  for (const [flag, value] of [
    ['--max-send-bytes', settings.maxSendBytes],
    ['--max-recv-bytes', settings.maxReceiveBytes],
    ['--max-concurrent-streams', settings.maxConcurrentStreams],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) refuse(`${flag}: ${value} is no positive whole number`);
  }
  const { prefix = '', ttlSeconds = 0 } = settings.resolver ?? {};
  if (prefix !== '' && !(Number.isInteger(ttlSeconds) && ttlSeconds > 0)) {
    refuse(`--resolver-ttl: ${ttlSeconds} is no time to live; --resolver-prefix needs one, in seconds`);
  }
  if (prefix === '' && ttlSeconds !== 0) refuse('--resolver-ttl: say --resolver-prefix as well');
  if (prefix !== '' && settings.advertiseClientUrl === '') {
    refuse('--resolver-prefix: needs an --advertise-client-url that is not empty');
  }
  return settings;
}

/** `host:port`, of which the host may be left out. @throws GrpcProxyError */
export function parseListenAddress(text: string, flag: string): ListenAddress {
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65_535) {
    throw new GrpcProxyError('PROXY_OPTIONS', `${flag}: ${text} is no address of the form host:port`);
  }
  const host = bracketed ?? plain;
  return { host: host === '' ? '::' : host, port: Number(port) };
}
