/**
 * What clients of a cluster with users saw of it. The conventions are those of `types.ts`. Passwords stand here in
 * clear: whoever writes down a log must be able to tell them from their hashes.
 */
import type { ByteString } from './types.ts';

/** Keys that a role may read, write, or both. */
export interface Permission {
  readonly type: 'read' | 'write' | 'readwrite';
  readonly key: ByteString;
  readonly rangeEnd?: ByteString;
}

/** What changes users, roles and permissions. */
export type AuthChange =
  | { readonly kind: 'authEnable' }
  | { readonly kind: 'authDisable' }
  | { readonly kind: 'userAdd'; readonly user: string; readonly password: string }
  | { readonly kind: 'userDelete'; readonly user: string }
  | { readonly kind: 'userChangePassword'; readonly user: string; readonly password: string }
  | { readonly kind: 'userGrantRole'; readonly user: string; readonly role: string }
  | { readonly kind: 'userRevokeRole'; readonly user: string; readonly role: string }
  | { readonly kind: 'roleAdd'; readonly role: string }
  | { readonly kind: 'roleDelete'; readonly role: string }
  | { readonly kind: 'roleGrant'; readonly role: string; readonly permission: Permission }
  | {
      readonly kind: 'roleRevoke';
      readonly role: string;
      readonly permission: Pick<Permission, 'key' | 'rangeEnd'>;
    };

/** A login; in the log its password has been checked. */
export interface Login {
  readonly kind: 'login';
  readonly user: string;
  readonly password: string;
}

/** Every request about users that the checkers understand. */
export type AuthRequest =
  AuthChange | Login | { readonly kind: 'authStatus' } | { readonly kind: 'userGet'; readonly user: string };

/** Why a member refused something, as far as users are concerned. */
export type AuthRefusal =
  | 'AUTH_ROOT_USER_NOT_EXIST'
  | 'AUTH_ROOT_ROLE_NOT_EXIST'
  | 'AUTH_USER_EXISTS'
  | 'AUTH_USER_EMPTY'
  | 'AUTH_USER_NOT_FOUND'
  | 'AUTH_ROLE_EXISTS'
  | 'AUTH_ROLE_NOT_FOUND'
  | 'AUTH_FAILED'
  | 'AUTH_PERMISSION_DENIED'
  | 'AUTH_ROLE_NOT_GRANTED'
  | 'AUTH_PERMISSION_NOT_GRANTED'
  | 'AUTH_NOT_ENABLED'
  | 'AUTH_INVALID_TOKEN'
  | 'AUTH_INVALID_MANAGEMENT'
  | 'AUTH_OLD_REVISION';

/** What a token says of itself: where in the log its login is, or the auth revision that it was signed at. */
export type Proof = { readonly index: number } | { readonly revision: number };

/** Who called, and what was known then. Indexes are those of the log. */
export interface CallContext {
  /** Empty for nobody: no token was shown. */
  readonly user: string;
  readonly proof?: Proof;
  /** Nothing is known against the token being unknown to the member, or over: it restarted, or the time is up. */
  readonly mayBeForgotten: boolean;
  /** Up to here some member had applied the log when the call was made, and when its answer came. */
  readonly committedBefore: number;
  readonly committedAfter: number;
  /**
   * Up to here the member that was asked had applied the log, or had to, when the call arrived. Left out: it never
   * arrived.
   */
  readonly knownBefore?: number;
  /** The member, while it was asked, may have been without a leader. */
  readonly mayLackLeader: boolean;
}

/** How a request about users ended. */
export type AuthOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'token'; readonly proof: Proof }
  | { readonly kind: 'status'; readonly enabled: boolean; readonly revision: number }
  | { readonly kind: 'roles'; readonly roles: readonly string[] }
  | { readonly kind: 'refused'; readonly code: AuthRefusal }
  /** Carried out once, or not at all. */
  | { readonly kind: 'unknown' };

/** One call about users. */
export interface AuthOperation {
  readonly id: number;
  readonly client: number;
  readonly calledAt: number;
  /** Infinity exactly when the outcome is unknown. */
  readonly returnedAt: number;
  readonly request: AuthRequest;
  readonly outcome: AuthOutcome;
  readonly context: CallContext;
}

/** Who an entry of the log says that it is from. */
export interface LogIdentity {
  /** Empty for nobody. */
  readonly user: string;
  /** The auth revision that its member knew. */
  readonly revision: number;
}

/** An entry of the log about users, as it was applied. A login has no password there. */
export interface AppliedAuthEntry {
  readonly index: number;
  readonly at: number;
  readonly from: LogIdentity;
  readonly request: AuthChange | { readonly kind: 'login'; readonly user: string };
}

/** Users and roles of a member, as plain data: names in byte order. */
export interface AuthSnapshot {
  readonly enabled: boolean;
  readonly revision: number;
  readonly users: readonly {
    readonly name: string;
    readonly password: string;
    readonly roles: readonly string[];
  }[];
  readonly roles: readonly { readonly name: string; readonly permissions: readonly Permission[] }[];
}
