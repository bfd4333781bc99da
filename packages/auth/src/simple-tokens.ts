import type { Random } from '@quorate/std';
import type { User } from './types.ts';

/** How simple tokens are kept. */
export interface SimpleTokensOptions {
  /** How long a token holds after its last use. */
  readonly ttlMs: number;
  /** How many hold at once; one more ends the one that was not used for longest. Default 100,000. */
  readonly countMax?: number;
}

interface Session {
  readonly user: User;
  expiresAtMs: number;
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const prefixLength = 16;

/**
 * The simple tokens that hold at this member: 16 random letters, a dot, and the raft index before the login's. They are
 * assigned by the log, on every member; how long they hold is each member's own knowledge, as is their end at a
 * restart.
 *
 * Time is a monotonic `nowMs` of the caller, the same clock in all calls.
 *
 * Invariant: sessions stand in the order of their last use, which is that of their expiry
 */
export class SimpleTokens {
  readonly #ttlMs: number;
  readonly #countMax: number;
  readonly #sessions = new Map<string, Session>();

  constructor(options: SimpleTokensOptions) {
    this.#ttlMs = options.ttlMs;
    this.#countMax = options.countMax ?? 100_000;
  }

  /** How many there are, ended ones included that no `sweep` has found yet. */
  get count(): number {
    return this.#sessions.size;
  }

  /** Lets the token stand for the user from now on. */
  assign(token: string, user: User, nowMs: number): void {
    this.#sessions.delete(token);
    this.sweep(nowMs);
    this.#sessions.set(token, { user, expiresAtMs: nowMs + this.#ttlMs });
    if (this.#sessions.size <= this.#countMax) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  /** Whom the token stands for, which counts as a use; undefined when it does not hold. */
  identify(token: string, nowMs: number): User | undefined {
    const session = this.#sessions.get(token);
    if (session === undefined) return undefined;
    this.#sessions.delete(token);
    if (session.expiresAtMs <= nowMs) return undefined;
    session.expiresAtMs = nowMs + this.#ttlMs;
    this.#sessions.set(token, session);
    return session.user;
  }

  /** Forgets tokens that have ended. */
  sweep(nowMs: number): void {
    for (const [token, { expiresAtMs }] of this.#sessions) {
      if (expiresAtMs > nowMs) return;
      this.#sessions.delete(token);
    }
  }

  /** Ends all of them. */
  clear(): void {
    this.#sessions.clear();
  }
}

/** The random part of a new token, 91 bits of it; `random` must be cryptographic in production. */
export function newTokenPrefix(random: Random): string {
  let prefix = '';
  for (let i = 0; i < prefixLength; i++) prefix += letters.charAt(random.below(letters.length));
  return prefix;
}

/**
 * The token of a login that was applied at this index of the log. It names the index before: members of etcd 3.5 and
 * later make it while that is the last entry they count as applied, and all members have to make the same.
 */
export function simpleTokenOf(prefix: string, index: number): string {
  return `${prefix}.${index - 1}`;
}

/**
 * The index of the login that a simple token is of: a member that has applied less cannot know the token yet.
 * Undefined for what is no such token, or has an index that no log reaches.
 */
export function simpleTokenIndex(token: string): number | undefined {
  if (!/^[a-zA-Z]{16}\.[0-9]{1,16}$/.test(token)) return undefined;
  const index = Number(token.slice(prefixLength + 1)) + 1;
  return Number.isSafeInteger(index) ? index : undefined;
}
