import { PeerTransport, type PeerPort } from '@quorate/peer';
import { defaults, LevelBackend, Replica, type ReplicaObserver } from '@quorate/replica';
import { RestSurface } from '@quorate/rest';
import {
  ClientPort,
  GrpcServer,
  HttpSurface,
  LeanGrpcServer,
  LocalCalls,
  methodTable,
  type IoThreads,
} from '@quorate/rpc';
import { idToHex, systemClock, systemRandom } from '@quorate/std';
import type { Logger } from 'pino';
import { resolveBootstrap, type ResolvedBootstrap } from './bootstrap.ts';
import { clientLimits } from './client-limits.ts';
import { retentionOf } from './config/checks.ts';
import type { ServerConfig } from './config/schema.ts';
import { openCredentials, type Credentials } from './credentials.ts';
import { firstOf, type DebugSurface } from './debug/debug-surface.ts';
import { openDebug } from './debug/open-debug.ts';
import { namesIn } from './config/tls-checks.ts';
import { openIoThreads } from './io-threads.ts';
import { memberLocalAddress } from './local-address.ts';
import {
  listenForClients,
  listenForMetrics,
  maxConnectionsOf,
  openPeerPort,
  type ReservedPorts,
} from './listeners.ts';
import { Metrics } from './metrics.ts';
import { joined, peerLog, replicaLog, withSlowCallLog } from './observers.ts';
import { findRunningCluster } from './running-cluster.ts';
import { openDiskStorage, type MemberStorage } from './storage.ts';
import { openMemberTls, type MemberTls } from './tls.ts';
import type { Tracing } from './tracing/tracing.ts';
import { serverVersion } from './version.ts';

/** How long calls under way may take after the member was told to stop. */
const stopGraceMs = 2_000;

/** Time between two checkpoints of what is left of leases, with the feature LeaseCheckpoint. */
const leaseCheckpointMs = 5 * 60_000;

/** What the owner of a server is told. */
export interface ServerEvents {
  /** The member can't go on; the process should end. Called once. */
  readonly onFatal: (error: unknown) => void;
  /** The member was removed from its cluster; the server should be closed. Called once. */
  readonly onRemoved: () => void;
}

/** What a server needs beside its configuration. */
export interface ServerDeps extends ServerEvents {
  readonly log: Logger;
  /** Where it keeps its data; the data directory of the configuration when it is left out. */
  readonly storage?: MemberStorage;
  /** Ports that are bound already. */
  readonly reserved?: ReservedPorts;
  /** Whether the process is somebody else's, who measures it himself. */
  readonly isGuest?: boolean;
}

/** What a server is made of, in the order in which it comes to be. */
interface Parts {
  readonly config: ServerConfig;
  readonly log: Logger;
  readonly events: ServerEvents;
  readonly storage: MemberStorage;
  readonly reserved: ReservedPorts | undefined;
  readonly peerPort: PeerPort;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  readonly tls: MemberTls;
  /** Undefined when there is none. */
  readonly tracing: Tracing | undefined;
}

/** A running member. */
export class Server implements AsyncDisposable {
  readonly #replica: Replica;
  readonly #clientPort: ClientPort;
  readonly #localCalls: LocalCalls;
  readonly #threads: IoThreads | undefined;
  readonly #peerPort: PeerPort;
  readonly #credentials: Credentials;
  readonly #tls: MemberTls;
  readonly #tracing: Tracing | undefined;
  readonly #debug: DebugSurface;
  readonly #log: Logger;
  #closed: Promise<void> | undefined;

  /** Ports that clients are served on, in the order of `--listen-client-urls`. */
  readonly clientPorts: readonly number[];

  /** Opens the data directory, starts the member, waits until it serves, and listens. */
  static async start(config: ServerConfig, deps: ServerDeps): Promise<Server> {
    const { log, reserved, isGuest = false, onFatal, onRemoved } = deps;
    const storage = deps.storage ?? (await openDiskStorage(config, log));
    const credentials = await openCredentials(config, log);
    const metrics = newMetrics(config, { ofProcess: !isGuest });
    const opened: AsyncDisposable[] = [credentials];
    try {
      const tls = await openMemberTls(config, { log, observers: metrics.connections.tls });
      opened.unshift(tls);
      // First of all, so that a member that is refused its port has not begun a cluster yet.
      const peerPort = await openPeerPort(config, { tls, log });
      opened.unshift(peerPort);
      const tracing = await openTracing(config, { log, metrics });
      if (tracing !== undefined) opened.unshift(tracing);
      const events = { onFatal, onRemoved };
      return await Server.#open({
        ...{ config, log, events, storage, reserved, peerPort, credentials, metrics, tls, tracing },
      });
    } catch (error) {
      for (const resource of opened) await resource[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #open(parts: Parts): Promise<Server> {
    const { config, log, events, metrics, tracing } = parts;
    const bootstrap = await resolveBootstrap(config, { hasLog: parts.storage.hasLog, log });
    const slowApplyMs = config.warningApplyDurationMs;
    const observer = joined(
      ...[metrics.replicaObserver, replicaLog(log, { slowApplyMs }), events],
      ...(tracing === undefined ? [] : [tracing.observer]),
    );
    const replica = await openReplica(parts, { bootstrap, observer });
    try {
      return await Server.#serve(parts, replica);
    } catch (error) {
      await replica.close();
      throw error;
    }
  }

  static async #serve(parts: Parts, replica: Replica): Promise<Server> {
    const { config, log, peerPort, credentials, metrics, tls, tracing } = parts;
    metrics.watch(replica, credentials);
    const member = metrics.timed(replica);
    const methods =
      tracing === undefined ? methodTable(member) : tracing.withSpans(methodTable(tracing.watch(member)));
    const slowCallMs = config.warningUnaryRequestDurationMs;
    const observer = withSlowCallLog(metrics.grpc, { log, slowCallMs });
    const maxReceiveBytes = config.maxRequestBytes + 512 * 1024;
    const debug = await openDebug(replica, config, log);
    const localCalls = new LocalCalls(methods, observer);
    const rest = config.enableGrpcGateway
      ? new RestSurface({
          backend: localCalls,
          maxMessageBytes: maxReceiveBytes,
          version: serverVersion,
          onInternalError: (path, error) => log.error({ err: error, path }, 'a call over HTTP failed'),
        })
      : undefined;
    const GrpcTransport = config.grpcTransport === 'lean' ? LeanGrpcServer : GrpcServer;
    const clientPort = new ClientPort({
      grpc: new GrpcTransport({
        methods,
        maxReceiveBytes,
        limits: clientLimits(config),
        keepAliveMinTimeMs: config.grpcKeepAliveMinTimeMs,
        keepAliveIntervalMs: config.grpcKeepAliveIntervalMs,
        keepAliveTimeoutMs: config.grpcKeepAliveTimeoutMs,
        observer,
      }),
      http: new HttpSurface({
        member: replica,
        versions: () => ({
          server: serverVersion,
          cluster: replica.clusterVersion ?? 'not_decided',
          storage: replica.clusterVersion ?? 'unknown',
        }),
        metrics: () => metrics.text(),
        observer: metrics.httpObserver,
      }),
      api: rest === undefined ? debug : firstOf(debug, rest),
      access: {
        hosts: namesIn(config.hostWhitelist),
        origins: namesIn(config.cors),
        refusesNames: () => config.enableGrpcGateway && replica.state.auth.isEnabled,
      },
      maxConnections: maxConnectionsOf(config),
      requestTimeoutMs: config.connectionTimeoutMs,
      maxDelayMs: config.maxConnectionDelayMs,
      onInternalError: (path, error) =>
        log.error({ err: error, path }, 'a request over HTTP failed by a bug'),
      onConnectionError: (error) => log.debug({ err: error }, 'a client connection failed'),
      onConnectionRefused: metrics.connections.onConnectionRefused,
      onConnectionDelayed: metrics.connections.onConnectionDelayed,
    });
    let threads: IoThreads | undefined;
    try {
      threads = await openIoThreads(config, {
        ...{ methods, maxReceiveBytes, observer, clientPort, log },
        maxConnections: maxConnectionsOf(config),
        metrics: metrics.connections,
        tls: tls.forThreads,
        onFatal: parts.events.onFatal,
      });
      metrics.connections.watch(clientPort, threads);
      await listenForMetrics(clientPort, config, tls);
      // Clients are let in only after the member has published itself through the log.
      await replica.ready;
      const { reserved } = parts;
      const clientPorts = await listenForClients(clientPort, config, { tls, reserved, threads });
      return new Server({
        replica,
        clientPort,
        localCalls,
        threads,
        peerPort,
        credentials,
        clientPorts,
        log,
        tls,
        tracing,
        debug,
      });
    } catch (error) {
      debug[Symbol.dispose]();
      await threads?.close({ graceMs: 0 });
      await clientPort.close({ graceMs: 0 });
      throw error;
    }
  }

  private constructor(parts: {
    readonly replica: Replica;
    readonly clientPort: ClientPort;
    readonly localCalls: LocalCalls;
    readonly threads: IoThreads | undefined;
    readonly peerPort: PeerPort;
    readonly credentials: Credentials;
    readonly clientPorts: readonly number[];
    readonly tls: MemberTls;
    readonly tracing: Tracing | undefined;
    readonly debug: DebugSurface;
    readonly log: Logger;
  }) {
    this.#replica = parts.replica;
    this.#clientPort = parts.clientPort;
    this.#localCalls = parts.localCalls;
    this.#threads = parts.threads;
    this.#peerPort = parts.peerPort;
    this.#credentials = parts.credentials;
    this.#tls = parts.tls;
    this.#tracing = parts.tracing;
    this.#debug = parts.debug;
    this.#log = parts.log;
    this.clientPorts = parts.clientPorts;
  }

  get memberId(): string {
    return idToHex(this.#replica.id);
  }

  get clusterId(): string {
    return idToHex(this.#replica.clusterId);
  }

  /**
   * Hands over the leadership, ends watches and whatever else would never end, lets calls finish for that long, writes what
   * is pending, and closes everything.
   */
  close({ graceMs = stopGraceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    this.#debug[Symbol.dispose]();
    await this.#replica.handOver();
    this.#localCalls.stop();
    await Promise.all([this.#clientPort.close({ graceMs }), this.#threads?.close({ graceMs })]);
    await this.#replica.close();
    await this.#peerPort.close();
    await this.#tls[Symbol.asyncDispose]();
    await this.#credentials[Symbol.asyncDispose]();
    // Calls that were cut off have ended by now.
    await this.#tracing?.[Symbol.asyncDispose]();
    this.#log.info({ memberId: this.memberId }, 'stopped');
  }
}

/** What makes traces is loaded only where there are some. */
async function openTracing(
  config: ServerConfig,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics },
): Promise<Tracing | undefined> {
  if (!config.enableDistributedTracing) return undefined;
  const { Tracing } = await import('./tracing/tracing.ts');
  const tracing = new Tracing(config, log);
  metrics.watchTraces(() => tracing.counts);
  return tracing;
}

function newMetrics(config: ServerConfig, { ofProcess }: { readonly ofProcess: boolean }): Metrics {
  return new Metrics({
    serverVersion,
    extensive: config.metrics === 'extensive',
    quotaBytes: config.quotaBytes === 0 ? defaults.quotaBytes : Math.max(0, config.quotaBytes),
    slowApplyMs: config.warningApplyDurationMs,
    featureGates: config.featureGates,
    ofProcess,
  });
}

async function openReplica(
  { config, log, storage, peerPort, credentials, metrics, tls }: Parts,
  { bootstrap, observer }: { readonly bootstrap: ResolvedBootstrap; readonly observer: ReplicaObserver },
): Promise<Replica> {
  const runningCluster = storage.hasLog
    ? undefined
    : await findRunningCluster(bootstrap, { log, tls: tls.dialling });
  const backend = await LevelBackend.open(await storage.openDatabase());
  try {
    return await Replica.open({
      ...replicaOptions(config),
      ...clusterOptions(bootstrap),
      ...(runningCluster !== undefined && { runningCluster }),
      ...storage.log,
      backend,
      clock: systemClock,
      random: systemRandom,
      serverVersion,
      observer,
      passwords: credentials.passwords,
      logins: credentials.logins,
      tokens: credentials.tokens,
      network: (host) => {
        const transport = new PeerTransport({
          host,
          observer: peerLog(log, metrics.peerObserver(host.id)),
          tls: tls.dialling,
          localAddress: isOn(config, 'SetMemberLocalAddr')
            ? memberLocalAddress(config.initialAdvertisePeerUrls)
            : undefined,
          dialTimeoutMs: 1_000 + config.electionTimeoutMs,
          readTimeoutMs: Math.max(5_000, config.raftReadTimeoutMs),
          writeTimeoutMs: Math.max(5_000, config.raftWriteTimeoutMs),
        });
        peerPort.serve(transport);
        return transport;
      },
    });
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw error;
  }
}

function clusterOptions({ bootstrap, forceNewCluster, advertisePeerUrls }: ResolvedBootstrap) {
  return {
    initialCluster: bootstrap.initialCluster,
    clusterToken: bootstrap.kind === 'new' ? bootstrap.clusterToken : '',
    initialClusterState: bootstrap.kind,
    forceNewCluster,
    advertisePeerUrls,
  };
}

function isOn({ featureGates }: ServerConfig, gate: string): boolean {
  return featureGates.get(gate) === true;
}

function replicaOptions(config: ServerConfig) {
  const autoCompaction = retentionOf(config);
  return {
    name: config.name,
    clientUrls: config.advertiseClientUrls,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    electionTimeoutMs: config.electionTimeoutMs,
    preVote: config.preVote,
    initialElectionTickAdvance: config.initialElectionTickAdvance,
    learnerCountMax: config.maxLearners,
    strictReconfiguration: config.strictReconfigCheck,
    corruptionCheckMs: config.corruptCheckTimeMs,
    compactHashCheckMs: isOn(config, 'CompactHashCheck') ? config.compactHashCheckTimeMs : 0,
    initialCorruptionCheck: isOn(config, 'InitialCorruptCheck'),
    leaseCheckpointMs: isOn(config, 'LeaseCheckpoint') ? leaseCheckpointMs : 0,
    downgradeCheckMs: config.downgradeCheckTimeMs,
    simpleTokenTtlMs: config.authTokenTtl * 1000,
    snapshotCount: config.snapshotCount,
    snapshotCatchUpEntries: config.snapshotCatchUpEntries,
    priorityRequests: isOn(config, 'PriorityRequest'),
    maxWals: config.maxWals,
    maxSnapFiles: config.maxSnapshots,
    maxRequestBytes: config.maxRequestBytes,
    maxTxnOps: config.maxTxnOps,
    quotaBytes: config.quotaBytes,
    backendBatchIntervalMs: config.backendBatchIntervalMs,
    backendBatchLimit: config.backendBatchLimit,
    valueBudgetBytes: config.valueMemoryBytes,
    compactionSleepMs: config.compactionSleepMs,
    watchProgressIntervalMs: Math.max(100, config.watchProgressIntervalMs),
    unsafeNoFsync: config.unsafeNoFsync,
    ...(autoCompaction !== undefined && { autoCompaction }),
  };
}
