import type { LeaseErrorCode } from '@quorate/lease';
import type { KvErrorCode, MvccErrorCode } from '@quorate/mvcc';
import { RpcError, status, type StatusCode } from './errors.ts';

/** Codes that a request can end with; those of damaged rows stop the member instead. */
type RequestErrorCode =
  KvErrorCode | Exclude<MvccErrorCode, 'MVCC_DAMAGED_ROW'> | Exclude<LeaseErrorCode, 'LEASE_DAMAGED_ROW'>;

/**
 * The one place where errors of the domain become gRPC statuses. Codes and texts are etcd's, to the letter:
 * clients compare them (reference: error table of the gRPC layer).
 */
const statusOf = {
  KV_EMPTY_KEY: [status.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
  KV_KEY_NOT_FOUND: [status.INVALID_ARGUMENT, 'etcdserver: key not found'],
  KV_VALUE_PROVIDED: [status.INVALID_ARGUMENT, 'etcdserver: value is provided'],
  KV_LEASE_PROVIDED: [status.INVALID_ARGUMENT, 'etcdserver: lease is provided'],
  KV_TOO_MANY_OPS: [status.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request'],
  KV_DUPLICATE_KEY: [status.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request'],
  KV_INVALID_SORT: [status.INVALID_ARGUMENT, 'etcdserver: invalid sort option'],
  KV_STREAM_SORT: [status.UNIMPLEMENTED, 'RangeStream does not support custom sort orders'],
  KV_STREAM_FILTERS: [status.UNIMPLEMENTED, 'RangeStream does not support revision filters'],
  KV_LEASE_NOT_FOUND: [status.NOT_FOUND, 'etcdserver: requested lease not found'],
  MVCC_COMPACTED: [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'],
  MVCC_FUTURE_REVISION: [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision'],
  LEASE_NOT_FOUND: [status.NOT_FOUND, 'etcdserver: requested lease not found'],
  LEASE_EXISTS: [status.FAILED_PRECONDITION, 'etcdserver: lease already exists'],
  LEASE_EXPIRED: [status.NOT_FOUND, 'etcdserver: requested lease not found'],
  LEASE_TTL_TOO_LARGE: [status.OUT_OF_RANGE, 'etcdserver: too large lease TTL'],
  LEASE_NOT_PRIMARY: [status.FAILED_PRECONDITION, 'etcdserver: not leader'],
  REPLICA_NO_SPACE: [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
  REPLICA_CORRUPT: [status.DATA_LOSS, 'etcdserver: corrupt cluster'],
  REPLICA_REQUEST_TOO_LARGE: [status.INVALID_ARGUMENT, 'etcdserver: request is too large'],
  // etcd has no status for this one on the wire, so it arrives as UNKNOWN; clients match the text.
  REPLICA_TOO_MANY_REQUESTS: [status.UNKNOWN, 'etcdserver: too many requests'],
  REPLICA_NO_LEADER: [status.UNAVAILABLE, 'etcdserver: no leader'],
  REPLICA_STOPPED: [status.UNAVAILABLE, 'etcdserver: server stopped'],
  REPLICA_TIMEOUT: [status.UNAVAILABLE, 'etcdserver: request timed out'],
} satisfies Record<RequestErrorCode | `REPLICA_${string}`, readonly [StatusCode, string]>;

/** Codes of errors that a member may answer with; what it throws beyond them is a bug and becomes UNKNOWN. */
export type DomainErrorCode = keyof typeof statusOf;

/** What an error means to the client. Errors of no known code are UNKNOWN with their own text, as in etcd. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const code = codeOf(error);
  if (code === 'WIRE_MALFORMED') return malformed(error);
  if (code === 'REPLICA_INVALID_ALARM') {
    return new RpcError(status.INVALID_ARGUMENT, `etcdserver: ${textOf(error)}`, { cause: error });
  }
  const known =
    code !== undefined && Object.hasOwn(statusOf, code) ? statusOf[code as DomainErrorCode] : undefined;
  if (known !== undefined) return new RpcError(known[0], known[1], { cause: error });
  return new RpcError(status.UNKNOWN, textOf(error), { cause: error });
}

/** A request that is no valid message: gRPC servers answer INTERNAL. */
export function malformed(cause: unknown): RpcError {
  return new RpcError(status.INTERNAL, `grpc: error unmarshalling request: ${textOf(cause)}`, { cause });
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
