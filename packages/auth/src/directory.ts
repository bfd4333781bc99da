import {
  compareBytes,
  copyBytes,
  emptyBytes,
  fromAnyUtf8,
  invariant,
  type BucketChanges,
} from '@quorate/std';
import { authpb, type rpcpb } from '@quorate/wire';
import { encodeRoleRow, encodeUserRow, type StoredRole, type StoredUser } from './auth-rows.ts';
import { AuthError } from './errors.ts';
import { decodeHash } from './hash-text.ts';
import { isGrantable, sameRange, withPermission } from './permissions.ts';
import { allPermitted, UserPermissions, type KeyPermissions } from './user-permissions.ts';

/** The user, and the role, that stand for everything. */
export const root = 'root';

/** A user, and what his roles come to: made when first asked for, undefined again when it may have changed. */
interface UserState {
  stored: StoredUser;
  permissions: KeyPermissions | undefined;
}

/**
 * Users and roles. A change writes down the rows it changed; a refused one throws and leaves everything as it was.
 *
 * Invariant: the roles of a user are in byte order, each of them once
 */
export class Directory {
  readonly #users = new Map<string, UserState>();
  readonly #roles = new Map<string, StoredRole>();

  constructor(users: readonly StoredUser[], roles: readonly StoredRole[]) {
    for (const stored of users) this.#users.set(stored.name, { stored, permissions: undefined });
    for (const role of roles) this.#roles.set(role.name, role);
  }

  get userCount(): number {
    return this.#users.size;
  }

  get roleCount(): number {
    return this.#roles.size;
  }

  /** In byte order. */
  userNames(): string[] {
    return [...this.#users.keys()].sort(compareNames);
  }

  /** In byte order. */
  roleNames(): string[] {
    return [...this.#roles.keys()].sort(compareNames);
  }

  hasUser(name: string): boolean {
    return this.#users.has(name);
  }

  hasRole(user: string, role: string): boolean {
    return this.#users.get(user)?.stored.roles.includes(role) ?? false;
  }

  /** @throws AuthError AUTH_USER_NOT_FOUND */
  user(name: string): StoredUser {
    return this.#userState(name).stored;
  }

  /** @throws AuthError AUTH_ROLE_NOT_FOUND */
  role(name: string): StoredRole {
    const role = this.#roles.get(name);
    if (role === undefined) throw new AuthError('AUTH_ROLE_NOT_FOUND');
    return role;
  }

  /** What the user may do with keys; undefined for one who does not exist. */
  permissionsOf(name: string): KeyPermissions | undefined {
    const user = this.#users.get(name);
    if (user === undefined) return undefined;
    user.permissions ??= this.#unite(user.stored);
    return user.permissions;
  }

  addUser(request: rpcpb.AuthUserAddRequest, changes: BucketChanges): void {
    const { name } = request;
    if (name === '') throw new AuthError('AUTH_USER_EMPTY');
    if (this.#users.has(name)) throw new AuthError('AUTH_USER_EXISTS');
    const options = request.options ?? { noPassword: false };
    const password = options.noPassword ? emptyBytes : decodeHash(request.hashedPassword);
    this.#putUser({ name, password, roles: [], options }, changes);
  }

  deleteUser(name: string, changes: BucketChanges): void {
    this.#userState(name);
    this.#users.delete(name);
    changes.delete('authUsers', fromAnyUtf8(name));
  }

  /** One who logs in without a password goes on so. */
  changePassword(request: rpcpb.AuthUserChangePasswordRequest, changes: BucketChanges): void {
    const user = this.user(request.name);
    const hasNone = user.options?.noPassword === true;
    this.#putUser({ ...user, password: hasNone ? emptyBytes : decodeHash(request.hashedPassword) }, changes);
  }

  /** Returns whether that is new. The role root need not exist to be granted. */
  grantRole({ user: name, role }: rpcpb.AuthUserGrantRoleRequest, changes: BucketChanges): boolean {
    const user = this.user(name);
    if (role !== root) this.role(role);
    if (user.roles.includes(role)) return false;
    this.#putUser({ ...user, roles: [...user.roles, role].sort(compareNames) }, changes);
    return true;
  }

  revokeRole({ name, role }: rpcpb.AuthUserRevokeRoleRequest, changes: BucketChanges): void {
    const user = this.user(name);
    if (!user.roles.includes(role)) throw new AuthError('AUTH_ROLE_NOT_GRANTED');
    this.#putUser(withoutRole(user, role), changes);
  }

  addRole(name: string, changes: BucketChanges): void {
    if (name === '') throw new AuthError('AUTH_ROLE_EMPTY');
    if (this.#roles.has(name)) throw new AuthError('AUTH_ROLE_EXISTS');
    this.#putRole({ name, permissions: [] }, changes);
  }

  /** Takes it from all users too. */
  deleteRole(name: string, changes: BucketChanges): void {
    this.role(name);
    this.#roles.delete(name);
    changes.delete('authRoles', fromAnyUtf8(name));
    for (const { stored } of [...this.#users.values()]) {
      if (stored.roles.includes(name)) this.#putUser(withoutRole(stored, name), changes);
    }
  }

  /** Granting what is there already is a change too. */
  grantPermission(request: rpcpb.AuthRoleGrantPermissionRequest, changes: BucketChanges): void {
    const { perm } = request;
    if (perm === undefined) throw new AuthError('AUTH_PERMISSION_NOT_GIVEN');
    if (!isGrantable(perm)) throw new AuthError('AUTH_INVALID_MANAGEMENT');
    const role = this.role(request.name);
    this.#putRole({ ...role, permissions: withPermission(role.permissions, ownCopy(perm)) }, changes);
  }

  revokePermission(request: rpcpb.AuthRoleRevokePermissionRequest, changes: BucketChanges): void {
    const role = this.role(request.role);
    const permissions = role.permissions.filter((permission) => !sameRange(permission, request));
    if (permissions.length === role.permissions.length) throw new AuthError('AUTH_PERMISSION_NOT_GRANTED');
    this.#putRole({ ...role, permissions }, changes);
  }

  /** @throws InvariantError when our own bookkeeping is broken; O(n), for tests and simulation. */
  checkInvariants(): void {
    for (const [name, { stored, permissions }] of this.#users) {
      invariant(name === stored.name, 'a user stands under his name');
      invariant(isAscending(stored.roles), 'the roles of a user are in byte order, each of them once');
      invariant(
        stored.roles.every((role) => role === root || this.#roles.has(role)),
        'the roles of a user exist',
      );
      invariant(
        permissions === undefined || permissions.equals(this.#unite(stored)),
        'permissions that are kept are those of the roles',
      );
    }
    for (const [name, { name: storedName }] of this.#roles) {
      invariant(name === storedName, 'a role stands under its name');
    }
  }

  #userState(name: string): UserState {
    const user = this.#users.get(name);
    if (user === undefined) throw new AuthError('AUTH_USER_NOT_FOUND');
    return user;
  }

  #unite({ roles }: StoredUser): KeyPermissions {
    if (roles.includes(root)) return allPermitted;
    return new UserPermissions(roles.flatMap((role) => this.#roles.get(role)?.permissions ?? []));
  }

  #putUser(stored: StoredUser, changes: BucketChanges): void {
    this.#users.set(stored.name, { stored, permissions: undefined });
    changes.put('authUsers', fromAnyUtf8(stored.name), encodeUserRow(stored));
  }

  /** What users may do is united again when it is next asked for. */
  #putRole(role: StoredRole, changes: BucketChanges): void {
    this.#roles.set(role.name, role);
    for (const user of this.#users.values()) {
      if (user.stored.roles.includes(role.name)) user.permissions = undefined;
    }
    changes.put('authRoles', fromAnyUtf8(role.name), encodeRoleRow(role));
  }
}

function withoutRole(user: StoredUser, role: string): StoredUser {
  return { ...user, roles: user.roles.filter((other) => other !== role) };
}

/** What is decoded is a view of an entry of the log, which would live on with it. */
function ownCopy({ permType, key, rangeEnd }: authpb.Permission): authpb.Permission {
  return { permType, key: copyBytes(key), rangeEnd: copyBytes(rangeEnd) };
}

function compareNames(a: string, b: string): number {
  return compareBytes(fromAnyUtf8(a), fromAnyUtf8(b));
}

function isAscending(names: readonly string[]): boolean {
  return names.every((name, i) => i === 0 || compareNames(names[i - 1]!, name) < 0);
}
