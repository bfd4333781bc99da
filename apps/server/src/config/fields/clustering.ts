import { boolean, choice, duration, integer, text, urls } from '../field.ts';

const clusters = 'clusters of several members';
const alone = 'this version runs clusters of one member';
const discovery = 'discovery';
const noDiscovery = 'there is no discovery';

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
    notBuilt: discovery,
    description: 'Token of the v3 discovery.',
  }),
  discoveryEndpoints: text('', {
    flag: 'discovery-endpoints',
    section: 'clustering',
    notBuilt: discovery,
    description: 'Endpoints of the v3 discovery.',
  }),
  discovery: text('', {
    flag: 'discovery',
    section: 'clustering',
    notBuilt: discovery,
    description: 'URL of the v2 discovery.',
  }),
  discoveryProxy: text('', {
    flag: 'discovery-proxy',
    section: 'clustering',
    notBuilt: discovery,
    description: 'HTTP proxy on the way to the v2 discovery.',
  }),
  discoveryFallback: choice(['exit'], 'exit', {
    flag: 'discovery-fallback',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'What follows when discovery fails.',
  }),
  discoveryDialTimeoutMs: duration('2s', {
    flag: 'discovery-dial-timeout',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'Wait for a connection to the discovery.',
  }),
  discoveryRequestTimeoutMs: duration('5s', {
    flag: 'discovery-request-timeout',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'Wait for an answer of the discovery.',
  }),
  discoveryKeepAliveTimeMs: duration('2s', {
    flag: 'discovery-keepalive-time',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'Time between pings to the discovery.',
  }),
  discoveryKeepAliveTimeoutMs: duration('6s', {
    flag: 'discovery-keepalive-timeout',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'Wait for the answer to such a ping.',
  }),
  discoveryInsecureTransport: boolean(true, {
    flag: 'discovery-insecure-transport',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'Reach the discovery without TLS.',
  }),
  discoveryInsecureSkipTlsVerify: boolean(false, {
    flag: 'discovery-insecure-skip-tls-verify',
    section: 'clustering',
    ignored: noDiscovery,
    description: 'Trust any certificate of the discovery.',
  }),
  discoveryCert: text('', {
    flag: 'discovery-cert',
    section: 'clustering',
    notBuilt: discovery,
    description: 'Certificate shown to the discovery.',
  }),
  discoveryKey: text('', {
    flag: 'discovery-key',
    section: 'clustering',
    notBuilt: discovery,
    description: 'Key used towards the discovery.',
  }),
  discoveryCaCert: text('', {
    flag: 'discovery-cacert',
    section: 'clustering',
    notBuilt: discovery,
    description: 'Authorities of the certificate of the discovery.',
  }),
  discoveryUser: text('', {
    flag: 'discovery-user',
    section: 'clustering',
    notBuilt: discovery,
    description: 'User at the discovery.',
  }),
  discoveryPassword: text('', {
    flag: 'discovery-password',
    section: 'clustering',
    notBuilt: discovery,
    description: 'Password at the discovery.',
  }),
  discoverySrv: text('', {
    flag: 'discovery-srv',
    section: 'clustering',
    notBuilt: discovery,
    description: 'DNS domain to find members in.',
  }),
  discoverySrvName: text('', {
    flag: 'discovery-srv-name',
    section: 'clustering',
    notBuilt: discovery,
    description: 'Suffix of the DNS services.',
  }),
  strictReconfigCheck: boolean(true, {
    flag: 'strict-reconfig-check',
    section: 'clustering',
    ignored: alone,
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
    experimental: true,
    section: 'clustering',
    min: 0,
    ignored: alone,
    description: 'Learners allowed at once.',
  }),
  forceNewCluster: boolean(false, {
    flag: 'force-new-cluster',
    section: 'clustering',
    notBuilt: clusters,
    description: 'Make a cluster of one from this data.',
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
