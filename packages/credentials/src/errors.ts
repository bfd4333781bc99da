/**
 * What went wrong with credentials.
 *
 * - `CREDENTIALS_AUTH_TOKEN`: the value of `--auth-token` cannot be read, or its keys do not fit.
 * - `CREDENTIALS_THREAD_FAILED`: a thread ended while it had a password to work on.
 * - `CREDENTIALS_CLOSED`: asked after, or during, the end.
 */
export type CredentialsErrorCode =
  'CREDENTIALS_AUTH_TOKEN' | 'CREDENTIALS_THREAD_FAILED' | 'CREDENTIALS_CLOSED';

/** Something that an operator has to look at; the text never holds a secret. `code` says what. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
  readonly code: CredentialsErrorCode;

  constructor(code: CredentialsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
