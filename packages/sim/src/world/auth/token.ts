import { simpleTokenIndex } from '@quorate/auth';
import type { Proof } from '../../history/auth.ts';

/** What a client got for his password. */
export interface Token {
  readonly text: string;
  readonly user: string;
  readonly proof: Proof;
  /** When the login was called. */
  readonly loggedInAtMs: number;
}

/** What a token says about the moment that it is of. */
export function proofOf(text: string): Proof {
  const index = simpleTokenIndex(text);
  // As `UnsignedTokens` makes them: unsigned:<expiry>:<revision>:<user>.
  return index === undefined ? { revision: Number(text.split(':')[2]) } : { index };
}
