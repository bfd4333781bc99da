import { z } from 'zod';
import { boolean, choice, duration, integer, text, urls, type FieldMeta } from './field.ts';

const tls = 'TLS';
const clusters = 'clusters of several members';
const metricsUrls = 'a listener of its own for metrics';

/**
 * The configuration of a member: the one source of flags, environment, config file, defaults and the table in
 * the docs. Names, defaults and meanings are etcd's (reference: flags and configuration).
 */
export const serverConfig = z.object({
  // Member
  name: text('default', {
    flag: 'name',
    section: 'member',
    description: 'Human-readable name of this member.',
  }),
  dataDir: text('', {
    flag: 'data-dir',
    section: 'member',
    description: 'Data directory; ${name}.etcd when empty.',
  }),
  walDir: text('', {
    flag: 'wal-dir',
    section: 'member',
    description: 'Directory of the log, when it is not below the data directory.',
  }),
  snapshotCount: integer(10_000, {
    flag: 'snapshot-count',
    section: 'member',
    min: 1,
    description: 'Entries between two snapshot marks; below the mark the log is released.',
  }),
  snapshotCatchUpEntries: integer(5_000, {
    flag: 'snapshot-catchup-entries',
    section: 'member',
    min: 0,
    description: 'Entries kept in memory for members that lag.',
  }),
  heartbeatIntervalMs: integer(100, {
    flag: 'heartbeat-interval',
    section: 'member',
    min: 1,
    description: 'Milliseconds between heartbeats of the leader.',
  }),
  electionTimeoutMs: integer(1_000, {
    flag: 'election-timeout',
    section: 'member',
    min: 1,
    max: 50_000,
    description: 'Milliseconds without a heartbeat after which a member campaigns.',
  }),
  initialElectionTickAdvance: boolean(true, {
    flag: 'initial-election-tick-advance',
    section: 'member',
    ignored: 'a single voter campaigns at once',
    description: 'Shorten the first election.',
  }),
  listenPeerUrls: urls('http://localhost:2380', {
    flag: 'listen-peer-urls',
    section: 'member',
    listen: true,
    description: 'URLs to listen on for other members.',
  }),
  listenClientUrls: urls('http://localhost:2379', {
    flag: 'listen-client-urls',
    section: 'member',
    listen: true,
    description: 'URLs to listen on for clients, gRPC and HTTP.',
  }),
  listenClientHttpUrls: urls('', {
    flag: 'listen-client-http-urls',
    section: 'member',
    listen: true,
    notBuilt: 'HTTP on ports of its own',
    description: 'URLs to listen on for HTTP only.',
  }),
  maxWals: integer(5, {
    flag: 'max-wals',
    section: 'member',
    min: 0,
    description: 'Log files kept below the last snapshot mark.',
  }),
  maxSnapshots: integer(5, {
    flag: 'max-snapshots',
    section: 'member',
    min: 0,
    ignored: 'no snapshot files are kept',
    description: 'Snapshot files kept.',
  }),
  memoryMlock: boolean(false, {
    flag: 'memory-mlock',
    section: 'member',
    notBuilt: 'locking memory',
    description: 'Keep all pages in memory.',
  }),
  quotaBytes: integer(0, {
    flag: 'quota-backend-bytes',
    section: 'member',
    description: 'Bytes that keys, values and history may take; 0 is 2 GiB, below 0 no limit.',
  }),
  freelistType: choice(['map', 'array'], 'map', {
    flag: 'backend-bbolt-freelist-type',
    section: 'member',
    ignored: 'the store is not bbolt',
    description: 'Free list of bbolt.',
  }),
  backendBatchIntervalMs: duration('0', {
    flag: 'backend-batch-interval',
    section: 'member',
    description: 'Longest time before applied changes are written to the store; 0 is 100ms.',
  }),
  backendBatchLimit: integer(0, {
    flag: 'backend-batch-limit',
    section: 'member',
    min: 0,
    description: 'Applied entries after which they are written to the store; 0 is 10000.',
  }),
  maxTxnOps: integer(128, {
    flag: 'max-txn-ops',
    section: 'member',
    min: 1,
    description: 'Operations allowed in a transaction.',
  }),
  maxRequestBytes: integer(1_572_864, {
    flag: 'max-request-bytes',
    section: 'member',
    min: 1,
    max: 2 ** 30,
    description: 'Largest request in bytes.',
  }),
  maxConcurrentStreams: integer(4_294_967_295, {
    flag: 'max-concurrent-streams',
    section: 'member',
    min: 1,
    max: 4_294_967_295,
    description: 'Streams that a client connection may have at once.',
  }),
  grpcKeepAliveMinTimeMs: duration('5s', {
    flag: 'grpc-keepalive-min-time',
    section: 'member',
    ignored: 'the gRPC library does not police pings',
    description: 'Shortest time between two pings of a client.',
  }),
  grpcKeepAliveIntervalMs: duration('2h', {
    flag: 'grpc-keepalive-interval',
    section: 'member',
    description: 'Time between pings to a client.',
  }),
  grpcKeepAliveTimeoutMs: duration('20s', {
    flag: 'grpc-keepalive-timeout',
    section: 'member',
    description: 'Wait for the answer to a ping before the connection is closed.',
  }),
  socketReusePort: boolean(false, {
    flag: 'socket-reuse-port',
    section: 'member',
    notBuilt: 'SO_REUSEPORT',
    description: 'Allow several listeners on one port.',
  }),
  socketReuseAddress: boolean(false, {
    flag: 'socket-reuse-address',
    section: 'member',
    ignored: 'Node sets SO_REUSEADDR itself',
    description: 'Allow to bind an address in TIME_WAIT.',
  }),
  enableGrpcGateway: boolean(true, {
    flag: 'enable-grpc-gateway',
    section: 'member',
    ignored: 'there is no JSON gateway in this version',
    description: 'Serve the API as JSON over HTTP.',
  }),
  raftReadTimeoutMs: duration('5s', {
    flag: 'raft-read-timeout',
    section: 'member',
    ignored: clusters,
    description: 'Read time-out of peer connections.',
  }),
  raftWriteTimeoutMs: duration('5s', {
    flag: 'raft-write-timeout',
    section: 'member',
    ignored: clusters,
    description: 'Write time-out of peer connections.',
  }),
  featureGates: text('', {
    flag: 'feature-gates',
    section: 'member',
    notBuilt: 'feature gates',
    description: 'Features to switch, as Name=true,Other=false.',
  }),

  // Clustering
  initialAdvertisePeerUrls: urls('http://localhost:2380', {
    flag: 'initial-advertise-peer-urls',
    section: 'clustering',
    description: 'Peer URLs told to the other members.',
  }),
  initialCluster: text('', {
    flag: 'initial-cluster',
    section: 'clustering',
    description: 'Members of a new cluster as name=url,…; this member alone when empty.',
  }),
  initialClusterState: choice(['new', 'existing'], 'new', {
    flag: 'initial-cluster-state',
    section: 'clustering',
    description: 'Whether the cluster is new.',
  }),
  initialClusterToken: text('etcd-cluster', {
    flag: 'initial-cluster-token',
    section: 'clustering',
    description: 'Tells clusters with the same URLs apart.',
  }),
  advertiseClientUrls: urls('', {
    flag: 'advertise-client-urls',
    section: 'clustering',
    description: 'Client URLs told to the cluster; http://localhost:2379 by default.',
  }),
  discoveryToken: text('', {
    flag: 'discovery-token',
    section: 'clustering',
    notBuilt: 'discovery',
    description: 'Token of the v3 discovery.',
  }),
  discoveryEndpoints: text('', {
    flag: 'discovery-endpoints',
    section: 'clustering',
    notBuilt: 'discovery',
    description: 'Endpoints of the v3 discovery.',
  }),
  discoverySrv: text('', {
    flag: 'discovery-srv',
    section: 'clustering',
    notBuilt: 'discovery',
    description: 'DNS domain to find members in.',
  }),
  discoverySrvName: text('', {
    flag: 'discovery-srv-name',
    section: 'clustering',
    notBuilt: 'discovery',
    description: 'Suffix of the DNS services.',
  }),
  strictReconfigCheck: boolean(true, {
    flag: 'strict-reconfig-check',
    section: 'clustering',
    ignored: clusters,
    description: 'Refuse changes of members that would lose the quorum.',
  }),
  preVote: boolean(true, {
    flag: 'pre-vote',
    section: 'clustering',
    description: 'Ask for votes before raising the term.',
  }),
  autoCompactionRetention: text('0', {
    flag: 'auto-compaction-retention',
    section: 'clustering',
    description: 'History to keep: hours or a duration (periodic), or revisions; 0 is all.',
  }),
  autoCompactionMode: choice(['periodic', 'revision'], 'periodic', {
    flag: 'auto-compaction-mode',
    section: 'clustering',
    description: 'What the retention counts.',
  }),
  maxLearners: integer(1, {
    flag: 'max-learners',
    section: 'clustering',
    min: 0,
    ignored: clusters,
    description: 'Learners allowed at once.',
  }),
  forceNewCluster: boolean(false, {
    flag: 'force-new-cluster',
    section: 'clustering',
    notBuilt: clusters,
    description: 'Make a cluster of one from this data.',
  }),

  // Security
  certFile: text('', {
    flag: 'cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate for clients.',
  }),
  keyFile: text('', {
    flag: 'key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key for clients.',
  }),
  clientCertFile: text('', {
    flag: 'client-cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate shown when dialling.',
  }),
  clientKeyFile: text('', {
    flag: 'client-key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key used when dialling.',
  }),
  trustedCaFile: text('', {
    flag: 'trusted-ca-file',
    section: 'security',
    notBuilt: tls,
    description: 'Authorities of client certificates.',
  }),
  clientCrlFile: text('', {
    flag: 'client-crl-file',
    section: 'security',
    notBuilt: tls,
    description: 'Revoked client certificates.',
  }),
  clientCertAuth: boolean(false, {
    flag: 'client-cert-auth',
    section: 'security',
    notBuilt: tls,
    description: 'Demand client certificates.',
  }),
  clientCertAllowedHostname: text('', {
    flag: 'client-cert-allowed-hostname',
    section: 'security',
    notBuilt: tls,
    description: 'Allowed host names of clients.',
  }),
  autoTls: boolean(false, {
    flag: 'auto-tls',
    section: 'security',
    notBuilt: tls,
    description: 'Generate a certificate for clients.',
  }),
  peerCertFile: text('', {
    flag: 'peer-cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate for peers.',
  }),
  peerKeyFile: text('', {
    flag: 'peer-key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key for peers.',
  }),
  peerTrustedCaFile: text('', {
    flag: 'peer-trusted-ca-file',
    section: 'security',
    notBuilt: tls,
    description: 'Authorities of peer certificates.',
  }),
  peerClientCertAuth: boolean(false, {
    flag: 'peer-client-cert-auth',
    section: 'security',
    notBuilt: tls,
    description: 'Demand peer certificates.',
  }),
  peerAutoTls: boolean(false, {
    flag: 'peer-auto-tls',
    section: 'security',
    notBuilt: tls,
    description: 'Generate a certificate for peers.',
  }),
  peerCrlFile: text('', {
    flag: 'peer-crl-file',
    section: 'security',
    notBuilt: tls,
    description: 'Revoked peer certificates.',
  }),
  peerCertAllowedCn: text('', {
    flag: 'peer-cert-allowed-cn',
    section: 'security',
    notBuilt: tls,
    description: 'Allowed common names of peers.',
  }),
  peerCertAllowedHostname: text('', {
    flag: 'peer-cert-allowed-hostname',
    section: 'security',
    notBuilt: tls,
    description: 'Allowed host names of peers.',
  }),
  cipherSuites: text('', {
    flag: 'cipher-suites',
    section: 'security',
    notBuilt: tls,
    description: 'TLS cipher suites.',
  }),
  tlsMinVersion: text('TLS1.2', {
    flag: 'tls-min-version',
    section: 'security',
    notBuilt: tls,
    description: 'Lowest TLS version.',
  }),
  tlsMaxVersion: text('', {
    flag: 'tls-max-version',
    section: 'security',
    notBuilt: tls,
    description: 'Highest TLS version.',
  }),
  selfSignedCertValidity: integer(1, {
    flag: 'self-signed-cert-validity',
    section: 'security',
    notBuilt: tls,
    description: 'Years that a generated certificate is valid.',
  }),
  cors: text('*', {
    flag: 'cors',
    section: 'security',
    notBuilt: 'CORS',
    description: 'Origins allowed to call over HTTP.',
  }),
  hostWhitelist: text('*', {
    flag: 'host-whitelist',
    section: 'security',
    notBuilt: 'a list of allowed hosts',
    description: 'Host names that HTTP requests may name.',
  }),
  authToken: text('simple', {
    flag: 'auth-token',
    section: 'security',
    notBuilt: 'authentication',
    description: 'Kind of token.',
  }),
  authTokenTtl: integer(300, {
    flag: 'auth-token-ttl',
    section: 'security',
    min: 1,
    ignored: 'there is no authentication in this version',
    description: 'Seconds that a token lives.',
  }),
  bcryptCost: integer(10, {
    flag: 'bcrypt-cost',
    section: 'security',
    ignored: 'there is no authentication in this version',
    description: 'Cost of a password hash.',
  }),

  // Logging
  logger: choice(['zap', 'pino'], 'zap', {
    flag: 'logger',
    section: 'logging',
    ignored: 'logs are pino JSON',
    description: 'Logger of etcd.',
  }),
  logOutputs: text('default', {
    flag: 'log-outputs',
    section: 'logging',
    description: 'Where logs go: default or stderr, stdout, or files, comma-separated.',
  }),
  logLevel: choice(['debug', 'info', 'warn', 'error', 'panic', 'fatal'], 'info', {
    flag: 'log-level',
    section: 'logging',
    description: 'The least serious log lines to write.',
  }),
  logFormat: choice(['json', 'console'], 'json', {
    flag: 'log-format',
    section: 'logging',
    ignored: 'logs are JSON',
    description: 'Format of logs.',
  }),
  enableLogRotation: boolean(false, {
    flag: 'enable-log-rotation',
    section: 'logging',
    notBuilt: 'log rotation',
    description: 'Rotate a log file.',
  }),
  enablePprof: boolean(false, {
    flag: 'enable-pprof',
    section: 'logging',
    notBuilt: 'profiles over HTTP',
    description: 'Serve profiles.',
  }),
  metrics: choice(['basic', 'extensive'], 'basic', {
    flag: 'metrics',
    section: 'logging',
    description: 'extensive adds histograms of gRPC calls.',
  }),
  listenMetricsUrls: urls('', {
    flag: 'listen-metrics-urls',
    section: 'logging',
    notBuilt: metricsUrls,
    description: 'URLs for metrics and health.',
  }),
  warningUnaryRequestDurationMs: duration('300ms', {
    flag: 'warning-unary-request-duration',
    section: 'logging',
    description: 'A request that takes longer is logged.',
  }),
  warningApplyDurationMs: duration('100ms', {
    flag: 'warning-apply-duration',
    section: 'logging',
    description: 'An entry that takes longer to apply is logged.',
  }),
  enableDistributedTracing: boolean(false, {
    flag: 'enable-distributed-tracing',
    section: 'logging',
    notBuilt: 'tracing',
    description: 'Send traces.',
  }),

  // Behaviour
  compactionBatchLimit: integer(1_000, {
    flag: 'compaction-batch-limit',
    section: 'behaviour',
    min: 1,
    ignored: 'compaction goes in slices of a millisecond',
    description: 'Revisions removed in one batch.',
  }),
  compactionSleepMs: duration('10ms', {
    flag: 'compaction-sleep-interval',
    section: 'behaviour',
    description: 'Pause between slices of a compaction.',
  }),
  watchProgressIntervalMs: duration('10m', {
    flag: 'watch-progress-notify-interval',
    section: 'behaviour',
    description: 'Time between progress notifications of an idle watcher.',
  }),
  corruptCheckTimeMs: duration('0', {
    flag: 'corrupt-check-time',
    section: 'behaviour',
    notBuilt: clusters,
    description: 'Time between comparisons of hashes.',
  }),
  compactHashCheckTimeMs: duration('1m', {
    flag: 'compact-hash-check-time',
    section: 'behaviour',
    ignored: clusters,
    description: 'Time between comparisons of compaction hashes.',
  }),
  downgradeCheckTimeMs: duration('5s', {
    flag: 'downgrade-check-time',
    section: 'behaviour',
    ignored: clusters,
    description: 'Time between looks at a downgrade.',
  }),
  bootstrapDefragThreshold: integer(0, {
    flag: 'bootstrap-defrag-threshold-megabytes',
    section: 'behaviour',
    min: 0,
    ignored: 'there is nothing to defragment',
    description: 'Defragment at start when so much is free.',
  }),
  unsafeNoFsync: boolean(false, {
    flag: 'unsafe-no-fsync',
    section: 'behaviour',
    description: 'Acknowledge before the log is on disk: a crash loses data.',
  }),
});

export type ServerConfig = z.output<typeof serverConfig>;
export type ConfigKey = keyof ServerConfig;

/** What a field says of itself. */
export function metaOf(key: ConfigKey): FieldMeta {
  // `field.ts` is the only maker of these schemas, and gives each of them this meta.
  return serverConfig.shape[key].meta() as unknown as FieldMeta;
}

/** Every field, in the order of the schema. */
export const configKeys = Object.keys(serverConfig.shape) as ConfigKey[];

/** Flags of old versions that etcd still accepts and ignores. */
export const legacyFlags: readonly string[] = [
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
];
