import type { AuthErrorCode } from '@quorate/auth';
import type { LeaseErrorCode } from '@quorate/lease';
import type { MembershipErrorCode } from '@quorate/membership';
import type { KvErrorCode, MvccErrorCode } from '@quorate/mvcc';
import { RpcError, status, type StatusCode } from './errors.ts';

/** Codes that a request can end with; those of damaged rows and of wrong flags stop the member instead. */
type RequestErrorCode =
  | KvErrorCode
  | Exclude<MvccErrorCode, 'MVCC_DAMAGED_ROW'>
  | Exclude<LeaseErrorCode, 'LEASE_DAMAGED_ROW'>
  | Exclude<AuthErrorCode, 'AUTH_DAMAGED_ROW'>
  | Exclude<MembershipErrorCode, 'BAD_INITIAL_CLUSTER' | 'BAD_MEMBER_JSON'>
  | 'LEARNER_NOT_READY';

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
  MEMBER_EXISTS: [status.FAILED_PRECONDITION, 'etcdserver: member ID already exist'],
  // To whoever asks, a member that was removed is one that is not there.
  MEMBER_REMOVED: [status.NOT_FOUND, 'etcdserver: member not found'],
  MEMBER_NOT_FOUND: [status.NOT_FOUND, 'etcdserver: member not found'],
  MEMBER_NOT_LEARNER: [status.FAILED_PRECONDITION, 'etcdserver: can only promote a learner member'],
  MEMBER_BAD_URLS: [status.INVALID_ARGUMENT, 'etcdserver: given member URLs are invalid'],
  PEER_URL_EXISTS: [status.FAILED_PRECONDITION, 'etcdserver: Peer URLs already exists'],
  TOO_MANY_LEARNERS: [status.FAILED_PRECONDITION, 'etcdserver: too many learner members in cluster'],
  // etcd has no status for this one on the wire, so it arrives as UNKNOWN; clients match the text.
  NOT_ENOUGH_STARTED: [
    status.UNKNOWN,
    'etcdserver: re-configuration failed due to not enough started members',
  ],
  UNHEALTHY: [status.UNAVAILABLE, 'etcdserver: unhealthy cluster'],
  LEARNER_NOT_READY: [
    status.FAILED_PRECONDITION,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ],
  REPLICA_NO_SPACE: [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
  REPLICA_CORRUPT: [status.DATA_LOSS, 'etcdserver: corrupt cluster'],
  REPLICA_REQUEST_TOO_LARGE: [status.INVALID_ARGUMENT, 'etcdserver: request is too large'],
  // As NOT_ENOUGH_STARTED above.
  REPLICA_TOO_MANY_REQUESTS: [status.UNKNOWN, 'etcdserver: too many requests'],
  REPLICA_NO_LEADER: [status.UNAVAILABLE, 'etcdserver: no leader'],
  REPLICA_STOPPED: [status.UNAVAILABLE, 'etcdserver: server stopped'],
  REPLICA_NOT_LEADER: [status.FAILED_PRECONDITION, 'etcdserver: not leader'],
  REPLICA_LEADER_CHANGED: [status.UNAVAILABLE, 'etcdserver: leader changed'],
  REPLICA_CANCELED: [status.CANCELLED, 'etcdserver: request canceled'],
  REPLICA_TIMEOUT: [status.UNAVAILABLE, 'etcdserver: request timed out'],
  REPLICA_TIMEOUT_LEADER_FAIL: [
    status.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to previous leader failure',
  ],
  REPLICA_TIMEOUT_CONNECTION_LOST: [
    status.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to connection lost',
  ],
  REPLICA_APPLY_TIMEOUT: [
    status.UNAVAILABLE,
    'etcdserver: request timed out, waiting for the applied index took too long',
  ],
  REPLICA_BAD_TRANSFEREE: [status.FAILED_PRECONDITION, 'etcdserver: bad leader transferee'],
  REPLICA_TRANSFER_TIMEOUT: [status.UNKNOWN, 'etcdserver: request timed out, leader transfer took too long'],
  REPLICA_CLUSTER_ID_MISMATCH: [status.FAILED_PRECONDITION, 'etcdserver: cluster ID mismatch'],
  REPLICA_WRONG_DOWNGRADE_FORMAT: [
    status.INVALID_ARGUMENT,
    'etcdserver: wrong downgrade target version format',
  ],
  REPLICA_INVALID_DOWNGRADE_TARGET: [status.INVALID_ARGUMENT, 'etcdserver: invalid downgrade target version'],
  REPLICA_NO_CLUSTER_VERSION: [
    status.FAILED_PRECONDITION,
    'etcdserver: cluster version not found during downgrade',
  ],
  REPLICA_DOWNGRADE_IN_PROCESS: [
    status.FAILED_PRECONDITION,
    'etcdserver: cluster has a downgrade job in progress',
  ],
  REPLICA_NO_DOWNGRADE: [status.FAILED_PRECONDITION, 'etcdserver: no inflight downgrade job'],
  AUTH_ROOT_USER_NOT_EXIST: [status.FAILED_PRECONDITION, 'etcdserver: root user does not exist'],
  AUTH_ROOT_ROLE_NOT_EXIST: [status.FAILED_PRECONDITION, 'etcdserver: root user does not have root role'],
  AUTH_USER_EXISTS: [status.FAILED_PRECONDITION, 'etcdserver: user name already exists'],
  AUTH_USER_EMPTY: [status.INVALID_ARGUMENT, 'etcdserver: user name is empty'],
  AUTH_USER_NOT_FOUND: [status.FAILED_PRECONDITION, 'etcdserver: user name not found'],
  AUTH_ROLE_EXISTS: [status.FAILED_PRECONDITION, 'etcdserver: role name already exists'],
  AUTH_ROLE_NOT_FOUND: [status.FAILED_PRECONDITION, 'etcdserver: role name not found'],
  AUTH_ROLE_EMPTY: [status.INVALID_ARGUMENT, 'etcdserver: role name is empty'],
  AUTH_FAILED: [status.INVALID_ARGUMENT, 'etcdserver: authentication failed, invalid user ID or password'],
  // etcd has no status of its own for this one, either.
  AUTH_NO_PASSWORD_USER: [
    status.UNKNOWN,
    'auth: authentication failed, password was given for no password user',
  ],
  AUTH_PERMISSION_NOT_GIVEN: [status.INVALID_ARGUMENT, 'etcdserver: permission not given'],
  AUTH_PERMISSION_DENIED: [status.PERMISSION_DENIED, 'etcdserver: permission denied'],
  AUTH_ROLE_NOT_GRANTED: [status.FAILED_PRECONDITION, 'etcdserver: role is not granted to the user'],
  AUTH_PERMISSION_NOT_GRANTED: [
    status.FAILED_PRECONDITION,
    'etcdserver: permission is not granted to the role',
  ],
  AUTH_NOT_ENABLED: [status.FAILED_PRECONDITION, 'etcdserver: authentication is not enabled'],
  AUTH_INVALID_TOKEN: [status.UNAUTHENTICATED, 'etcdserver: invalid auth token'],
  AUTH_INVALID_MANAGEMENT: [status.INVALID_ARGUMENT, 'etcdserver: invalid auth management'],
  AUTH_OLD_REVISION: [status.INVALID_ARGUMENT, 'etcdserver: revision of auth store is old'],
  AUTH_TOKEN_NOT_SIGNED: [status.UNKNOWN, 'auth: token signing attempted with verify-only key'],
  AUTH_TOO_MANY_PASSWORDS: [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'],
  // As AUTH_NO_PASSWORD_USER above.
  AUTH_PASSWORD_TOO_LONG: [status.UNKNOWN, 'bcrypt: password length exceeds 72 bytes'],
} satisfies Record<RequestErrorCode | `REPLICA_${string}`, readonly [StatusCode, string]>;

/** Codes of errors that a member may answer with; what it throws beyond them is a bug and becomes UNKNOWN. */
export type DomainErrorCode = keyof typeof statusOf;

/** What each code of the domain is to clients: the name of its status, and its text. For whoever documents them. */
export const clientErrors: readonly {
  readonly code: string;
  readonly status: string;
  readonly text: string;
}[] = Object.entries(statusOf).map(([code, [number, text]]) => ({ code, status: statusName(number), text }));

/**
 * What an error means to the client. One of no known code is a bug or a failure of the machine: its text may name files,
 * keys or whatever else is nobody's business, so all of them are UNKNOWN with one text.
 */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const code = codeOf(error);
  if (code === 'WIRE_MALFORMED') return malformed(error);
  if (code === 'REPLICA_INVALID_ALARM') {
    return new RpcError(status.INVALID_ARGUMENT, `etcdserver: ${textOf(error)}`, { cause: error });
  }
  const known = isDomainCode(code) ? statusOf[code] : undefined;
  if (known !== undefined) return new RpcError(known[0], known[1], { cause: error });
  return new RpcError(status.UNKNOWN, 'etcdserver: internal error', { cause: error });
}

/** Whether an error is none that clients are told of: somebody should be. */
export function isInternal(error: unknown): boolean {
  const code = codeOf(error);
  return !(
    error instanceof RpcError ||
    code === 'WIRE_MALFORMED' ||
    code === 'REPLICA_INVALID_ALARM' ||
    isDomainCode(code)
  );
}

function isDomainCode(code: string | undefined): code is DomainErrorCode {
  return code !== undefined && Object.hasOwn(statusOf, code);
}

/** An error as Go's clients and etcd's watch responses write it: code and text in one. */
export function statusText(error: unknown): string {
  const { status: code, message } = toRpcError(error);
  const inGo = statusName(code).replace(
    /_?([A-Z])([A-Z]*)/g,
    (_, first: string, rest: string) => first + rest.toLowerCase(),
  );
  return `rpc error: code = ${inGo} desc = ${message}`;
}

function statusName(code: StatusCode): string {
  return Object.entries(status).find(([, value]) => value === code)?.[0] ?? 'UNKNOWN';
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
