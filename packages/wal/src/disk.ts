/**
 * The disk, as the log sees it. The one implementation over `node:fs` is `node-disk.ts`; `memory-disk.ts` is for
 * members that shall leave nothing behind, and tests also pass one that tears writes and fails on purpose.
 */

/** Why a call failed, as the system names it (`EIO`, `ENOSPC`, `ENOENT`, `EEXIST`, …). */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: string;
  readonly path: string;

  constructor(code: string, operation: string, path: string, options?: ErrorOptions) {
    super(`${operation} ${path}: ${code}`, options);
    this.code = code;
    this.path = path;
  }
}

/** An open file. Offsets and sizes are in bytes. */
export interface DiskFile {
  readonly path: string;
  /** Reads up to `size` bytes at `offset`; fewer only at the end of the file. Owned by the caller. */
  read(offset: number, size: number): Promise<Uint8Array>;
  /** Writes all bytes at `offset`; in memory of the system until `sync`. The bytes may not change meanwhile. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * `write`, and these bytes are on disk when it resolves, with what is needed to find them. What was written before
   * and not synced may not be. After an error nothing may be assumed.
   */
  writeDurably(offset: number, bytes: Uint8Array): Promise<void>;
  /** Resolves when all that was written is on disk (fdatasync). After an error nothing may be assumed. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** A file system, reduced to what a log needs. Every method throws `DiskError`. */
export interface Disk {
  /** `write` is for reading and writing what exists; `create` makes a new file (`EEXIST` when there is one). */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  /** Names in a directory, sorted; empty when there is none. */
  list(dir: string): Promise<string[]>;
  /** Makes a directory and those above it, durably; harmless when it exists. */
  makeDir(dir: string): Promise<void>;
  /** Moves a file or a directory; replaces a file, or an empty directory, of that name. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or an empty directory. */
  remove(path: string): Promise<void>;
  /** Resolves when the entries of the directory (new, renamed, removed files) are on disk. */
  syncDir(dir: string): Promise<void>;
  /** Bytes that may still be written in the file system of a file or a directory; `Infinity` where that is not known. */
  freeBytes(path: string): Promise<number>;
}
