/** The revisioned key-value store of etcd. */
export { MvccStore, type HashKvResult, type MvccStoreOptions } from './store.ts';
export { EtcdRowPacker, toEtcdRows, type RowLimits } from './etcd-rows.ts';
export { hashEtcdRows, type EtcdHashOptions } from './etcd-hash.ts';
export { decodeRevisionKey, encodeRevisionKey, type RevisionKey } from './revision-key.ts';
export { etcdRowsOf, stageEtcdRows, type WriteChanges } from './etcd-transfer.ts';
export { finishedCompactKey, scheduledCompactKey } from './compaction.ts';
export { defaultTuning, type MvccTuning } from './revision-log.ts';
export type { RevisionHash } from './key-values-hash.ts';
export type { History, HistoryChange, HistoryOptions } from './history.ts';
export { keyRange, prefixEnd, singleKey } from '@quorate/std';
export { unboundedEnd } from './types.ts';
export {
  CompactedError,
  DamagedImageError,
  DamagedRowError,
  FutureRevisionError,
  type MvccErrorCode,
} from './errors.ts';
export type { ImageBlock, LeasedKeys } from './store-image.ts';
export type {
  Change,
  Key,
  KeyRange,
  LeaseAttachments,
  RangeOptions,
  RangeResult,
  ReadView,
  WriteTxn,
} from './types.ts';
export { compareResults, compareTargets } from './kv/compare.ts';
export { putCost, txnCost } from './kv/cost.ts';
export { executeDeleteRange } from './kv/delete-range.ts';
export { KvRequestError, type KvErrorCode } from './kv/errors.ts';
export { executePut, type LeaseLookup } from './kv/put.ts';
export { executeRange, hasRevisionFilters, RangeRun, sortOrders, sortTargets } from './kv/range.ts';
export { RangeStreamer } from './kv/range-stream.ts';
export {
  executeReadOnlyTxn,
  ReadOnlyTxnRun,
  executeTxn,
  isReadOnlyTxn,
  isSerializableTxn,
  type TxnOptions,
} from './kv/txn.ts';
export {
  validateDeleteRange,
  validatePut,
  validateRange,
  validateRangeStream,
  validateTxn,
  type TxnLimits,
} from './kv/validate.ts';
