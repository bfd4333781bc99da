import {
  emptyBytes,
  invariant,
  singleKey,
  toLatin1,
  toUtf8,
  type BackendReader,
  type BackendRow,
  type Bucket,
  type BucketChanges,
} from '@quorate/std';
import {
  anyTextReader,
  authpb,
  raftinternalpb,
  raftRequestField,
  rpcpb,
  type RaftRequestName,
} from '@quorate/wire';
import {
  decodeEnabledRow,
  decodeRevisionRow,
  decodeRoleRow,
  decodeUserRow,
  enabledRowKey,
  encodeEnabledRow,
  encodeRevisionRow,
  revisionRowKey,
} from './auth-rows.ts';
import { Directory, root } from './directory.ts';
import { AuthError } from './errors.ts';
import type { Access, Caller, LeaseKeys, LogIdentity, Need, User } from './types.ts';
import type { KeyPermissions } from './user-permissions.ts';

/** What applying a request about users, roles or permissions came to. */
export type AuthOutcome =
  | { readonly kind: 'done' }
  /** A login whose password was checked before. */
  | {
      readonly kind: 'authenticated';
      readonly user: string;
      /** Of the store now: the proof holds as of it. */
      readonly revision: number;
      /** The applier makes it a token with the entry's index. Empty where tokens are signed rather than simple. */
      readonly tokenPrefix: string;
    };

const done: AuthOutcome = { kind: 'done' };

/** What the API shows for the role root, whatever is stored for it. */
const rootPermission: authpb.Permission = {
  permType: authpb.Permission_Type.READWRITE,
  key: emptyBytes,
  rangeEnd: Uint8Array.of(0),
};

/**
 * Users, roles and permissions of a cluster, and who may do what by them. All changes come from the log, so that
 * members with the same log have the same store, and decide the same.
 */
export class AuthStore {
  readonly #directory: Directory;
  #isEnabled: boolean;
  #revision: number;
  readonly #loadedAt: number;
  /** The revisions of users' creations and changes of password since the load. */
  readonly #credentialChanges = new Map<string, number>();
  /** The revision of the last disabling since the load: proofs from before it hold no more. */
  #disabledAt = 0;

  #isRevisionStored: boolean;

  private constructor(directory: Directory, isEnabled: boolean, revision: number | undefined) {
    this.#directory = directory;
    this.#isEnabled = isEnabled;
    this.#revision = revision ?? 1;
    this.#loadedAt = this.#revision;
    this.#isRevisionStored = revision !== undefined;
  }

  /**
   * The store as the backend has it; with nothing there, authentication is off and the revision 1.
   *
   * @throws AuthError AUTH_DAMAGED_ROW
   */
  static async load(backend: BackendReader): Promise<AuthStore> {
    const settings = new Map((await rowsOf(backend, 'auth')).map(([key, value]) => [toLatin1(key), value]));
    const users = (await rowsOf(backend, 'authUsers')).map(decodeUserRow);
    const roles = (await rowsOf(backend, 'authRoles')).map(decodeRoleRow);
    const revision = settings.get(toLatin1(revisionRowKey));
    return new AuthStore(
      new Directory(users, roles),
      decodeEnabledRow(settings.get(toLatin1(enabledRowKey))),
      revision && decodeRevisionRow(revision),
    );
  }

  /**
   * Stores the revision of a store that was never changed, if it is not stored yet: etcd does so at its first start,
   * and takes a snapshot of a store without it for one of revision 0.
   */
  writeMissingRevision(changes: BucketChanges): void {
    if (!this.#isRevisionStored) this.#storeRevision(changes);
  }

  /** Whether authentication is on; while it is off, everybody may do everything. */
  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  /** Grows by one with every change, but for turning authentication on. */
  get revision(): number {
    return this.#revision;
  }

  get userCount(): number {
    return this.#directory.userCount;
  }

  get roleCount(): number {
    return this.#directory.roleCount;
  }

  /**
   * The auth revision since which the user's credentials are what they are: that of his creation or of his last
   * change of password, if it was applied since this store was loaded, else the revision at the load; and never
   * before the last disabling. `Infinity` for a user that does not exist.
   */
  credentialsSince(user: string): number {
    if (!this.#directory.hasUser(user)) return Infinity;
    return Math.max(this.#credentialChanges.get(user) ?? this.#loadedAt, this.#disabledAt);
  }

  /** Whether a proof still holds. */
  isProven(user: User): boolean {
    return user.provenAt >= this.credentialsSince(user.name);
  }

  /**
   * Decides on a request of the log, which says who sent it. Nothing is refused while authentication is off.
   *
   * @throws AuthError AUTH_USER_EMPTY, AUTH_OLD_REVISION, AUTH_PERMISSION_DENIED, AUTH_USER_NOT_FOUND
   */
  check(identity: LogIdentity, access: Access, leases: LeaseKeys): void {
    if (!this.#isEnabled) return;
    switch (access.level) {
      case 'open':
        return;
      case 'login':
        return this.#requireUser(identity.name);
      case 'admin':
        return this.#requireAdmin(identity.name);
      case 'self':
        if (identity.name === '' || identity.name !== access.user) this.#requireAdmin(identity.name);
        return;
      case 'role':
        if (!this.#directory.hasRole(identity.name, access.role)) this.#requireAdmin(identity.name);
        return;
      case 'keys':
        return this.#requireKeys(identity, access.needs, leases);
      default:
        return unknownLevel(access);
    }
  }

  /**
   * Decides on the request of a live caller. Nothing is refused while authentication is off.
   *
   * @throws AuthError AUTH_INVALID_TOKEN when what proved the user does not hold any more, else as `check`
   */
  authorize(caller: Caller, access: Access, leases: LeaseKeys): void {
    if (!this.#isEnabled || caller.kind === 'member' || access.level === 'open') return;
    if (caller.kind === 'nobody') throw new AuthError('AUTH_USER_EMPTY');
    if (!this.isProven(caller)) throw new AuthError('AUTH_INVALID_TOKEN');
    // A certificate may name anybody: who is no user has no key, even where none is needed.
    if (access.level === 'keys') refuseUnless(this.#directory.hasUser(caller.name));
    this.check({ name: caller.name, revision: this.#revision }, access, leases);
  }

  /**
   * Applies one request of the log for which `isAuthRequest` is true; whether it is permitted is for `check` to
   * say. A refusal leaves the store as it was. Reads, which members of etcd write into the log, change nothing.
   *
   * @throws AuthError for refusals, RangeError when the request is malformed
   */
  apply(requestField: number, request: Uint8Array, changes: BucketChanges): AuthOutcome {
    const name = authRequests.get(requestField);
    invariant(name !== undefined, 'only requests about users, roles and permissions come to the auth store');
    switch (name) {
      case 'authEnable':
        this.#enable(changes);
        return done;
      case 'authDisable':
        this.#disable(changes);
        return done;
      case 'authenticate':
        return this.#authenticate(raftinternalpb.InternalAuthenticateRequest.decode(anyTextReader(request)));
      case 'authStatus':
      case 'authUserGet':
      case 'authUserList':
      case 'authRoleGet':
      case 'authRoleList':
        return done;
      default:
        if (this.#change(name, request, changes)) this.#bumpRevision(changes);
        return done;
    }
  }

  /** Names of all users, in byte order. */
  users(): readonly string[] {
    return this.#directory.userNames();
  }

  /** Names of all roles, in byte order. */
  roles(): readonly string[] {
    return this.#directory.roleNames();
  }

  /** The roles of a user, in byte order. @throws AuthError AUTH_USER_NOT_FOUND */
  userRoles(name: string): readonly string[] {
    return this.#directory.user(name).roles;
  }

  /** The permissions of a role, in the order of their keys. @throws AuthError AUTH_ROLE_NOT_FOUND */
  rolePermissions(role: string): readonly authpb.Permission[] {
    const { permissions } = this.#directory.role(role);
    return role === root ? [rootPermission] : permissions;
  }

  /**
   * Undefined for a user who does not exist; `hash` undefined for one who has no password, be it that he was made
   * `noPassword` or that it was taken away.
   */
  passwordOf(name: string): { readonly hash: string | undefined; readonly noPassword: boolean } | undefined {
    if (!this.#directory.hasUser(name)) return undefined;
    const { password, options } = this.#directory.user(name);
    const noPassword = options?.noPassword === true;
    return { hash: noPassword || password.length === 0 ? undefined : toUtf8(password), noPassword };
  }

  /** @throws InvariantError when our own bookkeeping is broken; O(n), for tests and simulation. */
  checkInvariants(): void {
    this.#directory.checkInvariants();
    invariant(this.#revision >= 1, 'the auth revision starts at 1');
    invariant(this.#disabledAt <= this.#revision, 'authentication was not turned off in the future');
    for (const [user, revision] of this.#credentialChanges) {
      invariant(this.#directory.hasUser(user), 'credentials are those of a user who exists');
      invariant(revision <= this.#revision, 'no credentials are from the future');
    }
  }

  #enable(changes: BucketChanges): void {
    if (this.#isEnabled) return;
    if (!this.#directory.hasUser(root)) throw new AuthError('AUTH_ROOT_USER_NOT_EXIST');
    if (!this.#directory.hasRole(root, root)) throw new AuthError('AUTH_ROOT_ROLE_NOT_EXIST');
    this.#isEnabled = true;
    changes.put('auth', enabledRowKey, encodeEnabledRow(true));
  }

  #disable(changes: BucketChanges): void {
    if (!this.#isEnabled) return;
    this.#isEnabled = false;
    changes.put('auth', enabledRowKey, encodeEnabledRow(false));
    this.#bumpRevision(changes);
    this.#disabledAt = this.#revision;
  }

  /** The password was checked by the member that proposed this, at a revision that it compares with the answer's. */
  #authenticate(request: raftinternalpb.InternalAuthenticateRequest): AuthOutcome {
    if (!this.#isEnabled) throw new AuthError('AUTH_NOT_ENABLED');
    const { name, simpleToken } = request;
    if (!this.#directory.hasUser(name)) throw new AuthError('AUTH_FAILED');
    if (this.#directory.user(name).options?.noPassword === true) throw new AuthError('AUTH_FAILED');
    return { kind: 'authenticated', user: name, revision: this.#revision, tokenPrefix: simpleToken };
  }

  /** Returns whether users or roles are now other than before. */
  #change(name: ChangeName, request: Uint8Array, changes: BucketChanges): boolean {
    const directory = this.#directory;
    const bytes = anyTextReader(request);
    switch (name) {
      case 'authUserAdd': {
        const decoded = rpcpb.AuthUserAddRequest.decode(bytes);
        directory.addUser(decoded, changes);
        this.#credentialChanges.set(decoded.name, this.#revision + 1);
        return true;
      }
      case 'authUserDelete': {
        const user = rpcpb.AuthUserDeleteRequest.decode(bytes).name;
        this.#refuseWhileEnabled(user === root);
        directory.deleteUser(user, changes);
        this.#credentialChanges.delete(user);
        return true;
      }
      case 'authUserChangePassword': {
        const decoded = rpcpb.AuthUserChangePasswordRequest.decode(bytes);
        directory.changePassword(decoded, changes);
        this.#credentialChanges.set(decoded.name, this.#revision + 1);
        return true;
      }
      case 'authUserGrantRole':
        return directory.grantRole(rpcpb.AuthUserGrantRoleRequest.decode(bytes), changes);
      case 'authUserRevokeRole': {
        const decoded = rpcpb.AuthUserRevokeRoleRequest.decode(bytes);
        this.#refuseWhileEnabled(decoded.name === root && decoded.role === root);
        directory.revokeRole(decoded, changes);
        return true;
      }
      case 'authRoleAdd':
        directory.addRole(rpcpb.AuthRoleAddRequest.decode(bytes).name, changes);
        return true;
      case 'authRoleDelete': {
        const { role } = rpcpb.AuthRoleDeleteRequest.decode(bytes);
        this.#refuseWhileEnabled(role === root);
        directory.deleteRole(role, changes);
        return true;
      }
      case 'authRoleGrantPermission':
        directory.grantPermission(rpcpb.AuthRoleGrantPermissionRequest.decode(bytes), changes);
        return true;
      case 'authRoleRevokePermission':
        directory.revokePermission(rpcpb.AuthRoleRevokePermissionRequest.decode(bytes), changes);
        return true;
    }
  }

  /** Somebody must be left who can turn authentication off. */
  #refuseWhileEnabled(takesFromRoot: boolean): void {
    if (this.#isEnabled && takesFromRoot) throw new AuthError('AUTH_INVALID_MANAGEMENT');
  }

  #bumpRevision(changes: BucketChanges): void {
    this.#revision++;
    this.#storeRevision(changes);
  }

  #storeRevision(changes: BucketChanges): void {
    this.#isRevisionStored = true;
    changes.put('auth', revisionRowKey, encodeRevisionRow(this.#revision));
  }

  #requireUser(name: string): void {
    if (name === '') throw new AuthError('AUTH_USER_EMPTY');
    if (!this.#directory.hasUser(name)) throw new AuthError('AUTH_USER_NOT_FOUND');
  }

  #requireAdmin(name: string): void {
    this.#requireUser(name);
    if (!this.#directory.hasRole(name, root)) throw new AuthError('AUTH_PERMISSION_DENIED');
  }

  #requireKeys(identity: LogIdentity, needs: readonly Need[], leases: LeaseKeys): void {
    for (const need of needs) {
      switch (need.kind) {
        case 'read':
          refuseUnless(this.#permissionsOf(identity).mayRead(need.range));
          break;
        case 'write':
          refuseUnless(this.#permissionsOf(identity).mayWrite(need.range));
          break;
        case 'writeLease':
          this.#requireWritableLease(identity, need.lease, leases);
          break;
        case 'readLease':
          this.#requireReadableLease(identity, need.lease, leases);
          break;
        case 'readAllLeases':
          for (const lease of leases.list()) this.#requireReadableLease(identity, lease, leases);
          break;
        default:
          unknownNeed(need);
      }
    }
  }

  /** Without a key nothing is asked of anybody; an administrator may, whatever he knew of when he asked. */
  #requireWritableLease(identity: LogIdentity, lease: bigint, leases: LeaseKeys): void {
    if (this.#directory.hasRole(identity.name, root)) return;
    let permissions: KeyPermissions | undefined;
    for (const key of leases.keys(lease) ?? []) {
      permissions ??= this.#permissionsOf(identity);
      refuseUnless(permissions.mayWrite(singleKey(key)));
    }
  }

  /** The same for reading. */
  #requireReadableLease(identity: LogIdentity, lease: bigint, leases: LeaseKeys): void {
    if (this.#directory.hasRole(identity.name, root)) return;
    let permissions: KeyPermissions | undefined;
    for (const key of leases.keys(lease) ?? []) {
      permissions ??= this.#permissionsOf(identity);
      refuseUnless(permissions.mayRead(singleKey(key)));
    }
  }

  /** What somebody may do with keys, if he is somebody, and knew of all that has changed when he asked. */
  #permissionsOf({ name, revision }: LogIdentity): KeyPermissions {
    if (revision === 0) throw new AuthError('AUTH_USER_EMPTY');
    if (revision < this.#revision) throw new AuthError('AUTH_OLD_REVISION');
    const permissions = this.#directory.permissionsOf(name);
    if (permissions === undefined) throw new AuthError('AUTH_PERMISSION_DENIED');
    return permissions;
  }
}

type AuthRequestName = Extract<RaftRequestName, `auth${string}`>;
type ReadName = 'authStatus' | 'authUserGet' | 'authUserList' | 'authRoleGet' | 'authRoleList';
type ChangeName = Exclude<AuthRequestName, ReadName | 'authEnable' | 'authDisable' | 'authenticate'>;

const authRequests: ReadonlyMap<number, AuthRequestName> = new Map(
  Object.entries(raftRequestField)
    .filter(([name]) => name.startsWith('auth'))
    // `Object.entries` forgets the type of the names, and `filter` what it has found out of them.
    .map(([name, field]) => [field, name as AuthRequestName]),
);

/** Whether `AuthStore.apply` is the one to apply a request of the log. */
export function isAuthRequest(requestField: number): boolean {
  return authRequests.has(requestField);
}

async function rowsOf(backend: BackendReader, bucket: Bucket): Promise<BackendRow[]> {
  const rows: BackendRow[] = [];
  for await (const slice of backend.scan(bucket)) rows.push(...slice);
  return rows;
}

function refuseUnless(isPermitted: boolean): void {
  if (!isPermitted) throw new AuthError('AUTH_PERMISSION_DENIED');
}

/** A level or a need that is not decided on does not compile; if it did, it is denied. */
function unknownLevel(_access: never): never {
  throw new AuthError('AUTH_PERMISSION_DENIED');
}

function unknownNeed(_need: never): never {
  throw new AuthError('AUTH_PERMISSION_DENIED');
}
