import { toLatin1, toUtf8 } from '@quorate/std';
import { authpb, raftinternalpb, raftRequestField, rpcpb, type RaftEnvelope } from '@quorate/wire';
import type { AppliedAuthEntry, AuthSnapshot, LogIdentity, Permission } from '../../history/auth.ts';
import type { Replica } from '@quorate/replica';

/** What `PlainPasswords` puts before a password to make its hash. */
const hashPrefix = 'plain:';

/** Who an entry of the log says that it is from. */
export function identityOf({ username, authRevision }: RaftEnvelope): LogIdentity {
  return { user: username, revision: authRevision };
}

/** What a committed entry asks of users, roles and permissions; undefined when it asks nothing of them. */
export function loggedAuthRequest(envelope: RaftEnvelope): AppliedAuthEntry['request'] | undefined {
  const { requestField, request } = envelope;
  switch (requestField) {
    case raftRequestField.authEnable:
      return { kind: 'authEnable' };
    case raftRequestField.authDisable:
      return { kind: 'authDisable' };
    case raftRequestField.authenticate:
      return { kind: 'login', user: raftinternalpb.InternalAuthenticateRequest.decode(request).name };
    case raftRequestField.authUserAdd: {
      const { name, hashedPassword } = rpcpb.AuthUserAddRequest.decode(request);
      return { kind: 'userAdd', user: name, password: passwordOf(hashedPassword) };
    }
    case raftRequestField.authUserDelete:
      return { kind: 'userDelete', user: rpcpb.AuthUserDeleteRequest.decode(request).name };
    case raftRequestField.authUserChangePassword: {
      const { name, hashedPassword } = rpcpb.AuthUserChangePasswordRequest.decode(request);
      return { kind: 'userChangePassword', user: name, password: passwordOf(hashedPassword) };
    }
    case raftRequestField.authUserGrantRole: {
      const { user, role } = rpcpb.AuthUserGrantRoleRequest.decode(request);
      return { kind: 'userGrantRole', user, role };
    }
    case raftRequestField.authUserRevokeRole: {
      const { name, role } = rpcpb.AuthUserRevokeRoleRequest.decode(request);
      return { kind: 'userRevokeRole', user: name, role };
    }
    case raftRequestField.authRoleAdd:
      return { kind: 'roleAdd', role: rpcpb.AuthRoleAddRequest.decode(request).name };
    case raftRequestField.authRoleDelete:
      return { kind: 'roleDelete', role: rpcpb.AuthRoleDeleteRequest.decode(request).role };
    case raftRequestField.authRoleGrantPermission: {
      const { name, perm } = rpcpb.AuthRoleGrantPermissionRequest.decode(request);
      return perm && { kind: 'roleGrant', role: name, permission: permissionOf(perm) };
    }
    case raftRequestField.authRoleRevokePermission: {
      const { role, key, rangeEnd } = rpcpb.AuthRoleRevokePermissionRequest.decode(request);
      return {
        ...{ kind: 'roleRevoke', role },
        permission: { key: toLatin1(key), rangeEnd: toLatin1(rangeEnd) },
      };
    }
    default:
      return undefined;
  }
}

/** Users and roles as a member has them. */
export function authSnapshotOf({ state: { auth } }: Replica): AuthSnapshot {
  return {
    ...{ enabled: auth.isEnabled, revision: auth.revision },
    users: auth.users().map((name) => ({
      name,
      password: plain(auth.passwordOf(name)?.hash ?? ''),
      roles: auth.userRoles(name),
    })),
    roles: auth.roles().map((name) => ({
      name,
      permissions: auth.rolePermissions(name).map(permissionOf),
    })),
  };
}

function passwordOf(hashedPassword: string): string {
  return plain(Buffer.from(hashedPassword, 'base64').toString());
}

function plain(hash: string): string {
  return toUtf8(Buffer.from(hash.slice(hashPrefix.length), 'base64'));
}

const types: Readonly<Record<number, Permission['type']>> = {
  [authpb.Permission_Type.READ]: 'read',
  [authpb.Permission_Type.WRITE]: 'write',
};

function permissionOf({ permType, key, rangeEnd }: authpb.Permission): Permission {
  return { type: types[permType] ?? 'readwrite', key: toLatin1(key), rangeEnd: toLatin1(rangeEnd) };
}
