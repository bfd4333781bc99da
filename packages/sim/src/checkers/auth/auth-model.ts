import { invariant, unreachable } from '@quorate/std';
import type {
  AppliedAuthEntry,
  AuthChange,
  AuthRefusal,
  AuthSnapshot,
  Permission,
} from '../../history/auth.ts';
import { keyInterval, type KeyInterval } from '../model/key-interval.ts';

/** A user of the model. */
export interface ModelUser {
  readonly password: string;
  readonly roles: readonly string[];
  /** The auth revision of his creation or his last change of password. */
  readonly since: number;
}

/** Users, roles and permissions at one moment. Never changed: a change makes another one. */
export interface AuthState {
  readonly enabled: boolean;
  readonly revision: number;
  /** The revision of the last time that authentication was turned off. */
  readonly disabledAt: number;
  readonly users: ReadonlyMap<string, ModelUser>;
  readonly roles: ReadonlyMap<string, readonly Permission[]>;
}

/** Before the first change. */
export const noUsers: AuthState = {
  ...{ enabled: false, revision: 1, disabledAt: 0 },
  ...{ users: new Map<string, ModelUser>(), roles: new Map<string, readonly Permission[]>() },
};

/** Who may do everything, and the role for which he may. */
export const root = 'root';

/** What applying a request came to: another state, or the same one when it changes nothing; or a refusal. */
export type Applied =
  | { readonly state: AuthState; readonly refusal?: undefined }
  | { readonly state: AuthState; readonly refusal: AuthRefusal };

/** Applies an entry by etcd's rules: who may change users is asked first. */
export function applyAuthEntry(state: AuthState, { from, request }: AppliedAuthEntry): Applied {
  if (request.kind === 'login') {
    if (!state.enabled) return { state, refusal: 'AUTH_NOT_ENABLED' };
    return state.users.has(request.user) ? { state } : { state, refusal: 'AUTH_FAILED' };
  }
  const refusal = refusalOfAdmin(state, from.user);
  return refusal === undefined ? applyChange(state, request) : { state, refusal };
}

/** Why somebody by that name is no administrator, undefined when he is, or when nobody has to be one. */
export function refusalOfAdmin(state: AuthState, name: string): AuthRefusal | undefined {
  if (!state.enabled) return undefined;
  if (name === '') return 'AUTH_USER_EMPTY';
  const user = state.users.get(name);
  if (user === undefined) return 'AUTH_USER_NOT_FOUND';
  return user.roles.includes(root) ? undefined : 'AUTH_PERMISSION_DENIED';
}

/** Whether a user may read, or write, every key of an interval. */
export function hasPermission(
  { users, roles }: AuthState,
  name: string,
  kind: 'read' | 'write',
  interval: KeyInterval,
): boolean {
  const user = users.get(name);
  if (user === undefined) return false;
  if (user.roles.includes(root)) return true;
  const intervals = user.roles
    .flatMap((role) => roles.get(role) ?? [])
    .filter(({ type }) => type === kind || type === 'readwrite')
    .map(({ key, rangeEnd }) => keyInterval(key, rangeEnd));
  // From the start on, always as far as any permission that holds the place reaches.
  let reached = interval.start;
  for (;;) {
    const here = reached;
    const ends = intervals.filter(({ start, endExclusive }) => start <= here && here < endExclusive);
    if (ends.length === 0) return false;
    reached = ends.map(({ endExclusive }) => endExclusive).reduce((a, b) => (a > b ? a : b));
    if (reached >= interval.endExclusive) return true;
  }
}

/** The same as plain data. */
export function snapshotOf({ enabled, revision, users, roles }: AuthState): AuthSnapshot {
  return {
    ...{ enabled, revision },
    users: [...users]
      .map(([name, { password, roles: granted }]) => ({ name, password, roles: [...granted].sort() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    roles: [...roles]
      .map(([name, permissions]) => ({ name, permissions: inOrder(permissions) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Permissions in an order that says nothing of their history. */
export function inOrder(permissions: readonly Permission[]): readonly Permission[] {
  return permissions
    .map(({ type, key, rangeEnd = '' }) => ({ type, key, rangeEnd }))
    .sort((a, b) => (`${a.key}\0${a.rangeEnd}` < `${b.key}\0${b.rangeEnd}` ? -1 : 1));
}

function applyChange(state: AuthState, change: AuthChange): Applied {
  const refuse = (refusal: AuthRefusal): Applied => ({ state, refusal });
  switch (change.kind) {
    case 'authEnable': {
      if (state.enabled) return { state };
      const user = state.users.get(root);
      if (user === undefined) return refuse('AUTH_ROOT_USER_NOT_EXIST');
      if (!user.roles.includes(root)) return refuse('AUTH_ROOT_ROLE_NOT_EXIST');
      return { state: { ...state, enabled: true } };
    }
    case 'authDisable':
      if (!state.enabled) return { state };
      return next(state, { enabled: false, disabledAt: state.revision + 1 });
    case 'userAdd':
      if (state.users.has(change.user)) return refuse('AUTH_USER_EXISTS');
      return withUser(state, change.user, {
        password: change.password,
        roles: [],
        since: state.revision + 1,
      });
    case 'userDelete':
    case 'userChangePassword':
    case 'userGrantRole':
    case 'userRevokeRole':
      return applyToUser(state, change);
    case 'roleAdd':
      if (state.roles.has(change.role)) return refuse('AUTH_ROLE_EXISTS');
      return withRole(state, change.role, []);
    case 'roleDelete':
    case 'roleGrant':
    case 'roleRevoke':
      return applyToRole(state, change);
    default:
      return unreachable(change);
  }
}

type UserChange = Extract<
  AuthChange,
  { kind: 'userDelete' | 'userChangePassword' | 'userGrantRole' | 'userRevokeRole' }
>;

function applyToUser(state: AuthState, change: UserChange): Applied {
  const refuse = (refusal: AuthRefusal): Applied => ({ state, refusal });
  const { users, enabled } = state;
  // Authentication must not be left without anybody who can turn it off; that is asked first.
  if (enabled && change.user === root) {
    if (change.kind === 'userDelete') return refuse('AUTH_INVALID_MANAGEMENT');
    if (change.kind === 'userRevokeRole' && change.role === root) return refuse('AUTH_INVALID_MANAGEMENT');
  }
  const user = users.get(change.user);
  if (user === undefined) return refuse('AUTH_USER_NOT_FOUND');
  const { roles } = user;
  switch (change.kind) {
    case 'userDelete':
      return next(state, { users: new Map([...users].filter(([name]) => name !== change.user)) });
    case 'userChangePassword':
      return withUser(state, change.user, { ...user, password: change.password, since: state.revision + 1 });
    case 'userGrantRole':
      if (change.role !== root && !state.roles.has(change.role)) return refuse('AUTH_ROLE_NOT_FOUND');
      if (roles.includes(change.role)) return { state };
      return withUser(state, change.user, { ...user, roles: [...roles, change.role] });
    case 'userRevokeRole':
      if (!roles.includes(change.role)) return refuse('AUTH_ROLE_NOT_GRANTED');
      return withUser(state, change.user, { ...user, roles: roles.filter((role) => role !== change.role) });
  }
}

type RoleChange = Extract<AuthChange, { kind: 'roleDelete' | 'roleGrant' | 'roleRevoke' }>;

function applyToRole(state: AuthState, change: RoleChange): Applied {
  const permissions = state.roles.get(change.role);
  if (change.kind === 'roleDelete' && change.role === root && state.enabled)
    return { state, refusal: 'AUTH_INVALID_MANAGEMENT' };
  if (permissions === undefined) return { state, refusal: 'AUTH_ROLE_NOT_FOUND' };
  if (change.kind === 'roleDelete') {
    const users = new Map<string, ModelUser>();
    for (const [name, user] of state.users)
      users.set(name, { ...user, roles: user.roles.filter((role) => role !== change.role) });
    const roles = new Map([...state.roles].filter(([name]) => name !== change.role));
    return next(state, { users, roles });
  }
  const { key, rangeEnd = '' } = change.permission;
  const isSame = (other: Permission): boolean => other.key === key && (other.rangeEnd ?? '') === rangeEnd;
  const others = permissions.filter((other) => !isSame(other));
  if (change.kind === 'roleRevoke') {
    if (others.length === permissions.length) return { state, refusal: 'AUTH_PERMISSION_NOT_GRANTED' };
    return withRole(state, change.role, others);
  }
  // What is granted again counts as a change. Of two ranges that begin with the same key etcd knows but the first; no
  // role here has such.
  invariant(
    others.every((other) => other.key !== key),
    'a role has one permission for each key that ranges begin with',
  );
  return withRole(state, change.role, [...others, change.permission]);
}

function withUser(state: AuthState, name: string, user: ModelUser): Applied {
  return next(state, { users: new Map(state.users).set(name, user) });
}

function withRole(state: AuthState, name: string, permissions: readonly Permission[]): Applied {
  return next(state, { roles: new Map(state.roles).set(name, permissions) });
}

function next(state: AuthState, changes: Partial<AuthState>): Applied {
  return { state: { ...state, ...changes, revision: state.revision + 1 } };
}
