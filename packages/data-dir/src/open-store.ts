import { LevelBackend, type BytesLevel } from '@quorate/replica';
import { DataDirError, reasonOf } from './errors.ts';
import { dataDirOf } from './layout.ts';
import type { DataDirLog } from './log.ts';

/**
 * The database below the buckets: RocksDB where it has a prebuilt engine, LevelDB elsewhere. A directory
 * stays with the engine that made it: they do not read each other's files. It opens by itself, at once.
 */
export async function openStore(location: string, log: DataDirLog): Promise<BytesLevel> {
  const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  try {
    const { RocksLevel } = await import('@quorate/rocksdb-level');
    return new RocksLevel<Uint8Array, Uint8Array>(location, options);
  } catch (error) {
    log.warn({ err: error }, 'RocksDB has no engine for this platform; using LevelDB');
    const { ClassicLevel } = await import('classic-level');
    return new ClassicLevel<Uint8Array, Uint8Array>(location, options);
  }
}

/**
 * Opens the store of a member that does not run. Its lock keeps the member from starting meanwhile.
 *
 * @throws DataDirError DATA_DIR_IN_USE, DATA_DIR_DAMAGED
 */
export async function openStoreOffline(storeDir: string): Promise<LevelBackend> {
  const database = await openStore(storeDir, silent);
  try {
    return await LevelBackend.open(database);
  } catch (error) {
    await database.close().catch(() => undefined);
    const dataDir = dataDirOf(storeDir);
    if (isLocked(error)) throw inUse(dataDir, { cause: error });
    const text = `the store in ${storeDir} does not open: ${reasonOf(error)}`;
    throw new DataDirError('DATA_DIR_DAMAGED', text, { cause: error });
  }
}

/** What is said of data that somebody has open. */
export function inUse(path: string, options?: ErrorOptions): DataDirError {
  const text = `${path} is in use: stop the member that runs on it, and try again`;
  return new DataDirError('DATA_DIR_IN_USE', text, options);
}

/** Whether a store does not open since another process has it open. */
function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

const silent: DataDirLog = { warn() {} };
