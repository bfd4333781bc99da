import type { Answers } from './attack-connection.ts';

/** What an attack knows of its victim. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Connections are to be made by TLS. */
  readonly through?: TlsTarget;
  /** A key with a value of a megabyte. */
  readonly largeKey: string;
  readonly badTokens?: BadTokens;
  /** How it is reached by TLS, where it is. */
  readonly tls?: TlsTarget;
  /** Its process, for harm that is planted. */
  readonly pid: number;
}

/** Tokens that do not hold: those that did once, when logins are needed, and forged ones, when tokens are signed. */
export interface BadTokens {
  readonly ofDeletedUser?: string;
  readonly ofChangedPassword?: string;
  /** From before logins were switched off and on again. */
  readonly ofEarlierLogins?: string;
  readonly unsigned?: string;
  readonly publicKeyAsSecret?: string;
  readonly ofAnotherKey?: string;
}

/** A port with TLS, and what a client of it knows and shows. */
export interface TlsTarget {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** A certificate of an authority that the member does not know. */
  readonly stranger: { readonly cert: string; readonly key: string };
}

/** Goes on until `isOver`; what it sees of the member goes into `answers`. */
export type Attack = (
  target: Target,
  run: { readonly answers: Answers; readonly isOver: () => boolean },
) => Promise<void>;

/** Lets others have their turn, the answers of the member among them. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
