import type { Answers } from './attack-connection.ts';

/** What an attack knows of its victim. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** A key with a value of a megabyte. */
  readonly largeKey: string;
  /** The token of a user, when logins are needed. */
  readonly token?: string;
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
