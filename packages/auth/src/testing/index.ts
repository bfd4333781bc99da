import { emptyBytes, fromUtf8 } from '@quorate/std';
import { authpb, raftinternalpb, raftRequestField, rpcpb } from '@quorate/wire';
import type { LeaseKeys } from '../types.ts';

/** A request of the log: its field in an InternalRaftRequest, and its bytes. */
export type LogRequest = readonly [requestField: number, request: Uint8Array];

/** A permission in words: `end` absent is the one key, `'\0'` all keys from `key` on. */
export interface PermissionWords {
  readonly type: keyof typeof authpb.Permission_Type;
  readonly key: string | Uint8Array;
  readonly end?: string | Uint8Array;
}

/** A permission from words. */
export function permission({ type, key, end = '' }: PermissionWords): authpb.Permission {
  return { permType: authpb.Permission_Type[type], key: bytes(key), rangeEnd: bytes(end) };
}

/** Requests about users, roles and permissions as the log has them, for tests. */
export const logRequest = {
  authEnable: (): LogRequest => [raftRequestField.authEnable, emptyBytes],
  authDisable: (): LogRequest => [raftRequestField.authDisable, emptyBytes],
  authenticate: (name: string, simpleToken = ''): LogRequest => [
    raftRequestField.authenticate,
    raftinternalpb.InternalAuthenticateRequest.encode({ name, password: '', simpleToken }).finish(),
  ],
  /** `hash` undefined: one who logs in without a password. */
  userAdd: (name: string, hash?: string): LogRequest => [
    raftRequestField.authUserAdd,
    rpcpb.AuthUserAddRequest.encode({
      name,
      password: '',
      hashedPassword: base64(hash ?? ''),
      options: { noPassword: hash === undefined },
    }).finish(),
  ],
  userDelete: (name: string): LogRequest => [
    raftRequestField.authUserDelete,
    rpcpb.AuthUserDeleteRequest.encode({ name }).finish(),
  ],
  userChangePassword: (name: string, hash: string): LogRequest => [
    raftRequestField.authUserChangePassword,
    rpcpb.AuthUserChangePasswordRequest.encode({
      name,
      password: '',
      hashedPassword: base64(hash),
    }).finish(),
  ],
  userGrantRole: (user: string, role: string): LogRequest => [
    raftRequestField.authUserGrantRole,
    rpcpb.AuthUserGrantRoleRequest.encode({ user, role }).finish(),
  ],
  userRevokeRole: (name: string, role: string): LogRequest => [
    raftRequestField.authUserRevokeRole,
    rpcpb.AuthUserRevokeRoleRequest.encode({ name, role }).finish(),
  ],
  roleAdd: (name: string): LogRequest => [
    raftRequestField.authRoleAdd,
    rpcpb.AuthRoleAddRequest.encode({ name }).finish(),
  ],
  roleDelete: (role: string): LogRequest => [
    raftRequestField.authRoleDelete,
    rpcpb.AuthRoleDeleteRequest.encode({ role }).finish(),
  ],
  roleGrantPermission: (name: string, words: PermissionWords | undefined): LogRequest => [
    raftRequestField.authRoleGrantPermission,
    rpcpb.AuthRoleGrantPermissionRequest.encode({ name, perm: words && permission(words) }).finish(),
  ],
  roleRevokePermission: (role: string, range: Omit<PermissionWords, 'type'>): LogRequest => [
    raftRequestField.authRoleRevokePermission,
    rpcpb.AuthRoleRevokePermissionRequest.encode({
      role,
      key: bytes(range.key),
      rangeEnd: bytes(range.end ?? ''),
    }).finish(),
  ],
};

/** Leases and their latin1 keys, as plain data. */
export function leaseKeys(leases: ReadonlyMap<bigint, readonly string[]> = new Map()): LeaseKeys {
  return { keys: (lease) => leases.get(lease), list: () => leases.keys() };
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? fromUtf8(value) : value;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
