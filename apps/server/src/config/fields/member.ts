import { gates } from '../feature-gates.ts';
import { boolean, choice, duration, integer, text, urls } from '../field.ts';

/** Settings of the member itself: where it lies, listens and what it allows (reference: flags and configuration). */
export const memberFields = {
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
    experimental: true,
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
    description: 'Shorten the first election after a start.',
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
    description: 'URLs to listen on for HTTP only; the client URLs are for gRPC only then.',
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
    description: 'Snapshot files kept for members of etcd 3.5 to 3.7; 0 keeps all.',
  }),
  memoryMlock: boolean(false, {
    flag: 'memory-mlock',
    experimental: true,
    section: 'member',
    refused:
      'Node cannot lock memory; forbid swapping to the member instead (MemorySwapMax=0 in its systemd unit, memory.swap.max of its cgroup)',
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
  valueMemoryBytes: integer(134_217_728, {
    flag: 'value-memory-bytes',
    section: 'member',
    own: true,
    min: 0,
    description:
      'Bytes of values kept in memory; others are read from the store, at some ten microseconds each. Keys come on top.',
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
  maxConcurrentStreams: integer(1_024, {
    flag: 'max-concurrent-streams',
    section: 'member',
    min: 1,
    max: 4_294_967_295,
    description: 'Calls that a client connection may have at once; etcd allows 4294967295.',
  }),
  grpcTransport: choice(['lean', 'grpc-js'], 'lean', {
    flag: 'grpc-transport',
    section: 'member',
    own: true,
    description:
      'What serves calls of clients: HTTP/2 of our own, at a tenth of the cost, or the library grpc-js.',
  }),
  ioThreads: integer(0, {
    flag: 'io-threads',
    section: 'member',
    own: true,
    min: 0,
    max: 16,
    description:
      "Threads that hold clients' connections, TLS and HTTP/2 included; 0: the member's own thread does. Of use with more than two cores.",
  }),
  grpcKeepAliveMinTimeMs: duration('5s', {
    flag: 'grpc-keepalive-min-time',
    section: 'member',
    description:
      "Shortest time between two pings of a client with calls; a client that goes on is cut off. 0 is gRPC's own five minutes.",
  }),
  grpcKeepAliveIntervalMs: duration('2h', {
    flag: 'grpc-keepalive-interval',
    section: 'member',
    description: 'Time between pings to a client; 0 is never.',
  }),
  grpcKeepAliveTimeoutMs: duration('20s', {
    flag: 'grpc-keepalive-timeout',
    section: 'member',
    description: 'Wait for the answer to a ping before the connection is closed; 0: there are no pings.',
  }),
  socketReusePort: boolean(false, {
    flag: 'socket-reuse-port',
    section: 'member',
    description: 'Allow several listeners on one port (SO_REUSEPORT), where the system has that.',
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
    description: 'Serve the API as JSON over HTTP.',
  }),
  raftReadTimeoutMs: duration('5s', {
    flag: 'raft-read-timeout',
    section: 'member',
    description: 'Read time-out of peer connections.',
  }),
  raftWriteTimeoutMs: duration('5s', {
    flag: 'raft-write-timeout',
    section: 'member',
    description: 'Write time-out of peer connections.',
  }),
  featureGates: gates({
    flag: 'feature-gates',
    section: 'member',
    description: 'Features to switch, as Name=true,Other=false.',
  }),
};
