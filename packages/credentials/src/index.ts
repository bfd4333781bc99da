/** The parts of authentication that need threads and cryptography: passwords, signed tokens, and a guard of logins. */
export {
  BcryptPasswords,
  type BcryptPasswordsOptions,
  type PasswordCounts,
  type PasswordDone,
} from './bcrypt-passwords.ts';
export { parseAuthToken, type AuthToken, type JwtOptions, type SignMethod } from './auth-token.ts';
export { JwtTokens, type JwtTokensSettings } from './jwt-tokens.ts';
export type { VerifiedClaims } from './jwt-claims.ts';
export type { ReadFile } from './jwt-keys.ts';
export {
  LoginGuard,
  type Admission,
  type EndOfLogin,
  type Login,
  type LoginGuardOptions,
  type LoginOutcome,
} from './login-guard.ts';
export { LoginGate, type LoginGateOptions } from './login-gate.ts';
export { loginSource } from './login-source.ts';
export { CredentialsError, type CredentialsErrorCode } from './errors.ts';
