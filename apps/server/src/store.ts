import type { BytesLevel } from '@quorate/replica';
import type { Logger } from 'pino';

/**
 * The database below the buckets: RocksDB where it has a prebuilt engine, LevelDB elsewhere. A directory
 * stays with the engine that made it: they do not read each other's files.
 */
export async function openStore(location: string, log: Logger): Promise<BytesLevel> {
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
