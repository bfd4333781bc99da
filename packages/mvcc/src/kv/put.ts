import { toLatin1 } from '@quorate/std';
import type { PutRequest, PutResponseParts } from '@quorate/wire';
import type { WriteTxn } from '../types.ts';
import { leaseOf, valueOf } from './encoded-key-value.ts';
import { KvRequestError } from './errors.ts';
import { revisionHeader } from './revision-header.ts';

/** Which leases exist. */
export interface LeaseLookup {
  has(id: bigint): boolean;
}

/**
 * Applies a Put. The header holds only the revision.
 *
 * @throws KvRequestError KV_LEASE_NOT_FOUND, then KV_KEY_NOT_FOUND; the transaction is then unchanged
 */
export function executePut(txn: WriteTxn, request: PutRequest, leases: LeaseLookup): PutResponseParts {
  if (request.lease !== 0n && !leases.has(request.lease)) throw new KvRequestError('KV_LEASE_NOT_FOUND');
  return putInTxn(txn, request);
}

/** A put whose lease is known to exist. @throws KvRequestError KV_KEY_NOT_FOUND */
export function putInTxn(txn: WriteTxn, request: PutRequest): PutResponseParts {
  const { key } = request;
  let { value, lease } = request;
  if (request.ignoreValue || request.ignoreLease) {
    const old = txn.latest(toLatin1(key));
    if (old === undefined) throw new KvRequestError('KV_KEY_NOT_FOUND');
    if (request.ignoreValue) value = valueOf(old);
    if (request.ignoreLease) lease = leaseOf(old);
  }
  const prevKv = txn.put(key, value, lease);
  return {
    header: revisionHeader(txn.currentRevision),
    prevKv: request.prevKv ? prevKv : undefined,
  };
}
