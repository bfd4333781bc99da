import { authpb, rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { EtcdError } from './errors.ts';
import { toKeyRange, type KeySelector } from './keys.ts';
import { unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';

const service = rpcpb.AuthDefinition;
const { methods } = service;

/** A user to add: with a password, or one that only a certificate of the same common name can prove to be. */
export type NewUser =
  { readonly name: string; readonly password: string } | { readonly name: string; readonly noPassword: true };

/** What a permission allows. */
export type PermissionType = 'read' | 'write' | 'readwrite';

/** A permission that a role has. */
export interface RolePermission {
  readonly type: PermissionType;
  readonly key: Uint8Array;
  /** Empty: just the key. One byte 0x00: all keys from `key` on. Any other: the keys up to it. */
  readonly rangeEnd: Uint8Array;
}

/** What a role allows. */
export interface RoleDescription {
  readonly header: rpcpb.ResponseHeader | undefined;
  /** In order of their keys. */
  readonly permissions: readonly RolePermission[];
}

/** Users and roles of a cluster, and whether they count: etcd's Auth service. All but `status` is for the role root. */
export class Auth {
  readonly users: Users;
  readonly roles: Roles;
  readonly #enable: UnaryMethod<rpcpb.AuthEnableRequest, rpcpb.AuthEnableResponse>;
  readonly #disable: UnaryMethod<rpcpb.AuthDisableRequest, rpcpb.AuthDisableResponse>;
  readonly #status: UnaryMethod<rpcpb.AuthStatusRequest, rpcpb.AuthStatusResponse>;

  constructor(connections: Connections) {
    this.users = new Users(connections);
    this.roles = new Roles(connections);
    this.#enable = unaryMethod(connections, service, methods.authEnable, { repeatable: false });
    this.#disable = unaryMethod(connections, service, methods.authDisable, { repeatable: false });
    this.#status = unaryMethod(connections, service, methods.authStatus, { repeatable: true });
  }

  /**
   * From now on every call needs a user. Harmless when that is so already.
   *
   * @throws EtcdError FAILED_PRECONDITION without a user root that has the role root
   */
  enable(options?: CallOptions): Promise<rpcpb.AuthEnableResponse> {
    return this.#enable({}, options);
  }

  /** From now on everybody may do everything. Users and roles stay. */
  disable(options?: CallOptions): Promise<rpcpb.AuthDisableResponse> {
    return this.#disable({}, options);
  }

  /** Whether authentication is on, and the revision of users and roles. */
  status(options?: CallOptions): Promise<rpcpb.AuthStatusResponse> {
    return this.#status({}, options);
  }
}

/** The users of a cluster. */
export class Users {
  readonly #add: UnaryMethod<rpcpb.AuthUserAddRequest, rpcpb.AuthUserAddResponse>;
  readonly #get: UnaryMethod<rpcpb.AuthUserGetRequest, rpcpb.AuthUserGetResponse>;
  readonly #list: UnaryMethod<rpcpb.AuthUserListRequest, rpcpb.AuthUserListResponse>;
  readonly #remove: UnaryMethod<rpcpb.AuthUserDeleteRequest, rpcpb.AuthUserDeleteResponse>;
  readonly #changePassword: UnaryMethod<
    rpcpb.AuthUserChangePasswordRequest,
    rpcpb.AuthUserChangePasswordResponse
  >;
  readonly #grantRole: UnaryMethod<rpcpb.AuthUserGrantRoleRequest, rpcpb.AuthUserGrantRoleResponse>;
  readonly #revokeRole: UnaryMethod<rpcpb.AuthUserRevokeRoleRequest, rpcpb.AuthUserRevokeRoleResponse>;

  constructor(connections: Connections) {
    this.#add = unaryMethod(connections, service, methods.userAdd, { repeatable: false });
    this.#get = unaryMethod(connections, service, methods.userGet, { repeatable: true });
    this.#list = unaryMethod(connections, service, methods.userList, { repeatable: true });
    this.#remove = unaryMethod(connections, service, methods.userDelete, { repeatable: false });
    this.#changePassword = unaryMethod(connections, service, methods.userChangePassword, {
      repeatable: false,
    });
    this.#grantRole = unaryMethod(connections, service, methods.userGrantRole, { repeatable: false });
    this.#revokeRole = unaryMethod(connections, service, methods.userRevokeRole, { repeatable: false });
  }

  /** Adds a user, who may do nothing yet. @throws EtcdError FAILED_PRECONDITION when there is one of that name */
  add(user: NewUser, options?: CallOptions): Promise<rpcpb.AuthUserAddResponse> {
    const noPassword = 'noPassword' in user;
    const password = noPassword ? '' : user.password;
    return this.#add({ name: user.name, password, options: { noPassword } }, options);
  }

  /** The roles of a user. A user may ask for his own. @throws EtcdError FAILED_PRECONDITION for an unknown one */
  get(name: string, options?: CallOptions): Promise<rpcpb.AuthUserGetResponse> {
    return this.#get({ name }, options);
  }

  /** The names of all users, in order. */
  list(options?: CallOptions): Promise<rpcpb.AuthUserListResponse> {
    return this.#list({}, options);
  }

  /** Removes a user. @throws EtcdError FAILED_PRECONDITION for an unknown one */
  remove(name: string, options?: CallOptions): Promise<rpcpb.AuthUserDeleteResponse> {
    return this.#remove({ name }, options);
  }

  /** Gives a user another password; the tokens got with the old one are worth nothing from now on. */
  changePassword(
    { name, password }: { readonly name: string; readonly password: string },
    options?: CallOptions,
  ): Promise<rpcpb.AuthUserChangePasswordResponse> {
    return this.#changePassword({ name, password }, options);
  }

  /** Lets a user do what a role allows. Harmless when that is so already. */
  grantRole(
    { user, role }: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<rpcpb.AuthUserGrantRoleResponse> {
    return this.#grantRole({ user, role }, options);
  }

  /** Takes a role back from a user. @throws EtcdError FAILED_PRECONDITION when he does not have it */
  revokeRole(
    { user, role }: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<rpcpb.AuthUserRevokeRoleResponse> {
    return this.#revokeRole({ name: user, role }, options);
  }
}

/** The roles of a cluster: names for sets of permissions. The role `root` may do everything. */
export class Roles {
  readonly #add: UnaryMethod<rpcpb.AuthRoleAddRequest, rpcpb.AuthRoleAddResponse>;
  readonly #get: UnaryMethod<rpcpb.AuthRoleGetRequest, rpcpb.AuthRoleGetResponse>;
  readonly #list: UnaryMethod<rpcpb.AuthRoleListRequest, rpcpb.AuthRoleListResponse>;
  readonly #remove: UnaryMethod<rpcpb.AuthRoleDeleteRequest, rpcpb.AuthRoleDeleteResponse>;
  readonly #grant: UnaryMethod<rpcpb.AuthRoleGrantPermissionRequest, rpcpb.AuthRoleGrantPermissionResponse>;
  readonly #revoke: UnaryMethod<
    rpcpb.AuthRoleRevokePermissionRequest,
    rpcpb.AuthRoleRevokePermissionResponse
  >;

  constructor(connections: Connections) {
    this.#add = unaryMethod(connections, service, methods.roleAdd, { repeatable: false });
    this.#get = unaryMethod(connections, service, methods.roleGet, { repeatable: true });
    this.#list = unaryMethod(connections, service, methods.roleList, { repeatable: true });
    this.#remove = unaryMethod(connections, service, methods.roleDelete, { repeatable: false });
    this.#grant = unaryMethod(connections, service, methods.roleGrantPermission, { repeatable: false });
    this.#revoke = unaryMethod(connections, service, methods.roleRevokePermission, { repeatable: false });
  }

  /** Adds a role, which allows nothing yet. @throws EtcdError FAILED_PRECONDITION when there is one of that name */
  add(name: string, options?: CallOptions): Promise<rpcpb.AuthRoleAddResponse> {
    return this.#add({ name }, options);
  }

  /** What a role allows. Users may ask for their own roles. @throws EtcdError FAILED_PRECONDITION for an unknown one */
  async get(name: string, options?: CallOptions): Promise<RoleDescription> {
    const { header, perm } = await this.#get({ role: name }, options);
    return { header, permissions: perm.map(toRolePermission) };
  }

  /** The names of all roles, in order. */
  list(options?: CallOptions): Promise<rpcpb.AuthRoleListResponse> {
    return this.#list({}, options);
  }

  /** Removes a role, also from all users that have it. @throws EtcdError FAILED_PRECONDITION for an unknown one */
  remove(name: string, options?: CallOptions): Promise<rpcpb.AuthRoleDeleteResponse> {
    return this.#remove({ role: name }, options);
  }

  /** Allows the keys of a selection; of a selection that the role has already, the type is replaced. */
  grantPermission(
    role: string,
    permission: KeySelector & { readonly type: PermissionType },
    options?: CallOptions,
  ): Promise<rpcpb.AuthRoleGrantPermissionResponse> {
    const perm = { permType: permissionTypes[permission.type], ...toKeyRange(permission) };
    return this.#grant({ name: role, perm }, options);
  }

  /** Takes back a permission for exactly this selection. @throws EtcdError FAILED_PRECONDITION when there is none */
  revokePermission(
    role: string,
    selector: KeySelector,
    options?: CallOptions,
  ): Promise<rpcpb.AuthRoleRevokePermissionResponse> {
    return this.#revoke({ role, ...toKeyRange(selector) }, options);
  }
}

const permissionTypes = {
  read: authpb.Permission_Type.READ,
  write: authpb.Permission_Type.WRITE,
  readwrite: authpb.Permission_Type.READWRITE,
} as const satisfies Record<PermissionType, authpb.Permission_Type>;

const typeNames = ['read', 'write', 'readwrite'] as const satisfies readonly PermissionType[];

function toRolePermission({ permType, key, rangeEnd }: authpb.Permission): RolePermission {
  const type = typeNames[permType];
  if (type === undefined) throw new EtcdError('INTERNAL', `a permission has the unknown type ${permType}`);
  return { type, key, rangeEnd };
}
