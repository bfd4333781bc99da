import { LevelBackend, Replica, type ReplicaObserver } from '@quorate/replica';
import { ClientPort, GrpcServer, HttpSurface, methodTable } from '@quorate/rpc';
import { idToHex, systemClock, systemRandom } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server as NetServer } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { retentionOf } from './config/load.ts';
import type { ServerConfig } from './config/schema.ts';
import { Metrics } from './metrics.ts';
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
    const memberDir = join(config.dataDir, 'member');
    await mkdir(memberDir, { recursive: true, mode: 0o700 });
    const backend = await LevelBackend.open(await openStore(join(memberDir, 'store'), log));
    const metrics = new Metrics({
      serverVersion,
      extensive: config.metrics === 'extensive',
      quotaBytes: config.quotaBytes,
    });
    let replica: Replica;
    try {
      replica = await Replica.open({
        ...replicaOptions(config),
        disk: new NodeDisk(),
        walDir: config.walDir || join(memberDir, 'wal'),
        backend,
        clock: systemClock,
        random: systemRandom,
        serverVersion,
        observer: observers(metrics.replicaObserver, logObserver(log), { onFatal }),
      });
    } catch (error) {
      await backend[Symbol.asyncDispose]();
      throw error;
    }
    try {
      return await Server.#serve(config, log, { replica, metrics });
    } catch (error) {
      await replica.close();
      throw error;
    }
  }

  static async #serve(
    config: ServerConfig,
    log: Logger,
    { replica, metrics }: { readonly replica: Replica; readonly metrics: Metrics },
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
        observer: metrics.grpcObserver,
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
    const peerPorts: NetServer[] = [];
    try {
      const clientPorts: number[] = [];
      for (const url of config.listenClientUrls) clientPorts.push(await clientPort.listen(addressOf(url)));
      for (const url of config.listenPeerUrls) peerPorts.push(await holdPeerPort(url));
      return new Server({ replica, clientPort, peerPorts, clientPorts, log });
    } catch (error) {
      await clientPort.close({ graceMs: 0 });
      for (const port of peerPorts) port.close();
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

/** What an operator wants to read of what the replica did. */
function logObserver(log: Logger): ReplicaObserver {
  return {
    onLogRepaired: (event) => log.warn(event, 'cut a torn tail off the log; nothing acknowledged was in it'),
    onLeaderChange: ({ leader, term }) => log.debug({ leader: idToHex(leader), term }, 'the leader changed'),
    onCompacted: (event) => log.info(event, 'compacted the store'),
    onSnapshot: ({ index, released }) => log.info({ index, released }, 'marked a snapshot in the log'),
    onAlarm: ({ member, type, active }) =>
      log.warn(
        { alarm: type, memberId: idToHex(member) },
        active ? 'an alarm was raised' : 'an alarm was disarmed',
      ),
    onFatal: (error) => log.fatal({ err: error }, 'the member cannot go on and stops'),
  };
}

/** One observer that tells several, in their order. */
function observers(...all: readonly ReplicaObserver[]): ReplicaObserver {
  const names = new Set(all.flatMap((observer) => Object.keys(observer)));
  const joined: Record<string, (event: unknown) => void> = {};
  for (const name of names) {
    joined[name] = (event) => {
      // Every observer takes the event of the name it declares.
      for (const observer of all)
        (observer as Record<string, ((event: unknown) => void) | undefined>)[name]?.(event);
    };
  }
  return joined;
}

function addressOf(url: string): { host: string; port: number } | { path: string } {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol === 'unix:') return { path: `${hostname}${port && `:${port}`}${pathname}` };
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** A single member has no peers, but the port is taken, so that a second member on it is refused at once. */
async function holdPeerPort(url: string): Promise<NetServer> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(addressOf(url), resolve);
  });
  return server;
}
