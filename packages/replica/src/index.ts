/** The replicated state machine of one member. */
export { Replica, type RaftView } from './replica.ts';
export {
  defaults,
  type AutoCompactionOptions,
  type RunningCluster,
  type ReplicaObserver,
  type ReplicaOptions,
} from './options.ts';
export type { ReplicaCounts } from './counts.ts';
export { ReplicaError, StartError, type ReplicaErrorCode } from './errors.ts';
export { LevelBackend, BackendError, type BytesLevel } from './level-backend.ts';
export { metaKeys, readPosition } from './backend-writer.ts';
export { exportStore } from './store-export.ts';
export { importStore, positionChanges, type StorePosition } from './store-import.ts';
export type { KvApi } from './kv-api.ts';
export type { LeaseApi } from './lease-api.ts';
export type { MaintenanceApi } from './maintenance-api.ts';
export type { ReplicaWatch } from './replica-watch.ts';
export type { ClusterApi } from './cluster-api.ts';
export type { AuthApi, Credentials } from './auth-api.ts';
export type { StoreSnapshot } from './maintenance-api.ts';
