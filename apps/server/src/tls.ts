import {
  autoTls,
  ClientTls,
  parseTlsVersion,
  ServerTls,
  TlsConfigError,
  type AllowedNames,
  type NamedFile,
  type ProtocolOptions,
  type ServerTlsOptions,
  type TlsObserver,
} from '@quorate/tls';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { addressOf } from './addresses.ts';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';
import { isSecure, namesIn } from './config/tls-checks.ts';

/** Which of a member's listeners: for log lines and metrics. */
export type TlsSide = 'client' | 'peer';

/** The policies of a member for connections with TLS. */
export interface MemberTls extends AsyncDisposable {
  /** For the listeners of clients; undefined when none of them has TLS. */
  readonly clients: ServerTls | undefined;
  /** The same, for threads that make it again; undefined when there is none. */
  readonly forThreads: ThreadTls | undefined;
  /** For the listeners of members; undefined when none of them has TLS. */
  readonly peers: ServerTls | undefined;
  /** For the members that this one dials. */
  readonly dialling: ClientTls;
}

/** The policy for clients, as far as it can be handed to another thread, and who is told of what comes of it there. */
export interface ThreadTls {
  readonly options: Omit<ServerTlsOptions, 'observer' | 'clock' | 'resolver'>;
  readonly observer: TlsObserver;
}

/** What opening needs beside the configuration. */
export interface MemberTlsDeps {
  readonly log: Logger;
  /** Told of each side what its handshakes come to, for metrics. */
  readonly observers?: Readonly<Record<TlsSide, TlsObserver>>;
}

/** Reads all certificates, and makes those that are to be made. @throws ConfigError that names flag and file */
export async function openMemberTls(config: ServerConfig, deps: MemberTlsDeps): Promise<MemberTls> {
  try {
    const clientOptions = await clientSideOf(config, deps);
    const observer = observerOf('client', deps);
    const clients = clientOptions && (await ServerTls.open({ ...clientOptions, observer }));
    const peerPair = await peerPairOf(config, deps);
    const peers = await openPeerSide(config, peerPair, deps);
    const dialling = openDialling(config, peerPair, deps);
    return {
      ...{ clients, peers, dialling },
      forThreads: clientOptions && { options: clientOptions, observer },
      [Symbol.asyncDispose]: async () => {
        await clients?.close();
        await peers?.close();
      },
    };
  } catch (error) {
    if (error instanceof TlsConfigError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

interface Pair {
  readonly cert: NamedFile;
  readonly key: NamedFile;
  /** Whether the member has made it for itself: then nobody can check it. */
  readonly isOwn: boolean;
}

async function clientSideOf(
  config: ServerConfig,
  deps: MemberTlsDeps,
): Promise<ThreadTls['options'] | undefined> {
  const urls = [...config.listenClientUrls, ...config.listenClientHttpUrls, ...config.listenMetricsUrls];
  if (!urls.some(isSecure)) return undefined;
  const pair = await pairOf(
    {
      cert: fileOf('--cert-file', config.certFile),
      key: fileOf('--key-file', config.keyFile),
      auto: config.autoTls ? { flag: '--auto-tls', folder: 'client', urls } : undefined,
    },
    config,
    deps,
  );
  if (pair === undefined) return undefined;
  return {
    ...protocolOf(config),
    cert: pair.cert,
    key: pair.key,
    trustedCa: fileOf('--trusted-ca-file', config.trustedCaFile),
    crl: fileOf('--client-crl-file', config.clientCrlFile),
    clientCertAuth: config.clientCertAuth,
    allowed: {
      commonNames: [],
      hostNames: namesIn(config.clientCertAllowedHostname),
      flags: { commonNames: '', hostNames: '--client-cert-allowed-hostname' },
    },
    // Whoever has both gets HTTP/2, as from etcd: a proxy in between that offers both may carry gRPC.
    alpn: ['h2', 'http/1.1'],
    handshakeTimeoutMs: config.connectionTimeoutMs,
  };
}

async function peerPairOf(config: ServerConfig, deps: MemberTlsDeps): Promise<Pair | undefined> {
  const urls = config.listenPeerUrls;
  return pairOf(
    {
      cert: fileOf('--peer-cert-file', config.peerCertFile),
      key: fileOf('--peer-key-file', config.peerKeyFile),
      auto: config.peerAutoTls ? { flag: '--peer-auto-tls', folder: 'peer', urls } : undefined,
    },
    config,
    deps,
  );
}

async function openPeerSide(
  config: ServerConfig,
  pair: Pair | undefined,
  deps: MemberTlsDeps,
): Promise<ServerTls | undefined> {
  if (pair === undefined || !config.listenPeerUrls.some(isSecure)) return undefined;
  return ServerTls.open({
    ...protocolOf(config),
    ...pair,
    trustedCa: fileOf('--peer-trusted-ca-file', config.peerTrustedCaFile),
    crl: fileOf('--peer-crl-file', config.peerCrlFile),
    clientCertAuth: config.peerClientCertAuth,
    allowed: allowedPeers(config),
    checkAddress: !config.peerSkipClientSanVerification,
    alpn: ['http/1.1'],
    handshakeTimeoutMs: config.connectionTimeoutMs,
    observer: observerOf('peer', deps),
  });
}

function openDialling(config: ServerConfig, pair: Pair | undefined, deps: MemberTlsDeps): ClientTls {
  const trustedCa = fileOf('--peer-trusted-ca-file', config.peerTrustedCaFile);
  const shown = {
    cert: fileOf('--peer-client-cert-file', config.peerClientCertFile) ?? pair?.cert,
    key: fileOf('--peer-client-key-file', config.peerClientKeyFile) ?? pair?.key,
  };
  return ClientTls.open({
    ...protocolOf(config),
    ...shown,
    trustedCa,
    allowed: allowedPeers(config),
    insecure: pair?.isOwn === true,
    // As in etcd: public authorities vouch for the domain that the members were found in.
    serverName: trustedCa === undefined && config.discoverySrv !== '' ? config.discoverySrv : undefined,
    alpn: ['http/1.1'],
    observer: observerOf('peer', deps),
  });
}

/** The files of a certificate that was given, or of one that is made here. */
async function pairOf(
  given: {
    readonly cert: NamedFile | undefined;
    readonly key: NamedFile | undefined;
    readonly auto:
      { readonly flag: string; readonly folder: string; readonly urls: readonly string[] } | undefined;
  },
  config: ServerConfig,
  { log }: MemberTlsDeps,
): Promise<Pair | undefined> {
  const { cert, key, auto } = given;
  if (cert !== undefined && key !== undefined) {
    if (auto !== undefined) log.warn(`${auto.flag} is ignored, since ${cert.flag} is given`);
    return { cert, key, isOwn: false };
  }
  if (auto === undefined) return undefined;
  const made = await autoTls({
    dir: join(config.dataDir, 'fixtures', auto.folder),
    hosts: auto.urls.flatMap(hostIn),
    years: config.selfSignedCertValidity,
    flag: auto.flag,
    onWarning: (message) => log.warn(message),
  });
  return { ...made, isOwn: true };
}

function hostIn(url: string): string[] {
  const address = addressOf(url);
  return 'host' in address ? [address.host] : [];
}

function fileOf(flag: string, path: string): NamedFile | undefined {
  return path === '' ? undefined : { flag, path };
}

function allowedPeers(config: ServerConfig): AllowedNames {
  return {
    commonNames: namesIn(config.peerCertAllowedCn),
    hostNames: namesIn(config.peerCertAllowedHostname),
    flags: { commonNames: '--peer-cert-allowed-cn', hostNames: '--peer-cert-allowed-hostname' },
  };
}

function protocolOf(config: ServerConfig): ProtocolOptions {
  return {
    minVersion: parseTlsVersion(config.tlsMinVersion, '--tls-min-version'),
    maxVersion: parseTlsVersion(config.tlsMaxVersion, '--tls-max-version'),
    cipherSuites: namesIn(config.cipherSuites),
  };
}

/** One line a second of each kind is enough: whoever is refused tries again, and so may everybody. */
const refusalLogIntervalMs = 1_000;

/** Tells whoever counts, and writes a log that says what happened and shows no secrets. */
function observerOf(side: TlsSide, { log, observers }: MemberTlsDeps): TlsObserver {
  const counting = observers?.[side] ?? {};
  const lastTold = new Map<string, { atMs: number; untold: number }>();
  return {
    onSecured: (event) => counting.onSecured?.(event),
    onRefused: (event) => {
      counting.onRefused?.(event);
      const last = lastTold.get(event.reason) ?? { atMs: Number.NEGATIVE_INFINITY, untold: 0 };
      const nowMs = performance.now();
      if (nowMs - last.atMs < refusalLogIntervalMs) {
        lastTold.set(event.reason, { ...last, untold: last.untold + 1 });
        return;
      }
      lastTold.set(event.reason, { atMs: nowMs, untold: 0 });
      log.warn({ side, ...event, untold: last.untold }, 'refused a TLS connection');
    },
    onReloaded: (event) => {
      counting.onReloaded?.(event);
      log.info({ side, ...event }, 'read changed certificates');
    },
    onReloadFailed: (event) => {
      counting.onReloadFailed?.(event);
      log.error({ side, err: event.error }, 'changed certificates are of no use, the earlier ones stay');
    },
    onWarning: (message) => log.warn({ side }, message),
  };
}
