import { humanSize } from './size.ts';
import type { Printout } from './printout.ts';
import { table } from './table.ts';

/** What is in the file of a snapshot. */
export interface SnapshotStatus {
  /** CRC-32C over the names of all buckets, and their keys and values. */
  readonly hash: number;
  readonly revision: bigint;
  /** Rows of all buckets. */
  readonly keyCount: number;
  /** Of the database, the checksum behind it not counted. */
  readonly sizeBytes: number;
}

/** The result of `snapshot status`. */
export function snapshotStatusPrintout({ hash, revision, keyCount, sizeBytes }: SnapshotStatus): Printout {
  const row = [hash.toString(16), `${revision}`, `${keyCount}`, humanSize(BigInt(sizeBytes))];
  return {
    simple: () => `${row.join(', ')}\n`,
    fields: () => `"Hash" : ${hash}\n"Revision" : ${revision}\n"Keys" : ${keyCount}\n"Size" : ${sizeBytes}\n`,
    json: () => ({ hash, revision, totalKey: keyCount, totalSize: sizeBytes }),
    table: () => table(['hash', 'revision', 'total keys', 'total size'], [row]),
  };
}
