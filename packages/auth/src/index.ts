/** Users, roles and permissions of etcd: who may do what, as pure state. */
export { disproved, nobody, theMember } from './callers.ts';
export { AuthStore, isAuthRequest, type AuthOutcome } from './auth-store.ts';
export {
  accessOfAlarm,
  accessOfDeleteRange,
  accessOfLeaseKeepAlive,
  accessOfLeaseRevoke,
  accessOfLeases,
  accessOfLeaseTimeToLive,
  accessOfLogEntry,
  accessOfPut,
  accessOfRange,
  accessOfRoleGet,
  accessOfTxn,
  accessOfUserGet,
  accessOfWatch,
} from './access.ts';
export { httpRules, rpcRules, ruleOf, ruleOfHttpRoute, type RpcPath, type RpcRule } from './rpc-rules.ts';
export {
  newTokenPrefix,
  simpleTokenIndex,
  simpleTokenOf,
  SimpleTokens,
  type SimpleTokensOptions,
} from './simple-tokens.ts';
export { AuthError, type AuthErrorCode } from './errors.ts';
export type {
  Access,
  Caller,
  LeaseKeys,
  LoginGuarding,
  LogIdentity,
  Need,
  Passwords,
  SignedTokens,
  TokenClaims,
  User,
} from './types.ts';
