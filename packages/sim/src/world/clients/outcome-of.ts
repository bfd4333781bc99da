import type { Outcome, RefusalCode } from '../../history/types.ts';

/**
 * What an error of a member says of the operation. Only those in here are sure that nothing happened; all else
 * leaves it open.
 */
const refusals: Readonly<Record<string, RefusalCode>> = {
  MVCC_COMPACTED: 'compacted',
  MVCC_FUTURE_REVISION: 'futureRevision',
  LEASE_NOT_FOUND: 'leaseNotFound',
  KV_LEASE_NOT_FOUND: 'leaseNotFound',
  LEASE_EXISTS: 'leaseExists',
  KV_KEY_NOT_FOUND: 'keyNotFound',
  LEASE_TTL_TOO_LARGE: 'invalid',
  KV_EMPTY_KEY: 'invalid',
  KV_INVALID_SORT: 'invalid',
  KV_VALUE_PROVIDED: 'invalid',
  KV_LEASE_PROVIDED: 'invalid',
  KV_TOO_MANY_OPS: 'invalid',
  KV_DUPLICATE_KEY: 'invalid',
  REPLICA_REQUEST_TOO_LARGE: 'invalid',
  REPLICA_TOO_MANY_REQUESTS: 'other',
  REPLICA_CORRUPT: 'other',
  AUTH_USER_EMPTY: 'other',
  AUTH_USER_NOT_FOUND: 'other',
  AUTH_PERMISSION_DENIED: 'other',
  AUTH_INVALID_TOKEN: 'other',
  AUTH_OLD_REVISION: 'other',
};

/** How an operation ended that failed with this error. */
export function outcomeOf(error: unknown): Outcome {
  const code = codeOf(error);
  const refusal = code === undefined ? undefined : refusals[code];
  if (refusal === undefined) return { kind: 'unknown' };
  return { kind: 'refused', code: refusal, ...(code !== undefined && { message: code }) };
}

/** The stable code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
