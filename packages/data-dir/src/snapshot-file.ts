import { BoltError, BoltFile, type BoltSource } from '@quorate/bolt';
import { buckets, equalBytes } from '@quorate/std';
import { createHash } from 'node:crypto';
import { DataDirError } from './errors.ts';

/** Bytes of the SHA-256 behind the database, in a file that came from `snapshot save`. */
const hashBytes = 32;
/** The size of a database is a multiple of this, so that a checksum behind it shows in the size of the file. */
const sectorBytes = 512;
const readBytes = 1024 * 1024;

/** The checksum behind a snapshot, and what it would have to be. */
export interface SnapshotHash {
  readonly expected: Uint8Array;
  readonly actual: Uint8Array;
  readonly isRight: boolean;
}

/** Whether a file of this size ends in a checksum. */
export function hasSnapshotHash(sizeBytes: number): boolean {
  return sizeBytes % sectorBytes === hashBytes;
}

/** Compares the checksum behind a snapshot with its bytes; undefined when there is none. */
export async function readSnapshotHash(source: BoltSource): Promise<SnapshotHash | undefined> {
  const sizeBytes = await source.size();
  if (!hasSnapshotHash(sizeBytes)) return undefined;
  const databaseBytes = sizeBytes - hashBytes;
  const hash = createHash('sha256');
  for (let offset = 0; offset < databaseBytes;) {
    const bytes = await source.read(offset, Math.min(readBytes, databaseBytes - offset));
    if (bytes.length === 0) break;
    hash.update(bytes);
    offset += bytes.length;
  }
  const expected = await source.read(databaseBytes, hashBytes);
  const actual = hash.digest();
  return { expected, actual, isRight: equalBytes(expected, actual) };
}

/** What to look at before a snapshot is trusted. */
export interface SnapshotCheck {
  /** Take the file without a checksum, or with a wrong one. Its pages are checked all the same. */
  readonly skipHashCheck: boolean;
}

/**
 * The database in a snapshot, found whole: the checksum first, then every page, and that it is a store of etcd's. The
 * source stays the caller's, open for as long as he reads.
 *
 * @throws DataDirError SNAPSHOT_NO_HASH, SNAPSHOT_WRONG_HASH (both with etcd's texts), SNAPSHOT_DAMAGED,
 * SNAPSHOT_FOREIGN; whatever the source throws
 */
export async function openSnapshot(source: BoltSource, { skipHashCheck }: SnapshotCheck): Promise<BoltFile> {
  const sizeBytes = await source.size();
  if (sizeBytes < hashBytes) throw foreign(`it has ${sizeBytes} bytes`);
  if (!skipHashCheck) await checkHash(source);
  const file = await openDatabase(source, {
    sizeBytes: hasSnapshotHash(sizeBytes) ? sizeBytes - hashBytes : sizeBytes,
  });
  try {
    await refuseForeign(file);
  } catch (error) {
    // A name that is damaged makes no page damaged.
    throw error instanceof BoltError ? damaged(error) : error;
  }
  return file;
}

/** Opens a database and walks all of its pages. @throws DataDirError SNAPSHOT_DAMAGED, SNAPSHOT_FOREIGN */
export async function openDatabase(
  source: BoltSource,
  options: { readonly sizeBytes?: number } = {},
): Promise<BoltFile> {
  try {
    const file = await BoltFile.open(source, options);
    await file.check();
    return file;
  } catch (error) {
    if (!(error instanceof BoltError)) throw error;
    if (error.code === 'BOLT_NOT_A_DATABASE') throw foreign('it is no bbolt database', error);
    throw damaged(error);
  }
}

/** What is said of a snapshot whose pages or rows are not good. */
export function damaged(cause: Error): DataDirError {
  return new DataDirError('SNAPSHOT_DAMAGED', `snapshot file integrity check failed. ${cause.message}`, {
    cause,
  });
}

async function checkHash(source: BoltSource): Promise<void> {
  const hash = await readSnapshotHash(source);
  if (hash === undefined)
    throw new DataDirError('SNAPSHOT_NO_HASH', 'snapshot missing hash but --skip-hash-check=false');
  if (hash.isRight) return;
  const text = `expected sha256 ${goBytes(hash.expected)}, got ${goBytes(hash.actual)}`;
  throw new DataDirError('SNAPSHOT_WRONG_HASH', text);
}

/** Buckets that etcd does not have would be lost without a word; one without any is of another program. */
async function refuseForeign(file: BoltFile): Promise<void> {
  const names = await file.bucketNames();
  for (const needed of ['key', 'meta']) {
    if (!names.includes(needed)) throw foreign(`it has no bucket ${needed}`);
  }
  const known: readonly string[] = buckets;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw foreign(`it has a bucket ${JSON.stringify(unknown)}, which is not known here`);
}

function foreign(reason: string, cause?: Error): DataDirError {
  return new DataDirError(
    'SNAPSHOT_FOREIGN',
    `the file is no snapshot of an etcd or Quorate store: ${reason}`,
    {
      ...(cause !== undefined && { cause }),
    },
  );
}

/** Bytes as Go prints them. */
function goBytes(bytes: Uint8Array): string {
  return `[${bytes.join(' ')}]`;
}
