import { BoltError, type BoltFile, type BoltRow, type BoltSource } from '@quorate/bolt';
import {
  DamagedRowError,
  decodeRevisionKey,
  etcdRowsOf,
  finishedCompactKey,
  scheduledCompactKey,
} from '@quorate/mvcc';
import { exportStore, type LevelBackend } from '@quorate/replica';
import { buckets, equalBytes, type BackendSnapshot, type Bucket } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import { DataDirError } from './errors.ts';
import { FileLock } from './file-lock.ts';
import { exists, layoutOf } from './layout.ts';
import { openStoreOffline } from './open-store.ts';
import { damaged, openDatabase, readSnapshotHash } from './snapshot-file.ts';
import { hasStore } from './store-swap.ts';

/**
 * A store that no member has open, as etcd has it: a file of bbolt (a snapshot, the database of an etcd), or the store of
 * a member of this program. What it says stands for the entry of the log that it was written up to.
 */
export interface OfflineData extends AsyncDisposable {
  /** Names of all buckets, in the order of their bytes. */
  bucketNames(): Promise<readonly string[]>;
  /** The rows of a bucket as etcd has them, in order; the same each time. */
  rows(bucket: string): AsyncIterable<readonly BoltRow[]>;
  /** Bytes of the database, as a file of etcd's. */
  databaseBytes(): Promise<number>;
}

/**
 * Opens the store in a data directory, of Quorate or of etcd, and keeps members from starting on it.
 *
 * @throws DataDirError DATA_DIR_MISSING, DATA_DIR_IN_USE, DATA_DIR_DAMAGED, SNAPSHOT_DAMAGED, SNAPSHOT_FOREIGN
 */
export async function openDataDirOffline(dataDir: string): Promise<OfflineData> {
  const layout = layoutOf(dataDir);
  const { storeDir, etcdFile } = layout;
  if (await hasStore(layout)) {
    return offlineDataOf(await openStoreOffline(storeDir));
  }
  if (!(await exists(etcdFile))) throw missing(dataDir);
  const lock = await sharedLock(etcdFile);
  try {
    const file = await new NodeDisk().open(etcdFile, 'read');
    try {
      const database = await openDatabase(file);
      return new FileData(database, async () => {
        await file.close();
        await lock?.[Symbol.asyncDispose]();
      });
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    await lock?.[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Opens a snapshot or the database of an etcd, found whole: its checksum, where there is one, and all of its pages. The
 * source stays the caller's.
 *
 * @throws DataDirError SNAPSHOT_WRONG_HASH, SNAPSHOT_DAMAGED, SNAPSHOT_FOREIGN
 */
export async function openFileOffline(source: BoltSource): Promise<OfflineData> {
  const hash = await readSnapshotHash(source);
  if (hash?.isRight === false) {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    const text = `expected sha256 ${hex(hash.expected)}, got ${hex(hash.actual)}`;
    throw new DataDirError('SNAPSHOT_WRONG_HASH', text);
  }
  return new FileData(await openDatabase(source), async () => undefined);
}

/** The rows of a store that is open already; it is closed with them. */
export function offlineDataOf(backend: LevelBackend): OfflineData {
  return new StoreData(backend);
}

/** What is said of a directory without data. */
export function missing(dataDir: string): DataDirError {
  const text =
    `${dataDir} holds no member: neither the store of Quorate (member/store) nor the database of an etcd ` +
    '(member/snap/db)';
  return new DataDirError('DATA_DIR_MISSING', text);
}

/** The newest compaction that was asked for or finished; -1 for none. @throws DataDirError SNAPSHOT_DAMAGED */
export async function compactedRevisionOf(data: Pick<OfflineData, 'rows'>): Promise<number> {
  let newest = -1;
  for await (const rows of data.rows('meta')) {
    for (const [key, value] of rows) {
      if (![scheduledCompactKey, finishedCompactKey].some((each) => equalBytes(each, key))) continue;
      newest = Math.max(newest, revisionIn(value));
    }
  }
  return newest;
}

function revisionIn(value: Uint8Array): number {
  try {
    return decodeRevisionKey(value).main;
  } catch (error) {
    throw damaged(new Error('what it says of compactions is no revision', { cause: error }));
  }
}

class FileData implements OfflineData {
  readonly #file: BoltFile;
  readonly #close: () => Promise<void>;

  constructor(file: BoltFile, close: () => Promise<void>) {
    this.#file = file;
    this.#close = close;
  }

  bucketNames(): Promise<readonly string[]> {
    return this.#file.bucketNames();
  }

  async *rows(bucket: string): AsyncGenerator<readonly BoltRow[], void> {
    try {
      yield* this.#file.rows(bucket);
    } catch (error) {
      throw error instanceof BoltError ? damaged(error) : error;
    }
  }

  async databaseBytes(): Promise<number> {
    return this.#file.sizeBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

class StoreData implements OfflineData {
  readonly #backend: LevelBackend;
  readonly #snapshot: BackendSnapshot;

  constructor(backend: LevelBackend) {
    this.#backend = backend;
    this.#snapshot = backend.snapshot();
  }

  async bucketNames(): Promise<readonly string[]> {
    return buckets;
  }

  async *rows(bucket: string): AsyncGenerator<readonly BoltRow[], void> {
    if (!isBucket(bucket)) return;
    try {
      yield* bucket === 'key' ? etcdRowsOf(this.#snapshot) : this.#snapshot.scan(bucket);
    } catch (error) {
      if (!(error instanceof DamagedRowError)) throw error;
      throw new DataDirError('DATA_DIR_DAMAGED', error.message, { cause: error });
    }
  }

  async databaseBytes(): Promise<number> {
    const yieldToLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const { sizeBytes } = await exportStore(this.#snapshot, { yieldToLoop });
    return sizeBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#snapshot[Symbol.asyncDispose]();
    await this.#backend[Symbol.asyncDispose]();
  }
}

function isBucket(name: string): name is Bucket {
  const known: readonly string[] = buckets;
  return known.includes(name);
}

/** Where there is no program to lock with, what is only read is read without. */
async function sharedLock(path: string): Promise<FileLock | undefined> {
  try {
    return await FileLock.take(path, 'shared');
  } catch (error) {
    if (error instanceof DataDirError && error.code === 'DATA_DIR_UNUSABLE') return undefined;
    throw error;
  }
}
