import { rpcpb } from '@quorate/wire';
import { operation } from './operation.ts';

const auth = rpcpb.AuthDefinition;
const cluster = rpcpb.ClusterDefinition;
const maintenance = rpcpb.MaintenanceDefinition;
const reads = { isRead: true };

/** Operations on users, roles and permissions by name, and those of operators that `op` lacks. */
export const authOp = {
  enable: () => operation(auth, auth.methods.authEnable, {}),
  disable: () => operation(auth, auth.methods.authDisable, {}),
  status: () => operation(auth, auth.methods.authStatus, {}, reads),
  authenticate: (name: string, password: string) =>
    operation(auth, auth.methods.authenticate, { name, password }),
  userAdd: (fields: Partial<rpcpb.AuthUserAddRequest>) => operation(auth, auth.methods.userAdd, fields),
  userGet: (name: string) => operation(auth, auth.methods.userGet, { name }, reads),
  userList: () => operation(auth, auth.methods.userList, {}, reads),
  userDelete: (name: string) => operation(auth, auth.methods.userDelete, { name }),
  userChangePassword: (name: string, password: string) =>
    operation(auth, auth.methods.userChangePassword, { name, password }),
  userGrantRole: (user: string, role: string) => operation(auth, auth.methods.userGrantRole, { user, role }),
  userRevokeRole: (name: string, role: string) =>
    operation(auth, auth.methods.userRevokeRole, { name, role }),
  roleAdd: (name: string) => operation(auth, auth.methods.roleAdd, { name }),
  roleGet: (role: string) => operation(auth, auth.methods.roleGet, { role }, reads),
  roleList: () => operation(auth, auth.methods.roleList, {}, reads),
  roleDelete: (role: string) => operation(auth, auth.methods.roleDelete, { role }),
  roleGrantPermission: (fields: Partial<rpcpb.AuthRoleGrantPermissionRequest>) =>
    operation(auth, auth.methods.roleGrantPermission, fields),
  roleRevokePermission: (fields: Partial<rpcpb.AuthRoleRevokePermissionRequest>) =>
    operation(auth, auth.methods.roleRevokePermission, fields),
  memberAdd: (fields: Partial<rpcpb.MemberAddRequest>) =>
    operation(cluster, cluster.methods.memberAdd, fields),
  memberRemove: (ID: bigint) => operation(cluster, cluster.methods.memberRemove, { ID }),
  memberUpdate: (fields: Partial<rpcpb.MemberUpdateRequest>) =>
    operation(cluster, cluster.methods.memberUpdate, fields),
  memberPromote: (ID: bigint) => operation(cluster, cluster.methods.memberPromote, { ID }),
  moveLeader: (targetID: bigint) => operation(maintenance, maintenance.methods.moveLeader, { targetID }),
  downgrade: (fields: Partial<rpcpb.DowngradeRequest>) =>
    operation(maintenance, maintenance.methods.downgrade, fields),
} as const;
