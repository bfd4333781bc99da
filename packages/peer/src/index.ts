/** How members of a cluster speak with each other: etcd's rafthttp. */
export { PeerError, type PeerErrorCode } from './errors.ts';
export type {
  PeerAddress,
  PeerHashKv,
  PeerHost,
  PeerLease,
  PeerMember,
  PeerNetwork,
  PeerVersions,
} from './types.ts';
