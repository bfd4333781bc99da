/** The revisioned key-value store of etcd. */
export { CompactedError, FutureRevisionError } from './errors.ts';
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
export { executeRange, sortOrders, sortTargets } from './kv/range.ts';
export { RangeStreamer } from './kv/range-stream.ts';
export { executeReadOnlyTxn, executeTxn, isReadOnlyTxn, isSerializableTxn } from './kv/txn.ts';
export {
  validateDeleteRange,
  validatePut,
  validateRange,
  validateRangeStream,
  validateTxn,
  type TxnLimits,
} from './kv/validate.ts';
