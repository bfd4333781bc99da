import {
  equalBytes,
  fromUtf8,
  toCount,
  fromAnyUtf8,
  toAnyUtf8,
  uint64FromBytes,
  uint64ToBytes,
  type BackendRow,
} from '@quorate/std';
import { anyTextReader, anyTextWriter, authpb } from '@quorate/wire';
import { AuthError } from './errors.ts';

/** A user, as bucket `authUsers` has him under his name. */
export interface StoredUser {
  readonly name: string;
  /** The bcrypt hash; empty without a password. */
  readonly password: Uint8Array;
  /** In byte order. */
  readonly roles: readonly string[];
  readonly options: authpb.UserAddOptions | undefined;
}

/** A role, as bucket `authRoles` has it under its name. */
export interface StoredRole {
  readonly name: string;
  /** In the order of their keys. */
  readonly permissions: readonly authpb.Permission[];
}

/** Rows of bucket `auth`. */
export const enabledRowKey: Uint8Array = fromUtf8('authEnabled');
export const revisionRowKey: Uint8Array = fromUtf8('authRevision');

export function encodeEnabledRow(isEnabled: boolean): Uint8Array {
  return Uint8Array.of(isEnabled ? 1 : 0);
}

/** No row is the same as off. @throws AuthError AUTH_DAMAGED_ROW */
export function decodeEnabledRow(value: Uint8Array | undefined): boolean {
  if (value === undefined) return false;
  if (value.length !== 1 || value[0]! > 1) throw damaged('authEnabled');
  return value[0] === 1;
}

export function encodeRevisionRow(revision: number): Uint8Array {
  return uint64ToBytes(BigInt(revision));
}

/** @throws AuthError AUTH_DAMAGED_ROW */
export function decodeRevisionRow(value: Uint8Array): number {
  if (value.length !== 8) throw damaged('authRevision');
  try {
    return Math.max(1, toCount(uint64FromBytes(value), 'authRevision'));
  } catch (cause) {
    throw damaged('authRevision', cause);
  }
}

export function encodeUserRow({ name, password, roles, options }: StoredUser): Uint8Array {
  return authpb.User.encode(
    { name: fromAnyUtf8(name), password, roles: [...roles], options },
    anyTextWriter(),
  ).finish();
}

/** @throws AuthError AUTH_DAMAGED_ROW */
export function decodeUserRow([key, value]: BackendRow): StoredUser {
  const { name, password, roles, options } = decoded('authUsers', () =>
    authpb.User.decode(anyTextReader(value)),
  );
  if (!equalBytes(name, key)) throw damaged('authUsers');
  return { name: toAnyUtf8(name), password, roles, options };
}

export function encodeRoleRow({ name, permissions }: StoredRole): Uint8Array {
  return authpb.Role.encode({ name: fromAnyUtf8(name), keyPermission: [...permissions] }).finish();
}

/** @throws AuthError AUTH_DAMAGED_ROW */
export function decodeRoleRow([key, value]: BackendRow): StoredRole {
  const { name, keyPermission } = decoded('authRoles', () => authpb.Role.decode(anyTextReader(value)));
  if (!equalBytes(name, key)) throw damaged('authRoles');
  return { name: toAnyUtf8(name), permissions: keyPermission };
}

function decoded<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw damaged(where, cause);
  }
}

/** Names of users and roles stay out of it: where to look is enough. */
function damaged(where: string, cause?: unknown): AuthError {
  return new AuthError('AUTH_DAMAGED_ROW', { detail: where, cause });
}
