import { clampCount, toHex, uint64FromBytes, uint64ToBytes, type BackendRow } from '@quorate/std';
import { leasepb } from '@quorate/wire';
import { DamagedLeaseRowError } from './errors.ts';

/** What bucket `lease` holds of a lease: its ID, 8 bytes big-endian, and a leasepb.Lease. */
export interface StoredLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** What was left at the last checkpoint; 0 when there was none. */
  readonly remainingTtlSeconds: number;
}

export function leaseRowKey(id: bigint): Uint8Array {
  return uint64ToBytes(id);
}

export function encodeLeaseRow(lease: StoredLease): Uint8Array {
  return leasepb.Lease.encode({
    ID: lease.id,
    TTL: BigInt(lease.ttlSeconds),
    RemainingTTL: BigInt(lease.remainingTtlSeconds),
  }).finish();
}

/** @throws DamagedLeaseRowError */
export function decodeLeaseRow([key, value]: BackendRow): StoredLease {
  const lease = decodeLease(key, value);
  if (key.length !== 8 || BigInt.asIntN(64, uint64FromBytes(key)) !== lease.ID) {
    throw new DamagedLeaseRowError(toHex(key));
  }
  return {
    id: lease.ID,
    ttlSeconds: clampCount(lease.TTL),
    remainingTtlSeconds: clampCount(lease.RemainingTTL),
  };
}

function decodeLease(key: Uint8Array, value: Uint8Array): leasepb.Lease {
  try {
    return leasepb.Lease.decode(value);
  } catch (cause) {
    throw new DamagedLeaseRowError(toHex(key), { cause });
  }
}
