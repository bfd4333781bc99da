import { hashEtcdRows } from '@quorate/mvcc';
import { crc32c, fromUtf8 } from '@quorate/std';
import { compactedRevisionOf, type OfflineData } from './offline-data.ts';

/** HashKV of a store that no member has open, as the member would answer it. */
export interface OfflineHash {
  readonly hash: number;
  /** The newest revision that counts. */
  readonly hashRevision: number;
  /** What had been compacted, -1 for nothing. */
  readonly compactRevision: number;
}

/** Told of bytes of keys and values when they were read, for whoever shows how far it is. */
export type OnBytes = (bytes: number) => void;

/**
 * HashKV at a revision, 0 for the newest.
 *
 * @throws CompactedError, FutureRevisionError, DataDirError, DamagedRowError
 */
export async function hashKv(
  data: OfflineData,
  revision: number,
  onBytes: OnBytes = () => undefined,
): Promise<OfflineHash> {
  const compactedRevision = await compactedRevisionOf(data);
  const rows = () => counted(data, 'key', onBytes);
  const { hash, hashRevision, compactRevision } = await hashEtcdRows(rows, { revision, compactedRevision });
  return { hash, hashRevision, compactRevision };
}

/** What is in a store, as `snapshot status` tells it. */
export interface StoreStatus {
  /** CRC-32C over the names of all buckets, and their keys and values. */
  readonly hash: number;
  /** The newest, 0 for none. */
  readonly revision: bigint;
  /** Rows of all buckets. */
  readonly keyCount: number;
  /** Of the database, the checksum behind it not counted. */
  readonly sizeBytes: number;
}

/** Reads a whole store. @throws DataDirError, DamagedRowError */
export async function storeStatus(
  data: OfflineData,
  onBytes: OnBytes = () => undefined,
): Promise<StoreStatus> {
  let [hash, revision, keyCount] = [0, 0n, 0];
  for (const bucket of await data.bucketNames()) {
    hash = crc32c(fromUtf8(bucket), hash);
    for await (const rows of counted(data, bucket, onBytes)) {
      for (const [key, value] of rows) hash = crc32c(value, crc32c(key, hash));
      keyCount += rows.length;
      const last = rows.at(-1)?.[0];
      if (bucket === 'key' && last !== undefined) revision = mainRevision(last);
    }
  }
  return { hash, revision, keyCount, sizeBytes: await data.databaseBytes() };
}

/** The revision at the front of a key of the bucket `key`; a key too short for one, which etcd never writes, has 0. */
function mainRevision(key: Uint8Array): bigint {
  if (key.length < 8) return 0n;
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigInt64(0);
}

async function* counted(
  data: OfflineData,
  bucket: string,
  onBytes: OnBytes,
): ReturnType<OfflineData['rows']> {
  for await (const rows of data.rows(bucket)) {
    yield rows;
    let bytes = 0;
    for (const [key, value] of rows) bytes += key.length + value.length;
    onBytes(bytes);
  }
}
