import { NodeDisk, recordType, Wal } from '@quorate/wal';
import { decodeEntry, raftinternalpb, type Entry } from '@quorate/wire';
import { compareStorageVersions, parseStorageVersion, type StorageVersion } from './storage-version.ts';

/**
 * The oldest version that understands the entries behind the newest snapshot of a log; undefined when any does. All
 * requests that etcd 3.5 to 3.7 writes are known to 3.5 but those that name a version themselves.
 *
 * @throws WalError, WalCorruptError, DiskError
 */
export async function oldestReaderOf(walDir: string): Promise<StorageVersion | undefined> {
  const disk = new NodeDisk();
  const marks = await Wal.validSnapshots(disk, walDir);
  const from = Math.max(0, ...marks.map(({ index }) => index));
  let newest: StorageVersion | undefined;
  for await (const { type, data } of Wal.read({ disk, dir: walDir })) {
    if (type !== recordType.entry) continue;
    const entry = decodeEntry(data);
    if (entry.index <= from) continue;
    for (const text of versionsIn(entry)) {
      const version = parseStorageVersion(text);
      if (version === undefined) continue;
      if (newest === undefined || compareStorageVersions(version, newest) > 0) newest = version;
    }
  }
  return newest;
}

function versionsIn({ type, data }: Entry): string[] {
  if (type !== 0 || data.length === 0) return [];
  try {
    const { clusterVersionSet, downgradeVersionTest } = raftinternalpb.InternalRaftRequest.decode(data);
    return [clusterVersionSet?.ver, downgradeVersionTest?.ver].filter((text) => text !== undefined);
  } catch {
    return []; // A request of the second version of etcd's API, which 3.5 writes too.
  }
}
