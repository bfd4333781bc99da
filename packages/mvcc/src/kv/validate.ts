import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from '@quorate/wire';
import { checkDuplicateKeys } from './duplicate-keys.ts';
import { KvRequestError } from './errors.ts';
import { hasRevisionFilters, sortOrders, sortTargets } from './range.ts';

/** Limits of the shape checks. */
export interface TxnLimits {
  /** Most compares, and most operations, of a Txn and all that is nested in it (`--max-txn-ops`). */
  readonly maxTxnOps: number;
}

/**
 * Checks the shape of a Range. An unknown sort target is refused here, inside a Txn too; it is what crashes
 * etcd 3.5.
 *
 * @throws KvRequestError KV_EMPTY_KEY, KV_INVALID_SORT
 */
export function validateRange(request: RangeRequest): void {
  if (request.key.length === 0) throw new KvRequestError('KV_EMPTY_KEY');
  if (!isEnumNumber(request.sortOrder, sortOrders.descend)) throw new KvRequestError('KV_INVALID_SORT');
  if (!isEnumNumber(request.sortTarget, sortTargets.value)) throw new KvRequestError('KV_INVALID_SORT');
}

/**
 * Checks the shape of a RangeStream, which hands out keys in key order only. Without an order the target does
 * not count.
 *
 * @throws KvRequestError as `validateRange`, then KV_STREAM_SORT, KV_STREAM_FILTERS
 */
export function validateRangeStream(request: RangeRequest): void {
  validateRange(request);
  const byKey = request.sortOrder === sortOrders.ascend && request.sortTarget === sortTargets.key;
  if (request.sortOrder !== sortOrders.none && !byKey) throw new KvRequestError('KV_STREAM_SORT');
  if (hasRevisionFilters(request)) throw new KvRequestError('KV_STREAM_FILTERS');
}

/**
 * Checks the shape of a Put.
 *
 * @throws KvRequestError KV_EMPTY_KEY, KV_VALUE_PROVIDED, KV_LEASE_PROVIDED
 */
export function validatePut(request: PutRequest): void {
  if (request.key.length === 0) throw new KvRequestError('KV_EMPTY_KEY');
  if (request.ignoreValue && request.value.length !== 0) throw new KvRequestError('KV_VALUE_PROVIDED');
  if (request.ignoreLease && request.lease !== 0n) throw new KvRequestError('KV_LEASE_PROVIDED');
}

/**
 * Checks the shape of a DeleteRange.
 *
 * @throws KvRequestError KV_EMPTY_KEY
 */
export function validateDeleteRange(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw new KvRequestError('KV_EMPTY_KEY');
}

/**
 * Checks the shape of a Txn: number of operations, compare keys and operations level by level, then keys that
 * are changed twice.
 *
 * @throws KvRequestError KV_TOO_MANY_OPS, what the operations' own checks throw, KV_KEY_NOT_FOUND for an
 *   operation without a request, KV_DUPLICATE_KEY
 */
export function validateTxn(request: TxnRequest, { maxTxnOps }: TxnLimits): void {
  validateLevel(request, maxTxnOps);
  checkDuplicateKeys(request);
}

/** A nested Txn has what its parents left of the budget; siblings do not share it. */
function validateLevel(request: TxnRequest, budget: number): void {
  const { compare, success, failure } = request;
  const count = Math.max(compare.length, success.length, failure.length);
  if (count > budget) throw new KvRequestError('KV_TOO_MANY_OPS');
  for (const { key } of compare) {
    if (key.length === 0) throw new KvRequestError('KV_EMPTY_KEY');
  }
  for (const op of success) validateOp(op, budget - count);
  for (const op of failure) validateOp(op, budget - count);
}

function validateOp(op: RequestOp, budget: number): void {
  switch (op.kind) {
    case 'range':
      return validateRange(op.range);
    case 'put':
      return validatePut(op.put);
    case 'deleteRange':
      return validateDeleteRange(op.deleteRange);
    case 'txn':
      return validateLevel(op.txn, budget);
    case 'none':
      throw new KvRequestError('KV_KEY_NOT_FOUND');
  }
}

function isEnumNumber(value: number, last: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= last;
}
