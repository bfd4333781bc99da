import { z } from 'zod';
import { boolean, choice, duration, integer, list, text } from '../config/field.ts';
import { discoveryFields } from './discovery-fields.ts';
import type { FlagSet } from './flag-set.ts';

const int32Max = 2_147_483_647;
const uint32Max = 4_294_967_295;

const listening = {
  listenAddr: text('127.0.0.1:23790', {
    flag: 'listen-addr',
    section: 'member',
    description: 'Address to listen on, host:port, for gRPC and HTTP.',
  }),
  advertiseClientUrl: text('127.0.0.1:23790', {
    flag: 'advertise-client-url',
    section: 'member',
    description: 'Address that clients reach the proxy at: what it answers for the list of members.',
  }),
  metricsAddr: text('', {
    flag: 'metrics-addr',
    section: 'member',
    description: 'URL to serve metrics and health on as well.',
  }),
  dataDir: text('default.proxy', {
    flag: 'data-dir',
    section: 'member',
    description: 'Where certificates of --auto-tls lie.',
  }),
  namespace: text('', {
    flag: 'namespace',
    section: 'member',
    description: 'What stands before every key in the cluster, and in no client.',
  }),
  resolverPrefix: text('', {
    flag: 'resolver-prefix',
    section: 'member',
    description: 'Prefix under which proxies of one cluster list themselves and find each other.',
  }),
  resolverTtlSeconds: integer(0, {
    flag: 'resolver-ttl',
    section: 'member',
    description: 'Seconds after which a proxy that is gone is off that list.',
  }),
};

const cluster = {
  endpoints: list('127.0.0.1:2379', {
    flag: 'endpoints',
    section: 'clustering',
    description: 'Members of the cluster, comma-separated.',
  }),
  endpointsAutoSyncIntervalMs: duration('0s', {
    flag: 'endpoints-auto-sync-interval',
    section: 'clustering',
    description: 'Time between two questions to the cluster for its members; 0 is never.',
  }),
  ...discoveryFields,
};

const dialTls = {
  cacert: text('', {
    flag: 'cacert',
    section: 'security',
    description: 'Authorities of the certificates of members; those of the system when empty.',
  }),
  cert: text('', {
    flag: 'cert',
    section: 'security',
    description: 'Certificate that members are shown; its common name has to be empty.',
  }),
  key: text('', { flag: 'key', section: 'security', description: 'Key of --cert.' }),
  insecureSkipTlsVerify: boolean(false, {
    flag: 'insecure-skip-tls-verify',
    section: 'security',
    description: 'Trust any certificate of a member; for tests.',
  }),
};

const listenTls = {
  certFile: text('', {
    flag: 'cert-file',
    section: 'security',
    description: 'Certificate that clients are shown.',
  }),
  keyFile: text('', { flag: 'key-file', section: 'security', description: 'Key of --cert-file.' }),
  trustedCaFile: text('', {
    flag: 'trusted-ca-file',
    section: 'security',
    description: "Authorities of clients' certificates; with it every client needs one.",
  }),
  autoTls: boolean(false, {
    flag: 'auto-tls',
    section: 'security',
    description: 'Make a certificate for clients, in the data directory, when none is given.',
  }),
  selfSignedCertValidityYears: integer(1, {
    flag: 'self-signed-cert-validity',
    section: 'security',
    min: 0,
    max: uint32Max,
    description: 'Years that a certificate made here is valid.',
  }),
  clientCrlFile: text('', {
    flag: 'client-crl-file',
    section: 'security',
    description: 'Revoked client certificates: a CRL, PEM or DER.',
  }),
  listenCipherSuites: list('', {
    flag: 'listen-cipher-suites',
    section: 'security',
    description:
      'Cipher suites of TLS 1.2 by their names in Go, comma-separated; empty is all that are safe.',
  }),
  tlsMinVersion: text('TLS1.2', {
    flag: 'tls-min-version',
    section: 'security',
    description: 'Oldest version of TLS that clients may speak: TLS1.2 or TLS1.3.',
  }),
  tlsMaxVersion: text('', {
    flag: 'tls-max-version',
    section: 'security',
    description: 'Newest version of TLS: TLS1.2 or TLS1.3; empty is the newest there is.',
  }),
};

const limits = {
  maxSendBytes: integer(1_572_864, {
    flag: 'max-send-bytes',
    section: 'behaviour',
    min: 1,
    max: int32Max,
    description: 'Largest request to a member.',
  }),
  maxRecvBytes: integer(int32Max, {
    flag: 'max-recv-bytes',
    section: 'behaviour',
    min: 1,
    max: int32Max,
    description: 'Largest answer of a member.',
  }),
  maxConcurrentStreams: integer(1_024, {
    flag: 'max-concurrent-streams',
    section: 'behaviour',
    min: 1,
    max: uint32Max,
    description: 'Calls that a client connection may have at once; etcd allows 4294967295.',
  }),
  grpcTransport: choice(['lean', 'grpc-js'], 'lean', {
    flag: 'grpc-transport',
    section: 'behaviour',
    own: true,
    description:
      'What serves calls of clients: HTTP/2 of our own, at a tenth of the cost, or the library grpc-js.',
  }),
  grpcKeepaliveMinTimeMs: duration('5s', {
    flag: 'grpc-keepalive-min-time',
    section: 'behaviour',
    description:
      "Shortest time between two pings of a client with calls; a client that goes on is cut off. 0 is gRPC's own five minutes.",
  }),
  grpcKeepaliveIntervalMs: duration('2h0m0s', {
    flag: 'grpc-keepalive-interval',
    section: 'behaviour',
    description: 'Time between pings to a client; 0 is never.',
  }),
  grpcKeepaliveTimeoutMs: duration('20s', {
    flag: 'grpc-keepalive-timeout',
    section: 'behaviour',
    description: 'Wait for the answer to a ping before the connection is closed; 0 is for ever.',
  }),
  dialKeepaliveTimeMs: duration('0s', {
    flag: 'dial-keepalive-time',
    section: 'behaviour',
    description: 'Time between pings to a member; 0 is never.',
  }),
  dialKeepaliveTimeoutMs: duration('20s', {
    flag: 'dial-keepalive-timeout',
    section: 'behaviour',
    description: 'Wait for the answer to such a ping before the connection is closed.',
  }),
  permitWithoutStream: boolean(false, {
    flag: 'permit-without-stream',
    section: 'behaviour',
    description: 'Ping members also while there is no call.',
  }),
  drainTimeoutMs: duration('10s', {
    flag: 'drain-timeout',
    section: 'behaviour',
    own: true,
    description: 'Longest time for calls under way when the proxy is to stop.',
  }),
};

const others = {
  debug: boolean(false, {
    flag: 'debug',
    section: 'logging',
    description: 'Write log lines of the level debug.',
  }),
  logLevel: choice(['debug', 'info', 'warn', 'error'], 'info', {
    flag: 'log-level',
    section: 'logging',
    own: true,
    description: 'The least serious log lines to write, unless --debug is given.',
  }),
  enablePprof: boolean(false, {
    flag: 'enable-pprof',
    section: 'logging',
    refused:
      'a proxy knows no users, so anybody could ask; take a profile by NODE_OPTIONS=--cpu-prof, or one of a member',
    description: 'Serve profiles.',
  }),
  experimentalSerializableOrdering: boolean(false, {
    flag: 'experimental-serializable-ordering',
    section: 'experimental',
    description: 'Give no client an answer that is older than one that it had before.',
  }),
  experimentalLeasingPrefix: text('', {
    flag: 'experimental-leasing-prefix',
    section: 'experimental',
    description: 'Prefix of the keys by which the proxy owns keys that it answers reads of by itself.',
  }),
  experimentalEnableGrpcLogging: boolean(false, {
    flag: 'experimental-enable-grpc-logging',
    section: 'experimental',
    refused: 'keys and values never go into a log: take --debug, or the metrics of the proxy',
    description: 'Log all gRPC requests and responses.',
  }),
};

/** Settings of `quorate grpc-proxy start`: the one source of its flags, defaults and docs. Names and defaults are etcd's. */
export const grpcProxyConfig = z.object({
  ...listening,
  ...cluster,
  ...dialTls,
  ...listenTls,
  ...limits,
  ...others,
});

export type GrpcProxyConfig = z.output<typeof grpcProxyConfig>;

/** The command. */
export const grpcProxyFlags: FlagSet<typeof grpcProxyConfig> = {
  name: 'grpc-proxy start',
  summary: "etcd's gRPC API in front of a cluster, which has fewer watches, leases and reads to bear.",
  schema: grpcProxyConfig,
  headings: {
    member: 'Proxy:',
    clustering: 'Members:',
    security: 'Security:',
    behaviour: 'Limits:',
    logging: 'Logging:',
    experimental: 'Experimental:',
  },
};
