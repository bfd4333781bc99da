import {
  GrpcProxy,
  GrpcProxyError,
  type GrpcProxyObserver,
  type GrpcProxyOptions,
  type ProxyDialTls,
  type ProxyListenTls,
} from '@quorate/proxy';
import { TlsOptionsError, type TlsOptionsErrorCode } from '@quorate/client';
import {
  parseTlsVersion,
  protocolOf,
  TlsConfigError,
  type NamedFile,
  type ProtocolOptions,
} from '@quorate/tls';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError } from '../config/errors.ts';
import { discovered, urlOf, type DiscoveryDeps } from './discovered.ts';
import type { GrpcProxyConfig } from './grpc-proxy-flags.ts';
import { withListenFlag } from './listen-error.ts';

/** Starts a proxy as the flags say. @throws ConfigError */
export async function startGrpcProxy(
  config: GrpcProxyConfig,
  { given, ...deps }: DiscoveryDeps & { readonly given: ReadonlySet<string> },
): Promise<GrpcProxy> {
  const options = await grpcProxyOptions(config, deps);
  if (config.discoverySrv !== '' && given.has('endpoints')) {
    deps.log.warn('--endpoints is ignored, since --discovery-srv is set');
  }
  try {
    const proxy = await GrpcProxy.start({ ...options, observer: observerFor(deps.log) });
    deps.log.info(
      { listenAddr: config.listenAddr, ports: proxy.ports, endpoints: proxy.endpoints },
      'ready to serve',
    );
    return proxy;
  } catch (error) {
    const flags = config.metricsAddr === '' ? '--listen-addr' : '--listen-addr or --metrics-addr';
    throw withListenFlag(asConfigError(error), flags);
  }
}

/** What the flags mean. @throws ConfigError */
export async function grpcProxyOptions(
  config: GrpcProxyConfig,
  deps: DiscoveryDeps,
): Promise<GrpcProxyOptions> {
  checkTogether(config);
  const listenTls = listenTlsOf(config);
  const dialTls = dialTlsOf(config);
  const fromDns = await discovered(config, deps);
  const { resolverPrefix: prefix, resolverTtlSeconds: ttlSeconds } = config;
  return {
    listenAddress: config.listenAddr,
    endpoints: config.discoverySrv === '' ? config.endpoints : fromDns.map(urlOf),
    endpointsAutoSyncIntervalMs: config.endpointsAutoSyncIntervalMs,
    metricsUrl: config.metricsAddr,
    advertiseClientUrl: config.advertiseClientUrl,
    ...(prefix === '' ? {} : { resolver: { prefix, ttlSeconds } }),
    namespace: config.namespace,
    serializableOrdering: config.experimentalSerializableOrdering,
    leasingPrefix: config.experimentalLeasingPrefix,
    maxSendBytes: config.maxSendBytes,
    maxReceiveBytes: config.maxRecvBytes,
    maxConcurrentStreams: config.maxConcurrentStreams,
    grpcTransport: config.grpcTransport,
    keepAliveMinTimeMs: config.grpcKeepaliveMinTimeMs,
    keepAliveIntervalMs: config.grpcKeepaliveIntervalMs,
    keepAliveTimeoutMs: config.grpcKeepaliveTimeoutMs,
    dialKeepAliveTimeMs: config.dialKeepaliveTimeMs,
    dialKeepAliveTimeoutMs: config.dialKeepaliveTimeoutMs,
    permitWithoutStream: config.permitWithoutStream,
    listenTls,
    dialTls,
  };
}

/** `host:port`, the same as a URL, or a socket file, as etcd's clients take them. */
const endpointPattern = /^((https?:\/\/)?(\[[^[\]/]+\]|[^:/[\]]+):\d{1,5}\/?|unixs?:\/\/.+)$/;

/** Rules over several flags, with etcd's words where it has some. @throws ConfigError */
function checkTogether(config: GrpcProxyConfig): void {
  const { resolverPrefix, resolverTtlSeconds, advertiseClientUrl } = config;
  if (config.endpoints.length === 0 || config.endpoints.includes('')) {
    throw new ConfigError('--endpoints: no available endpoints: name members as host:port or as URLs');
  }
  const odd = config.endpoints.find((endpoint) => !endpointPattern.test(endpoint));
  if (odd !== undefined) {
    throw new ConfigError(
      `--endpoints: "${odd}" is neither host:port nor a URL such as https://10.0.0.1:2379`,
    );
  }
  if (resolverPrefix !== '' && resolverTtlSeconds < 1) {
    throw new ConfigError(
      `--resolver-ttl: invalid resolver-ttl ${resolverTtlSeconds}: --resolver-prefix needs one of at least a second`,
    );
  }
  if (resolverPrefix === '' && resolverTtlSeconds !== 0) {
    throw new ConfigError('--resolver-prefix: invalid resolver-prefix "": --resolver-ttl needs one');
  }
  if (resolverPrefix !== '' && advertiseClientUrl === '') {
    throw new ConfigError(
      '--advertise-client-url: invalid advertise-client-url "": --resolver-prefix needs one',
    );
  }
  if (config.autoTls && config.selfSignedCertValidityYears === 0) {
    throw new ConfigError(
      '--self-signed-cert-validity: selfSignedCertValidity is invalid, it should be greater than 0',
    );
  }
}

function dialTlsOf({ cacert, cert, key, insecureSkipTlsVerify }: GrpcProxyConfig): ProxyDialTls | undefined {
  together('--cert', cert, '--key', key);
  if (cacert === '' && cert === '' && !insecureSkipTlsVerify) return undefined;
  return {
    trustedCa: fileOf('--cacert', cacert),
    cert: fileOf('--cert', cert),
    key: fileOf('--key', key),
    insecureSkipVerify: insecureSkipTlsVerify,
  };
}

function listenTlsOf(config: GrpcProxyConfig): ProxyListenTls | undefined {
  const { certFile, keyFile, autoTls } = config;
  together('--cert-file', certFile, '--key-file', keyFile);
  const protocol = protocolOptions(config);
  const cert = fileOf('--cert-file', certFile);
  const key = fileOf('--key-file', keyFile);
  if (cert === undefined || key === undefined) {
    if (!autoTls) return refuseWithoutCertificate(config);
    const years = config.selfSignedCertValidityYears;
    const autoTlsDir = join(config.dataDir, 'fixtures', 'proxy');
    return { ...clientChecks(config), ...protocol, pair: { autoTlsDir, years, flag: '--auto-tls' } };
  }
  return { ...clientChecks(config), ...protocol, pair: { cert, key } };
}

/** Without TLS, whatever is asked of it would be left undone. */
function refuseWithoutCertificate({ trustedCaFile, clientCrlFile }: GrpcProxyConfig): undefined {
  for (const [flag, value] of [
    ['--trusted-ca-file', trustedCaFile],
    ['--client-crl-file', clientCrlFile],
  ]) {
    if (value !== '') throw new ConfigError(`${flag} needs --cert-file and --key-file, or --auto-tls`);
  }
  return undefined;
}

function clientChecks(config: GrpcProxyConfig): Pick<ProxyListenTls, 'trustedCa' | 'crl'> {
  return {
    trustedCa: fileOf('--trusted-ca-file', config.trustedCaFile),
    crl: fileOf('--client-crl-file', config.clientCrlFile),
  };
}

function protocolOptions(config: GrpcProxyConfig): ProtocolOptions {
  try {
    const options = {
      minVersion: parseTlsVersion(config.tlsMinVersion, '--tls-min-version'),
      maxVersion: parseTlsVersion(config.tlsMaxVersion, '--tls-max-version'),
      cipherSuites: config.listenCipherSuites,
    };
    protocolOf(options);
    return options;
  } catch (error) {
    throw asConfigError(error);
  }
}

function together(certFlag: string, cert: string, keyFlag: string, key: string): void {
  if ((cert === '') === (key === '')) return;
  throw new ConfigError(`${certFlag} and ${keyFlag} belong together: give both or none`);
}

function fileOf(flag: string, path: string): NamedFile | undefined {
  return path === '' ? undefined : { path, flag };
}

const flagOfProblem = {
  CLIENT_TLS_CA: '--cacert',
  CLIENT_TLS_CERT: '--cert',
  CLIENT_TLS_KEY: '--key',
  CLIENT_TLS_PAIR: '--cert and --key',
} satisfies Record<TlsOptionsErrorCode, string>;

/** What is the operator's to put right, in one sentence that names the flag; all else as it is. */
function asConfigError(error: unknown): unknown {
  if (error instanceof TlsOptionsError) {
    return new ConfigError(`${flagOfProblem[error.code]}: ${error.message}`, { cause: error });
  }
  if (error instanceof TlsConfigError) {
    // The flag has this name at members.
    const message = error.message.replace(/(?<!listen)--cipher-suites/, '--listen-cipher-suites');
    return new ConfigError(message, { cause: error });
  }
  if (error instanceof GrpcProxyError) return new ConfigError(error.message, { cause: error });
  return error;
}

function observerFor(log: Logger): GrpcProxyObserver {
  return {
    onInternalError: (path, error) => log.error({ err: error, path }, 'a call failed'),
    onWatchResumed: ({ watchers, error }) =>
      log.warn({ watchers, err: error }, 'a watch at a member broke, and goes on'),
    onRegistered: (event) => log.info(event, 'listed for other proxies'),
    onRegistrationFailed: (error) => log.warn({ err: error }, 'not listed for other proxies: tried again'),
    onEndpointsChanged: (endpoints) => log.info({ endpoints }, 'the cluster has other members'),
    onEndpointSyncFailed: (error) => log.warn({ err: error }, 'the cluster was not heard of its members'),
    onConnectionError: (error) => log.debug({ err: error }, 'a connection of a client failed'),
    onConnectionRefused: (reason) => log.debug({ reason }, 'a connection of a client was refused'),
    onWarning: (message) => log.warn(message),
  };
}
