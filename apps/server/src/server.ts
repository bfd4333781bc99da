import { defaults, LevelBackend, Replica, type ReplicaObserver } from '@quorate/replica';
import { ClientPort, GrpcServer, HttpSurface, methodTable } from '@quorate/rpc';
import { idToHex, systemClock, systemRandom } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import type { Server as NetServer } from 'node:net';
import type { Logger } from 'pino';
import { holdPeerPort, listenOn } from './addresses.ts';
import { retentionOf } from './config/load.ts';
import type { ServerConfig } from './config/schema.ts';
import { openDataDir, type DataDir } from './data-dir.ts';
import { Metrics } from './metrics.ts';
import { joined, replicaLog, withSlowCallLog } from './observers.ts';
import { openStore } from './store.ts';
import { serverVersion } from './version.ts';

/** How long calls under way may take after the member was told to stop. */
const stopGraceMs = 2_000;

/** A running member. */
export class Server implements AsyncDisposable {
  readonly #replica: Replica;
  readonly #clientPort: ClientPort;
  readonly #peerPorts: readonly NetServer[];
  readonly #log: Logger;
  #closed: Promise<void> | undefined;

  /** Ports that clients are served on, in the order of `--listen-client-urls`. */
  readonly clientPorts: readonly number[];

  /**
   * Opens the data directory, starts the member, waits until it serves, and listens.
   *
   * @param onFatal called once when the member can't go on; the process should end
   */
  static async start(config: ServerConfig, log: Logger, onFatal: (error: unknown) => void): Promise<Server> {
    const dataDir = await openDataDir(config, log);
    const peerPorts: NetServer[] = [];
    try {
      // First of all, so that a member that is refused its port has not begun a cluster yet.
      await listenOn('--listen-peer-urls', config.listenPeerUrls, async (address) => {
        peerPorts.push(await holdPeerPort(address));
      });
      return await Server.#open(config, log, { dataDir, peerPorts, onFatal });
    } catch (error) {
      for (const port of peerPorts) port.close();
      throw error;
    }
  }

  static async #open(
    config: ServerConfig,
    log: Logger,
    {
      dataDir,
      peerPorts,
      onFatal,
    }: {
      readonly dataDir: DataDir;
      readonly peerPorts: readonly NetServer[];
      readonly onFatal: (error: unknown) => void;
    },
  ): Promise<Server> {
    const metrics = new Metrics({
      serverVersion,
      extensive: config.metrics === 'extensive',
      quotaBytes: config.quotaBytes === 0 ? defaults.quotaBytes : Math.max(0, config.quotaBytes),
      slowApplyMs: config.warningApplyDurationMs,
      featureGates: config.featureGates,
    });
    const slowApplyMs = config.warningApplyDurationMs;
    const observer = joined(metrics.replicaObserver, replicaLog(log, { slowApplyMs }), { onFatal });
    const replica = await openReplica(config, { dataDir, log, observer });
    try {
      return await Server.#serve(config, log, { replica, metrics, peerPorts });
    } catch (error) {
      await replica.close();
      throw error;
    }
  }

  static async #serve(
    config: ServerConfig,
    log: Logger,
    {
      replica,
      metrics,
      peerPorts,
    }: {
      readonly replica: Replica;
      readonly metrics: Metrics;
      readonly peerPorts: readonly NetServer[];
    },
  ): Promise<Server> {
    metrics.watch(replica);
    // Clients are let in only after the member has published itself through the log.
    await replica.ready;
    const clientPort = new ClientPort({
      grpc: new GrpcServer({
        methods: methodTable(replica),
        maxReceiveBytes: config.maxRequestBytes + 512 * 1024,
        maxConcurrentStreams: config.maxConcurrentStreams,
        keepAliveIntervalMs: config.grpcKeepAliveIntervalMs,
        keepAliveTimeoutMs: config.grpcKeepAliveTimeoutMs,
        observer: withSlowCallLog(metrics.grpc, { log, slowCallMs: config.warningUnaryRequestDurationMs }),
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
      onConnectionError: (error) => log.debug({ err: error }, 'a client connection failed'),
    });
    try {
      const clientPorts = await listenOn('--listen-client-urls', config.listenClientUrls, (address) =>
        clientPort.listen(address),
      );
      return new Server({ replica, clientPort, peerPorts, clientPorts, log });
    } catch (error) {
      await clientPort.close({ graceMs: 0 });
      throw error;
    }
  }

  private constructor(parts: {
    readonly replica: Replica;
    readonly clientPort: ClientPort;
    readonly peerPorts: readonly NetServer[];
    readonly clientPorts: readonly number[];
    readonly log: Logger;
  }) {
    this.#replica = parts.replica;
    this.#clientPort = parts.clientPort;
    this.#peerPorts = parts.peerPorts;
    this.#log = parts.log;
    this.clientPorts = parts.clientPorts;
  }

  get memberId(): string {
    return idToHex(this.#replica.id);
  }

  get clusterId(): string {
    return idToHex(this.#replica.clusterId);
  }

  /** Lets calls finish, writes what is pending, and closes everything. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const port of this.#peerPorts) port.close();
    await this.#clientPort.close({ graceMs: stopGraceMs });
    await this.#replica.close();
    this.#log.info({ memberId: this.memberId }, 'stopped');
  }
}

async function openReplica(
  config: ServerConfig,
  parts: { readonly dataDir: DataDir; readonly log: Logger; readonly observer: ReplicaObserver },
): Promise<Replica> {
  const { dataDir, log, observer } = parts;
  const backend = await LevelBackend.open(await openStore(dataDir.storeDir, log));
  try {
    return await Replica.open({
      ...replicaOptions(config),
      disk: new NodeDisk(),
      walDir: dataDir.walDir,
      backend,
      clock: systemClock,
      random: systemRandom,
      serverVersion,
      observer,
    });
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw error;
  }
}

function replicaOptions(config: ServerConfig) {
  const autoCompaction = retentionOf(config);
  return {
    name: config.name,
    initialCluster: config.initialCluster,
    clusterToken: config.initialClusterToken,
    clientUrls: config.advertiseClientUrls,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    electionTimeoutMs: config.electionTimeoutMs,
    preVote: config.preVote,
    snapshotCount: config.snapshotCount,
    snapshotCatchUpEntries: config.snapshotCatchUpEntries,
    maxWals: config.maxWals,
    maxRequestBytes: config.maxRequestBytes,
    maxTxnOps: config.maxTxnOps,
    quotaBytes: config.quotaBytes,
    backendBatchIntervalMs: config.backendBatchIntervalMs,
    backendBatchLimit: config.backendBatchLimit,
    compactionSleepMs: config.compactionSleepMs,
    watchProgressIntervalMs: Math.max(100, config.watchProgressIntervalMs),
    unsafeNoFsync: config.unsafeNoFsync,
    ...(autoCompaction !== undefined && { autoCompaction }),
  };
}
