/** Why a request about users, roles or permissions is refused; the wire texts are those of `@quorate/rpc`. */
export type AuthErrorCode =
  | 'AUTH_ROOT_USER_NOT_EXIST'
  | 'AUTH_ROOT_ROLE_NOT_EXIST'
  | 'AUTH_USER_EXISTS'
  | 'AUTH_USER_EMPTY'
  | 'AUTH_USER_NOT_FOUND'
  | 'AUTH_ROLE_EXISTS'
  | 'AUTH_ROLE_NOT_FOUND'
  | 'AUTH_ROLE_EMPTY'
  | 'AUTH_FAILED'
  | 'AUTH_NO_PASSWORD_USER'
  | 'AUTH_PERMISSION_NOT_GIVEN'
  | 'AUTH_PERMISSION_DENIED'
  | 'AUTH_ROLE_NOT_GRANTED'
  | 'AUTH_PERMISSION_NOT_GRANTED'
  | 'AUTH_NOT_ENABLED'
  | 'AUTH_INVALID_TOKEN'
  | 'AUTH_INVALID_MANAGEMENT'
  | 'AUTH_OLD_REVISION'
  | 'AUTH_TOKEN_NOT_SIGNED'
  | 'AUTH_TOO_MANY_PASSWORDS'
  | 'AUTH_PASSWORD_TOO_LONG'
  | 'AUTH_DAMAGED_ROW';

const texts: Readonly<Record<AuthErrorCode, string>> = {
  AUTH_ROOT_USER_NOT_EXIST: 'authentication needs a user root before it can be enabled',
  AUTH_ROOT_ROLE_NOT_EXIST: 'the user root needs the role root before authentication can be enabled',
  AUTH_USER_EXISTS: 'there is such a user already',
  AUTH_USER_EMPTY: 'no user is named',
  AUTH_USER_NOT_FOUND: 'there is no such user',
  AUTH_ROLE_EXISTS: 'there is such a role already',
  AUTH_ROLE_NOT_FOUND: 'there is no such role',
  AUTH_ROLE_EMPTY: 'no role is named',
  AUTH_FAILED: 'the user or the password is wrong',
  AUTH_NO_PASSWORD_USER: 'a user without a password cannot log in with one',
  AUTH_PERMISSION_NOT_GIVEN: 'no permission is given',
  AUTH_PERMISSION_DENIED: 'the user has no permission for this',
  AUTH_ROLE_NOT_GRANTED: 'the user does not have this role',
  AUTH_PERMISSION_NOT_GRANTED: 'the role does not have this permission',
  AUTH_NOT_ENABLED: 'authentication is not enabled',
  AUTH_INVALID_TOKEN: 'the token is not valid, or not any more',
  AUTH_INVALID_MANAGEMENT: 'this change of users, roles or permissions is not allowed',
  AUTH_OLD_REVISION: 'users, roles or permissions have changed meanwhile',
  AUTH_TOKEN_NOT_SIGNED: 'this member can verify tokens and not sign them: it has no private key',
  AUTH_TOO_MANY_PASSWORDS: 'too many passwords wait to be checked',
  AUTH_PASSWORD_TOO_LONG: 'a password has at most 72 bytes',
  AUTH_DAMAGED_ROW: 'a stored user, role or setting cannot be read',
};

/** A refusal, or a row that is damaged; `code` says which. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
  readonly code: AuthErrorCode;

  constructor(code: AuthErrorCode, options?: ErrorOptions & { readonly detail?: string }) {
    super(options?.detail === undefined ? texts[code] : `${texts[code]}: ${options.detail}`, options);
    this.code = code;
  }
}
