/** Users, roles and permissions of etcd: who may do what, as pure state. */
export { AuthError, type AuthErrorCode } from './errors.ts';
export type {
  Access,
  Caller,
  LeaseKeys,
  LogIdentity,
  Need,
  Passwords,
  SignedTokens,
  TokenClaims,
  User,
} from './types.ts';
