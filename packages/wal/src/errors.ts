/**
 * Bytes of the log that no crash can explain: a bit that flipped, a block of another file, a missing piece. The
 * log is refused as it is, since whatever follows may have been promised to somebody.
 */
export class WalCorruptError extends Error {
  override readonly name = 'WalCorruptError';
  readonly code = 'WAL_CORRUPT';
  readonly file: string;
  readonly offset: number;

  constructor(file: string, offset: number, problem: string) {
    super(
      `${file} is damaged at byte ${offset}: ${problem}. Nothing was changed. Replace this member (remove it, ` +
        'wipe its data directory, add it again) or restore a backup; deleting or editing log files loses entries',
    );
    this.file = file;
    this.offset = offset;
  }
}

/** The last segment ends in a record that was cut by a crash; all before `offset` is whole. */
export class WalTornError extends Error {
  override readonly name = 'WalTornError';
  readonly code = 'WAL_TORN';
  readonly file: string;
  readonly offset: number;

  constructor(file: string, offset: number, problem: string) {
    super(`${file} ends in a torn record at byte ${offset}: ${problem}`);
    this.file = file;
    this.offset = offset;
  }
}

/**
 * A write or a sync failed, now or earlier, so nobody knows what is on disk: the log takes nothing more and the
 * member must stop. `cause` is the first failure.
 */
export class WalFailedError extends Error {
  override readonly name = 'WalFailedError';
  readonly code = 'WAL_FAILED';

  /** `segment` is the last one by its present name: the disk knows a file by the name it was opened under. */
  constructor(cause: unknown, segment: string) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`the log failed at its last segment, ${segment}, and takes nothing more: ${reason}`, { cause });
  }
}

/** Why a log cannot be made, opened or used, other than by damage or failure of the disk. */
export type WalErrorCode =
  | 'WAL_CLOSED'
  | 'WAL_ENTRY_GAP'
  | 'WAL_EXISTS'
  | 'WAL_METADATA_CONFLICT'
  | 'WAL_NOT_FOUND'
  | 'WAL_SEGMENT_MISSING'
  | 'WAL_SNAPSHOT_MISMATCH'
  | 'WAL_SNAPSHOT_NOT_FOUND';

/** A log that is not what the caller asked for; see `code`. */
export class WalError extends Error {
  override readonly name = 'WalError';
  readonly code: WalErrorCode;

  constructor(code: WalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
