import type { OfflineHash } from '@quorate/data-dir';
import type { Printout } from './printout.ts';
import { table } from './table.ts';

/** The result of `hashkv`, as etcdutl 3.6 prints it. */
export function offlineHashPrintout({ hash, hashRevision, compactRevision }: OfflineHash): Printout {
  const row = [hash, hashRevision, compactRevision].map(String);
  return {
    simple: () => `${row.join(', ')}\n`,
    fields: () =>
      `"Hash" : ${hash}\n"Hash revision" : ${hashRevision}\n"Compact revision" : ${compactRevision}\n`,
    json: () => ({ hash, hashRevision, compactRevision }),
    table: () => table(['hash', 'hash revision', 'compact revision'], [row]),
  };
}
