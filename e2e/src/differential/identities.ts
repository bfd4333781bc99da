import type { Dice } from './dice.ts';
import type { Credentials } from './grpc-caller.ts';
import type { SideName } from './server-pair.ts';

/** Somebody who calls both servers: what each of them is shown. */
export interface Identity {
  /** For people: how this one came to what he shows. */
  readonly name: string;
  /** Whose login it was; undefined where there was none. */
  readonly login?: Login;
  readonly shows: Readonly<Record<SideName, Credentials>>;
}

/** A login that both servers took. */
export interface Login {
  readonly user: string;
  /** The auth revision at that time. */
  readonly revision: bigint;
}

/** What is shown to both alike. */
export function sameForBoth(credentials: Credentials): Identity['shows'] {
  return { quorate: credentials, etcd: credentials };
}

const nobody: Identity = { name: 'nobody', shows: sameForBoth({}) };

/** Tokens that nobody ever got. What has the form of one has an index that both have applied. */
const forged: readonly Identity[] = [
  ...['', 'token', 'abcdefghijklmnop', 'abcdefghijklmnop.1', 'abcdefghijklmnop.', '.1', 'a.b.c', 'abc.5'],
  ...['abcdefghijklmnop.-1', 'abcdefghijklmnop.1.1', 'abcdefghijklmnop.0x1', 'abcdefghijklmnop.01'],
  // A JSON Web Token of root without a signature.
  ...['eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VybmFtZSI6InJvb3QiLCJyZXZpc2lvbiI6MX0.'],
].map((token) => ({ name: `forged "${token}"`, shows: sameForBoth({ token }) }));

/** How many logins are kept: the older, the more has become of their users. */
const loginsMax = 24;

/** All who call in a script: those who have logged in at some time, nobody, and forgers. */
export class Identities {
  readonly #dice: Dice;
  readonly #loggedIn: Identity[] = [];
  #latestRoot: Identity | undefined;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Who logged in as root last, as long as that is good. */
  get root(): Identity | undefined {
    return this.#latestRoot;
  }

  /** Mostly root and those whose login was of late. */
  pick(): Identity {
    const dice = this.#dice;
    switch (dice.weighted({ root: 40, recent: 40, any: 12, nobody: 5, forged: 4 })) {
      case 'root':
        return this.#latestRoot ?? nobody;
      case 'recent':
        return this.#loggedIn.length === 0 ? nobody : dice.pick(this.#loggedIn.slice(-6));
      case 'any':
        return this.#loggedIn.length === 0 ? nobody : dice.pick(this.#loggedIn);
      case 'nobody':
        return nobody;
      case 'forged':
        return this.#forger();
    }
  }

  add(identity: Identity): void {
    this.#loggedIn.push(identity);
    if (this.#loggedIn.length > loginsMax) this.#loggedIn.splice(this.#dice.below(loginsMax / 2), 1);
    if (identity.login?.user === 'root') this.#latestRoot = identity;
  }

  /** What root shows is not good any more. */
  forgetRoot(): void {
    this.#latestRoot = undefined;
  }

  /** Somebody with a made-up token, or with a good one that was changed. */
  #forger(): Identity {
    const dice = this.#dice;
    const found = this.#latestRoot;
    if (found === undefined || dice.perMille(700)) return dice.pick(forged);
    const changed = ({ token = '' }: Credentials): Credentials => ({ token: changedToken(token) });
    return {
      name: 'root, with a token that was changed',
      shows: { quorate: changed(found.shows.quorate), etcd: changed(found.shows.etcd) },
    };
  }
}

/** Another token of the same form, and of the same index where it has one. */
function changedToken(token: string): string {
  const first = token.startsWith('a') ? 'b' : 'a';
  return `${first}${token.slice(1)}`;
}
