import type { KeyRange } from '@quorate/std';

/** Who asks a member for something. */
export type Caller =
  /** The member itself, for its own work: expired leases, health checks, alarms. May do everything. */
  | { readonly kind: 'member' }
  /** Nobody who has said who he is. */
  | { readonly kind: 'nobody' }
  | User;

/** Somebody who has proven to be this user, by a token or by a certificate. */
export interface User {
  readonly kind: 'user';
  readonly name: string;
  /**
   * The auth revision as of which the proof held. It holds on as long as the user's credentials stay what they
   * were: see `AuthStore.credentialsSince`.
   */
  readonly provenAt: number;
}

/** Who an entry of the log says that it comes from: its header. */
export interface LogIdentity {
  /** Empty for nobody. */
  readonly name: string;
  /** Of the auth store when the request was proposed; 0 for nobody. */
  readonly revision: number;
}

/** What a request must be allowed to do, as one of its parts asks for it. */
export type Need =
  | { readonly kind: 'read'; readonly range: KeyRange }
  | { readonly kind: 'write'; readonly range: KeyRange }
  /** Write every key that is attached to the lease. A lease without keys, or that does not exist, needs nothing. */
  | { readonly kind: 'writeLease'; readonly lease: bigint }
  /** Read every key that is attached to the lease. */
  | { readonly kind: 'readLease'; readonly lease: bigint }
  /** Read every key that is attached to any lease. */
  | { readonly kind: 'readAllLeases' };

/** What a request as a whole needs (reference: who may do what). */
export type Access =
  /** Nothing: anybody may. */
  | { readonly level: 'open' }
  /** Any user. */
  | { readonly level: 'login' }
  /** The role `root`. */
  | { readonly level: 'admin' }
  /** To be that user, or the role `root`. */
  | { readonly level: 'self'; readonly user: string }
  /** To have that role, or the role `root`. */
  | { readonly level: 'role'; readonly role: string }
  /** Permission for each of these, in this order; a user with the role `root` has them all. */
  | { readonly level: 'keys'; readonly needs: readonly Need[] };

/** The keys of leases, which decisions about leases are made of; a lessor has them. */
export interface LeaseKeys {
  /** Latin1 keys attached to a lease; undefined when there is no such lease. */
  keys(lease: bigint): Iterable<string> | undefined;
  /** IDs of all leases. */
  list(): Iterable<bigint>;
}

/** How tokens are made and understood, beside the simple ones that go through the log. */
export interface SignedTokens {
  /** A token that names the user. @throws AuthError AUTH_TOKEN_NOT_SIGNED when this member can only verify */
  sign(claims: TokenClaims): Promise<string>;
  /** What a token says; undefined when it was not signed for this cluster, is malformed, or has expired. */
  verify(token: string): Promise<(TokenClaims & { readonly expiresAtMs: number }) | undefined>;
  /** The same for a token that was signed or verified here before, at once; undefined when only `verify` can tell. */
  peek(token: string): TokenClaims | undefined;
}

/** What a signed token says. */
export interface TokenClaims {
  readonly user: string;
  /** The auth revision when the password was checked. */
  readonly revision: number;
}

/** Hashes of passwords, made and compared away from the main thread, in a bounded queue. */
export interface Passwords {
  /** A bcrypt hash in its modular form (`$2a$10$…`). @throws AuthError AUTH_TOO_MANY_PASSWORDS, AUTH_PASSWORD_TOO_LONG */
  hash(password: string): Promise<string>;
  /**
   * Whether the password has this hash. With `undefined`, for a user who does not exist or has no password, it takes
   * as long and is false. @throws AuthError AUTH_TOO_MANY_PASSWORDS
   */
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

/** Slows down whoever guesses passwords. */
export interface LoginGuarding {
  /**
   * Does `check`, which says whether the password is right, when and if it may be done. `address` is that of the
   * client, where it has one; `signal` is aborted when it has left.
   *
   * @throws AuthError AUTH_TOO_MANY_PASSWORDS when it may not, and what `check` throws
   */
  check(
    login: { readonly user: string; readonly address: string | undefined },
    check: () => Promise<boolean>,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<boolean>;
}
