import type { AuthOutcome } from '../../history/auth.ts';
import type { Chance } from '../chance.ts';
import type { PasswordBook } from './password-book.ts';
import type { Token } from './token.ts';

/** How a login went. */
export type LoginResult = Extract<AuthOutcome, { kind: 'refused' | 'unknown' }> | { readonly token: Token };

export interface SessionOptions {
  readonly user: string;
  readonly chance: Chance;
  readonly passwords: PasswordBook;
  /** How often something else is shown than the newest token: an older one, or nothing. */
  readonly carelessness: number;
}

/** Tokens that are kept to be used when they should not be. */
const oldTokensMax = 5;

/** A user at a client: what he shows of himself, and what he makes of what he is told. */
export class Session {
  readonly user: string;
  readonly #chance: Chance;
  readonly #passwords: PasswordBook;
  readonly #carelessness: number;
  #token: Token | undefined;
  #old: Token[] = [];
  #isLoginDue = false;
  #underWay: Promise<void> | undefined;

  constructor({ user, chance, passwords, carelessness }: SessionOptions) {
    this.user = user;
    this.#chance = chance;
    this.#passwords = passwords;
    this.#carelessness = carelessness;
  }

  /** What goes with the next call; nothing for somebody who has no need to say who he is. */
  show(): Token | undefined {
    if (!this.#chance.happens(this.#carelessness)) return this.#token;
    return this.#old.length > 0 && this.#chance.happens(0.7) ? this.#chance.pick(this.#old) : undefined;
  }

  /** Logs in, if that has to be done; several calls at once do it once. */
  prepare(logIn: (password: string) => Promise<LoginResult>): Promise<void> | undefined {
    if (!this.#isLoginDue) return undefined;
    this.#underWay ??= this.#logIn(logIn).finally(() => (this.#underWay = undefined));
    return this.#underWay;
  }

  /** A member said that it does not know who calls. */
  hear(code: string | undefined): void {
    if (code === 'AUTH_USER_EMPTY' || code === 'AUTH_INVALID_TOKEN') this.#isLoginDue = true;
  }

  async #logIn(logIn: (password: string) => Promise<LoginResult>): Promise<void> {
    const result = await logIn(this.#passwords.guess(this.user, this.#chance));
    if ('token' in result) {
      if (this.#token !== undefined) this.#old = [...this.#old, this.#token].slice(-oldTokensMax);
      this.#token = result.token;
      this.#isLoginDue = false;
    } else if (result.kind === 'refused' && result.code === 'AUTH_NOT_ENABLED') {
      this.#isLoginDue = false;
    }
  }
}
