import type { SignedTokens, TokenClaims } from '@quorate/auth';
import type { Clock } from '@quorate/std';

const form = /^unsigned:(\d+):(\d+):(.+)$/s;

/**
 * Tokens for tests and simulations: anybody can make one, `unsigned:<expiry>:<revision>:<user>`. They expire by the
 * clock, and otherwise behave as the real ones.
 */
export class UnsignedTokens implements SignedTokens {
  readonly #clock: Clock;
  readonly #ttlMs: number;

  constructor({ clock, ttlMs = 300_000 }: { readonly clock: Clock; readonly ttlMs?: number }) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** A token for this user. */
  async sign({ user, revision }: TokenClaims): Promise<string> {
    return `unsigned:${Math.floor(this.#clock.wallMs() + this.#ttlMs)}:${revision}:${user}`;
  }

  /** What the token says, unless it has expired or is none. */
  async verify(token: string): Promise<(TokenClaims & { readonly expiresAtMs: number }) | undefined> {
    return this.peek(token);
  }

  /** The same at once. */
  peek(token: string): (TokenClaims & { readonly expiresAtMs: number }) | undefined {
    const [, expiry = '', revision = '', user = ''] = form.exec(token) ?? [];
    const expiresAtMs = Number(expiry);
    if (user === '' || expiresAtMs <= this.#clock.wallMs()) return undefined;
    return { user, revision: Number(revision), expiresAtMs };
  }
}
