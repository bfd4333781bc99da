import type { Chance } from '../chance.ts';

/** In every password, so that one in clear is found wherever it lies. */
export const canary = 'pw-in-clear';

/** The passwords that somebody has ever tried to set, by user: clients know them all, and guess which one holds. */
export class PasswordBook {
  readonly #passwords = new Map<string, string[]>();
  #count = 0;

  /** A new one, that the user may have from now on. */
  next(user: string): string {
    const password = `${canary}-${++this.#count}-${user}`;
    const known = this.#passwords.get(user);
    if (known === undefined) this.#passwords.set(user, [password]);
    else known.push(password);
    return password;
  }

  /** Mostly the newest, now and then an older one, and sometimes a wrong one. */
  guess(user: string, chance: Chance): string {
    const known = this.#passwords.get(user) ?? [];
    const dice = chance.below(20);
    if (known.length === 0 || dice === 0) return `${canary}-wrong`;
    return dice < 15 ? known.at(-1)! : chance.pick(known);
  }
}
