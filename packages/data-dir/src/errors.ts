/** What is wrong with a data directory, with a snapshot, or with what was asked to be made of them. */
export type DataDirErrorCode =
  /** It is another program's, or of no use to a member. */
  | 'DATA_DIR_FOREIGN'
  /** A restore into it did not come to its end. */
  | 'DATA_DIR_INTERRUPTED'
  /** A member, or another program, has it open. */
  | 'DATA_DIR_IN_USE'
  /** There is no data where some is to be worked on. */
  | 'DATA_DIR_MISSING'
  /** There is something where a new member is to be put. */
  | 'DATA_DIR_NOT_EMPTY'
  /** What it holds does not let itself be read. */
  | 'DATA_DIR_DAMAGED'
  /** The system refuses to make or to use it. */
  | 'DATA_DIR_UNUSABLE'
  /** Its format cannot become that of the version asked for. */
  | 'MIGRATION_REFUSED'
  /** The options of a restore do not fit together. */
  | 'RESTORE_OPTIONS'
  /** The pages or rows of a snapshot are not what etcd would have written. */
  | 'SNAPSHOT_DAMAGED'
  /** The file is no snapshot of a store. */
  | 'SNAPSHOT_FOREIGN'
  /** There is no checksum behind the snapshot, and nobody said that this is all right. */
  | 'SNAPSHOT_NO_HASH'
  /** The checksum behind the snapshot is that of other bytes. */
  | 'SNAPSHOT_WRONG_HASH';

/** Something stands in the way of using, making or reading a data directory; nothing was changed then. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
  readonly code: DataDirErrorCode;

  constructor(code: DataDirErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an error says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
