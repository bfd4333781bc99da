import type { StoreStatus } from '@quorate/data-dir';
import { humanSize } from './size.ts';
import type { Printout } from './printout.ts';
import { table } from './table.ts';

/** The result of `snapshot status`. */
export function snapshotStatusPrintout({ hash, revision, keyCount, sizeBytes }: StoreStatus): Printout {
  const row = [hash.toString(16), `${revision}`, `${keyCount}`, humanSize(BigInt(sizeBytes))];
  return {
    simple: () => `${row.join(', ')}\n`,
    fields: () => `"Hash" : ${hash}\n"Revision" : ${revision}\n"Keys" : ${keyCount}\n"Size" : ${sizeBytes}\n`,
    json: () => ({ hash, revision, totalKey: keyCount, totalSize: sizeBytes }),
    table: () => table(['hash', 'revision', 'total keys', 'total size'], [row]),
  };
}
