import { boolean, choice, duration, integer, text, urls } from '../field.ts';

const v2Discovery =
  "etcd's v2 discovery is gone after etcd 3.6: use --discovery-token with --discovery-endpoints, or --discovery-srv";

/** Settings of the cluster that it belongs to (reference: flags and configuration). */
export const clusteringFields = {
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
    description: 'Whether the cluster is made now, or is there and this member was added to it.',
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
    description: 'Token of the discovery: where the members of a new cluster register.',
  }),
  discoveryEndpoints: text('', {
    flag: 'discovery-endpoints',
    section: 'clustering',
    description: 'Endpoints of the cluster that they register at, comma-separated.',
  }),
  discovery: text('', {
    flag: 'discovery',
    section: 'clustering',
    refused: v2Discovery,
    description: 'URL of the v2 discovery.',
  }),
  discoveryProxy: text('', {
    flag: 'discovery-proxy',
    section: 'clustering',
    refused: v2Discovery,
    description: 'HTTP proxy on the way to the v2 discovery.',
  }),
  discoveryFallback: choice(['exit'], 'exit', {
    flag: 'discovery-fallback',
    section: 'clustering',
    description: 'What follows when discovery fails: the member ends.',
  }),
  discoveryDialTimeoutMs: duration('2s', {
    flag: 'discovery-dial-timeout',
    section: 'clustering',
    description: 'Wait for a connection to the discovery.',
  }),
  discoveryRequestTimeoutMs: duration('5s', {
    flag: 'discovery-request-timeout',
    section: 'clustering',
    description: 'Wait for an answer of the discovery.',
  }),
  discoveryKeepAliveTimeMs: duration('2s', {
    flag: 'discovery-keepalive-time',
    section: 'clustering',
    description: 'Time between pings to the discovery.',
  }),
  discoveryKeepAliveTimeoutMs: duration('6s', {
    flag: 'discovery-keepalive-timeout',
    section: 'clustering',
    description: 'Wait for the answer to such a ping.',
  }),
  discoveryInsecureTransport: boolean(true, {
    flag: 'discovery-insecure-transport',
    section: 'clustering',
    description: 'Reach the discovery without TLS, unless a certificate is given.',
  }),
  discoveryInsecureSkipTlsVerify: boolean(false, {
    flag: 'discovery-insecure-skip-tls-verify',
    section: 'clustering',
    description: 'Trust any certificate of the discovery.',
  }),
  discoveryCert: text('', {
    flag: 'discovery-cert',
    section: 'clustering',
    description: 'Certificate shown to the discovery.',
  }),
  discoveryKey: text('', {
    flag: 'discovery-key',
    section: 'clustering',
    description: 'Key used towards the discovery.',
  }),
  discoveryCaCert: text('', {
    flag: 'discovery-cacert',
    section: 'clustering',
    description: 'Authorities of the certificate of the discovery.',
  }),
  discoveryUser: text('', {
    flag: 'discovery-user',
    section: 'clustering',
    description: 'User at the discovery, as name or name:password.',
  }),
  discoveryPassword: text('', {
    flag: 'discovery-password',
    section: 'clustering',
    description: 'Password at the discovery.',
  }),
  discoverySrv: text('', {
    flag: 'discovery-srv',
    section: 'clustering',
    description: 'DNS domain whose SRV records name the members of a new cluster.',
  }),
  discoverySrvName: text('', {
    flag: 'discovery-srv-name',
    section: 'clustering',
    description: 'Suffix of the DNS services: etcd-server-<name>.',
  }),
  strictReconfigCheck: boolean(true, {
    flag: 'strict-reconfig-check',
    section: 'clustering',
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
    isCheckedLater: true,
    description: 'What the retention counts.',
  }),
  maxLearners: integer(1, {
    flag: 'max-learners',
    experimental: true,
    section: 'clustering',
    min: 0,
    description: 'Learners allowed at once.',
  }),
  forceNewCluster: boolean(false, {
    flag: 'force-new-cluster',
    section: 'clustering',
    description: 'Make a cluster of this member alone out of its data.',
  }),
  v2Deprecation: choice(
    ['write-only', 'write-only-skip-check', 'write-only-drop-data', 'gone'],
    'write-only',
    {
      flag: 'v2-deprecation',
      section: 'clustering',
      ignored: 'there is no v2 store',
      description: 'How far the v2 store is gone.',
    },
  ),
};
