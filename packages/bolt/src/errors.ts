/** Why a file cannot be read, or rows cannot be written. */
export type BoltErrorCode =
  | 'BOLT_CHANGED'
  | 'BOLT_DAMAGED'
  | 'BOLT_DUPLICATE_BUCKET'
  | 'BOLT_EMPTY_KEY'
  | 'BOLT_NOT_A_DATABASE'
  | 'BOLT_TOO_LARGE'
  | 'BOLT_UNSORTED'
  | 'BOLT_UNSUPPORTED';

/** Something is wrong with a bolt file or with the rows for one; see `code`. */
export class BoltError extends Error {
  override readonly name: string = 'BoltError';
  readonly code: BoltErrorCode;

  constructor(code: BoltErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A page is not what bbolt would have written there: a bit that flipped, a file that was cut, a forgery. */
export class BoltDamagedError extends BoltError {
  override readonly name = 'BoltDamagedError';
  readonly page: number;
  readonly reason: string;

  constructor(page: number, reason: string) {
    super('BOLT_DAMAGED', `page ${page} of the database is damaged: ${reason}`);
    this.page = page;
    this.reason = reason;
  }
}
