/** A member's data directory: its layout and store, and work on it while no member runs. */
export { DataDirError, type DataDirErrorCode } from './errors.ts';
export type { DataDirLog } from './log.ts';
export { openDataDir, type DataDir, type DataDirOptions } from './open-data-dir.ts';
export { openStore } from './open-store.ts';
export {
  restoreSnapshot,
  type RestoredMember,
  type RestoreOptions,
  type RestoreStep,
} from './restore-snapshot.ts';
export type { ClusterOptions } from './restored-cluster.ts';
export { openDataDirOffline, openFileOffline, type OfflineData } from './offline-data.ts';
export { hashKv, storeStatus, type OfflineHash, type OnBytes, type StoreStatus } from './store-hash.ts';
export { defragment } from './defragment.ts';
export { migrate, type MigrateOptions, type Migration } from './migrate.ts';
export { parseStorageVersion, servedVersion, type StorageVersion } from './storage-version.ts';
export { examineDataDir } from './examine/examine-data-dir.ts';
export type {
  DataDirFacts,
  LeftoverFacts,
  LogFacts,
  LogProblem,
  PlaceFacts,
  SegmentFacts,
  SnapFileFacts,
  StoreFacts,
  StoreProblem,
  UseFacts,
  VolumeFacts,
} from './examine/facts.ts';
