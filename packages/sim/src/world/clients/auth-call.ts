import type { Replica } from '@quorate/replica';
import { fromLatin1, unreachable } from '@quorate/std';
import { authpb } from '@quorate/wire';
import type { AuthOutcome, AuthRefusal, AuthRequest, Permission } from '../../history/auth.ts';
import { proofOf } from '../auth/token.ts';
import { admitted } from './admission.ts';
import type { Reply } from './caller.ts';
import { codeOf } from './outcome-of.ts';

/** What a member answers to a request about users. */
export type AuthAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'token'; readonly text: string }
  | { readonly kind: 'status'; readonly enabled: boolean; readonly revision: number }
  | { readonly kind: 'roles'; readonly roles: readonly string[] };

/** The refusals after which nothing was done, and which the checkers know. */
const refusals: Readonly<Record<AuthRefusal, true>> = {
  AUTH_ROOT_USER_NOT_EXIST: true,
  AUTH_ROOT_ROLE_NOT_EXIST: true,
  AUTH_USER_EXISTS: true,
  AUTH_USER_EMPTY: true,
  AUTH_USER_NOT_FOUND: true,
  AUTH_ROLE_EXISTS: true,
  AUTH_ROLE_NOT_FOUND: true,
  AUTH_FAILED: true,
  AUTH_PERMISSION_DENIED: true,
  AUTH_ROLE_NOT_GRANTED: true,
  AUTH_PERMISSION_NOT_GRANTED: true,
  AUTH_NOT_ENABLED: true,
  AUTH_INVALID_TOKEN: true,
  AUTH_INVALID_MANAGEMENT: true,
  AUTH_OLD_REVISION: true,
};

const pathOf: Readonly<Record<AuthRequest['kind'], string>> = {
  login: '/etcdserverpb.Auth/Authenticate',
  authStatus: '/etcdserverpb.Auth/AuthStatus',
  authEnable: '/etcdserverpb.Auth/AuthEnable',
  authDisable: '/etcdserverpb.Auth/AuthDisable',
  userGet: '/etcdserverpb.Auth/UserGet',
  userAdd: '/etcdserverpb.Auth/UserAdd',
  userDelete: '/etcdserverpb.Auth/UserDelete',
  userChangePassword: '/etcdserverpb.Auth/UserChangePassword',
  userGrantRole: '/etcdserverpb.Auth/UserGrantRole',
  userRevokeRole: '/etcdserverpb.Auth/UserRevokeRole',
  roleAdd: '/etcdserverpb.Auth/RoleAdd',
  roleDelete: '/etcdserverpb.Auth/RoleDelete',
  roleGrant: '/etcdserverpb.Auth/RoleGrantPermission',
  roleRevoke: '/etcdserverpb.Auth/RoleRevokePermission',
};

const permTypes = {
  read: authpb.Permission_Type.READ,
  write: authpb.Permission_Type.WRITE,
  readwrite: authpb.Permission_Type.READWRITE,
} as const satisfies Record<Permission['type'], authpb.Permission_Type>;

/** Carries out a request about users on a member, for whoever has that token. @throws AuthError, ReplicaError */
export async function executeAuth(
  replica: Replica,
  request: AuthRequest,
  token: string | undefined,
): Promise<AuthAnswer> {
  const caller = await admitted(replica, pathOf[request.kind], token);
  const { auth } = replica;
  switch (request.kind) {
    case 'login': {
      const { user: name, password } = request;
      return { kind: 'token', text: (await auth.authenticate({ name, password })).token };
    }
    case 'authStatus': {
      const { enabled, authRevision } = await auth.status();
      return { kind: 'status', enabled, revision: Number(authRevision) };
    }
    case 'userGet':
      return { kind: 'roles', roles: (await auth.userGet({ name: request.user }, caller)).roles };
    case 'authEnable':
      await auth.enable(caller);
      break;
    case 'authDisable':
      await auth.disable(caller);
      break;
    case 'userAdd': {
      const { user: name, password } = request;
      await auth.userAdd({ name, password, hashedPassword: '', options: undefined }, caller);
      break;
    }
    case 'userDelete':
      await auth.userDelete({ name: request.user }, caller);
      break;
    case 'userChangePassword': {
      const { user: name, password } = request;
      await auth.userChangePassword({ name, password, hashedPassword: '' }, caller);
      break;
    }
    case 'userGrantRole':
      await auth.userGrantRole({ user: request.user, role: request.role }, caller);
      break;
    case 'userRevokeRole':
      await auth.userRevokeRole({ name: request.user, role: request.role }, caller);
      break;
    case 'roleAdd':
      await auth.roleAdd({ name: request.role }, caller);
      break;
    case 'roleDelete':
      await auth.roleDelete({ role: request.role }, caller);
      break;
    case 'roleGrant': {
      const { type, key, rangeEnd = '' } = request.permission;
      const perm = { permType: permTypes[type], key: fromLatin1(key), rangeEnd: fromLatin1(rangeEnd) };
      await auth.roleGrantPermission({ name: request.role, perm }, caller);
      break;
    }
    case 'roleRevoke': {
      const { key, rangeEnd = '' } = request.permission;
      const range = { key: fromLatin1(key), rangeEnd: fromLatin1(rangeEnd) };
      await auth.roleRevokePermission({ role: request.role, ...range }, caller);
      break;
    }
    default:
      return unreachable(request);
  }
  return { kind: 'ok' };
}

/** How a request about users ended. One that never arrived was surely not carried out; it is left open here, too. */
export function authOutcomeOf(reply: Reply<AuthAnswer>): AuthOutcome {
  if (reply.kind === 'answer') {
    const { value } = reply;
    return value.kind === 'token' ? { kind: 'token', proof: proofOf(value.text) } : value;
  }
  if (reply.kind !== 'error') return { kind: 'unknown' };
  const code = codeOf(reply.error);
  return isRefusal(code) ? { kind: 'refused', code } : { kind: 'unknown' };
}

function isRefusal(code: string | undefined): code is AuthRefusal {
  return code !== undefined && Object.hasOwn(refusals, code);
}
