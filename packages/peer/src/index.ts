/** How members of a cluster speak with each other: etcd's rafthttp. */
export { PeerTransport } from './transport.ts';
export {
  PeerPort,
  type PeerHandler,
  type PeerListenAddress,
  type PeerListener,
  type PeerPortOptions,
  type SecurePeerSocket,
} from './port.ts';
export type { PeerTls } from './outgoing/dialling.ts';
export { peerDefaults, type PeerTransportOptions } from './options.ts';
export type { PeerObserver, SnapshotEvent, StreamEvent } from './observer.ts';
export type { StreamType } from './names.ts';
export { fetchMembers, fetchVersions, type FetchOptions, type RunningCluster } from './asking/bootstrap.ts';
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
