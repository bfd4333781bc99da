import {
  accessOfAlarm,
  accessOfDeleteRange,
  accessOfLeaseRevoke,
  accessOfLeases,
  accessOfLeaseTimeToLive,
  accessOfPut,
  accessOfRange,
  accessOfRoleGet,
  accessOfTxn,
  accessOfUserGet,
  type Access,
  type RpcPath,
} from '@quorate/auth';
import { logRequest, type LogRequest, type PermissionWords } from '@quorate/auth/testing';
import { emptyBytes, fromUtf8 } from '@quorate/std';
import {
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
  encodeTxnRequest,
  rpcpb,
  type RequestOp,
  type TxnRequest,
} from '@quorate/wire';
import type { Dice } from '../differential/dice.ts';

/** A call, and what it is about. */
export interface AuthCall {
  readonly path: RpcPath;
  readonly bytes: Uint8Array;
  readonly access: Access;
  /** What it changes about users and roles. */
  readonly change?: LogRequest;
  /** The user whose password it sets. */
  readonly password?: { readonly user: string; readonly value: string | undefined };
}

const users = ['root', 'alice', 'bob', '__proto__', ''] as const;
const roles = ['root', 'reader', 'writer', 'a\0', ''] as const;
/** Keys and ends out of the same few bytes, so that bounds meet; an end of one zero byte is open. */
const keys = ['a', 'a\0', 'b', 'b\u00ff', 'c', '\0'] as const;
const ends = ['', '', '\0', 'a', 'a\0', 'b', 'c', 'd'] as const;
const leases = [0n, 0n, 1n, 2n, 3n] as const;

const weights = {
  enable: 6,
  disable: 1,
  userAdd: 8,
  userDelete: 2,
  changePassword: 3,
  grantRole: 14,
  revokeRole: 4,
  roleAdd: 8,
  roleDelete: 2,
  grantPermission: 20,
  revokePermission: 5,
  authRead: 8,
  put: 20,
  deleteRange: 10,
  range: 20,
  txn: 20,
  lease: 15,
  cluster: 6,
} as const;

/** Draws a call. */
export function drawCall(dice: Dice): AuthCall {
  const user = dice.pick(users);
  const role = dice.pick(roles);
  switch (dice.weighted(weights)) {
    case 'enable':
      return change('AuthEnable', logRequest.authEnable());
    case 'disable':
      return change('AuthDisable', logRequest.authDisable());
    case 'userAdd':
      return userAdd(user, dice);
    case 'userDelete':
      return change('UserDelete', logRequest.userDelete(user));
    case 'changePassword':
      return changePassword(user, dice);
    case 'grantRole':
      return change('UserGrantRole', logRequest.userGrantRole(user, role));
    case 'revokeRole':
      return change('UserRevokeRole', logRequest.userRevokeRole(user, role));
    case 'roleAdd':
      return change('RoleAdd', logRequest.roleAdd(role));
    case 'roleDelete':
      return change('RoleDelete', logRequest.roleDelete(role));
    case 'grantPermission': {
      const words = dice.perMille(20) ? undefined : drawPermission(dice);
      return change('RoleGrantPermission', logRequest.roleGrantPermission(role, words));
    }
    case 'revokePermission':
      return change('RoleRevokePermission', logRequest.roleRevokePermission(role, drawPermission(dice)));
    case 'authRead':
      return drawAuthRead(dice, user, role);
    case 'put': {
      const put = drawPut(dice);
      return kv('Put', accessOfPut(put), encodePutRequest(put));
    }
    case 'deleteRange': {
      const request = drawDeleteRange(dice);
      return kv('DeleteRange', accessOfDeleteRange(request), encodeDeleteRangeRequest(request));
    }
    case 'range': {
      const request = { ...drawRange(dice), serializable: dice.perMille(200) };
      return kv('Range', accessOfRange(request), encodeRangeRequest(request));
    }
    case 'txn': {
      const txn = drawTxn(dice, 3);
      return kv('Txn', accessOfTxn(txn), encodeTxnRequest(txn));
    }
    case 'lease':
      return drawLease(dice);
    case 'cluster':
      return drawCluster(dice);
  }
}

function drawAuthRead(dice: Dice, user: string, role: string): AuthCall {
  switch (dice.pick(['user', 'role', 'users', 'roles', 'status'] as const)) {
    case 'user':
      return plain('Auth/UserGet', accessOfUserGet(user), rpcpb.AuthUserGetRequest.encode({ name: user }));
    case 'role':
      return plain('Auth/RoleGet', accessOfRoleGet(role), rpcpb.AuthRoleGetRequest.encode({ role }));
    case 'users':
      return plain('Auth/UserList', { level: 'admin' });
    case 'roles':
      return plain('Auth/RoleList', { level: 'admin' });
    case 'status':
      return plain('Auth/AuthStatus', { level: 'open' });
  }
}

function drawLease(dice: Dice): AuthCall {
  const ID = dice.pick(leases);
  switch (dice.pick(['grant', 'revoke', 'timeToLive', 'leases'] as const)) {
    case 'grant': {
      const request = rpcpb.LeaseGrantRequest.encode({ ID, TTL: 10_000n });
      return plain('Lease/LeaseGrant', { level: 'login' }, request);
    }
    case 'revoke':
      return plain('Lease/LeaseRevoke', accessOfLeaseRevoke(ID), rpcpb.LeaseRevokeRequest.encode({ ID }));
    case 'timeToLive': {
      const keys = dice.perMille(500);
      const request = rpcpb.LeaseTimeToLiveRequest.encode({ ID, keys });
      return plain('Lease/LeaseTimeToLive', accessOfLeaseTimeToLive({ id: ID, keys }), request);
    }
    case 'leases':
      return plain('Lease/LeaseLeases', accessOfLeases());
  }
}

function drawCluster(dice: Dice): AuthCall {
  switch (
    dice.pick(['members', 'status', 'hash', 'hashKv', 'defragment', 'compact', 'alarms', 'disarm'] as const)
  ) {
    case 'members':
      return plain('Cluster/MemberList', { level: 'login' });
    case 'status':
      return plain('Maintenance/Status', { level: 'login' });
    case 'hash':
      return plain('Maintenance/Hash', { level: 'admin' });
    case 'hashKv':
      return plain('Maintenance/HashKV', { level: 'admin' });
    case 'defragment':
      return plain('Maintenance/Defragment', { level: 'admin' });
    case 'compact': {
      const request = rpcpb.CompactionRequest.encode({ revision: 1n, physical: false });
      return plain('KV/Compact', { level: 'admin' }, request);
    }
    case 'alarms':
      return alarm(0);
    case 'disarm':
      return alarm(2);
  }
}

function alarm(action: 0 | 2): AuthCall {
  const request = rpcpb.AlarmRequest.encode({ action, memberID: 0n, alarm: action === 0 ? 0 : 1 });
  return plain('Maintenance/Alarm', accessOfAlarm(action), request);
}

function userAdd(name: string, dice: Dice): AuthCall {
  const password = dice.perMille(150) ? undefined : dice.pick(['one', 'two']);
  const options = { noPassword: password === undefined };
  const request = { name, password: password ?? '', options, hashedPassword: '' };
  return {
    path: '/etcdserverpb.Auth/UserAdd',
    bytes: rpcpb.AuthUserAddRequest.encode(request).finish(),
    access: { level: 'admin' },
    change: logRequest.userAdd(name, password),
    password: { user: name, value: password },
  };
}

function changePassword(name: string, dice: Dice): AuthCall {
  const password = dice.pick(['one', 'two']);
  const request = { name, password, hashedPassword: '' };
  return {
    path: '/etcdserverpb.Auth/UserChangePassword',
    bytes: rpcpb.AuthUserChangePasswordRequest.encode(request).finish(),
    access: { level: 'admin' },
    change: logRequest.userChangePassword(name, password),
    password: { user: name, value: password },
  };
}

type AuthMethod = 'AuthEnable' | 'AuthDisable' | `${'User' | 'Role'}${string}`;

/** A change whose bytes in the log are those of the call. */
function change(method: AuthMethod, request: LogRequest): AuthCall {
  return {
    // The methods named above are those of the service.
    path: `/etcdserverpb.Auth/${method}` as RpcPath,
    bytes: request[1],
    access: { level: 'admin' },
    change: request,
  };
}

function kv(method: 'Put' | 'DeleteRange' | 'Range' | 'Txn', access: Access, bytes: Uint8Array): AuthCall {
  return { path: `/etcdserverpb.KV/${method}`, access, bytes };
}

type PathTail<P> = P extends `/etcdserverpb.${infer Tail}` ? Tail : never;

function plain(method: PathTail<RpcPath>, access: Access, writer?: { finish(): Uint8Array }): AuthCall {
  return {
    // Every tail is the tail of a path.
    path: `/etcdserverpb.${method}` as RpcPath,
    access,
    bytes: writer?.finish() ?? emptyBytes,
  };
}

function drawPermission(dice: Dice): PermissionWords {
  const type = dice.pick(['READ', 'WRITE', 'READWRITE'] as const);
  return { type, key: dice.pick([...keys, '']), end: dice.pick(ends) };
}

function drawRange(dice: Dice) {
  return {
    key: fromUtf8(dice.pick(keys)),
    rangeEnd: fromUtf8(dice.pick(ends)),
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

function drawPut(dice: Dice) {
  return {
    key: fromUtf8(dice.pick(keys)),
    value: fromUtf8('value'),
    lease: dice.pick(leases),
    prevKv: dice.perMille(300),
    ignoreValue: false,
    ignoreLease: false,
  };
}

function drawDeleteRange(dice: Dice) {
  return { key: fromUtf8(dice.pick(keys)), rangeEnd: fromUtf8(dice.pick(ends)), prevKv: dice.perMille(300) };
}

function drawTxn(dice: Dice, depth: number): TxnRequest {
  const compare = dice.list(dice.below(2), () => ({
    ...drawRange(dice),
    result: 0,
    target: 0,
    version: dice.below(2),
    createRevision: 0,
    modRevision: 0,
    value: emptyBytes,
    lease: 0n,
  }));
  const ops = () => dice.list(dice.below(2) + (depth === 3 ? 1 : 0), () => drawOp(dice, depth));
  return { compare, success: ops(), failure: ops() };
}

function drawOp(dice: Dice, depth: number): RequestOp {
  switch (dice.below(depth > 0 ? 4 : 3)) {
    case 0:
      return { kind: 'range', range: drawRange(dice) };
    case 1:
      return { kind: 'put', put: drawPut(dice) };
    case 2:
      return { kind: 'deleteRange', deleteRange: drawDeleteRange(dice) };
    default:
      return { kind: 'txn', txn: drawTxn(dice, depth - 1) };
  }
}
