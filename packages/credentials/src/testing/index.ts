/** Passwords and tokens without cryptography and threads, for tests and simulations. */
export { PlainPasswords } from './plain-passwords.ts';
export { UnsignedTokens } from './unsigned-tokens.ts';
