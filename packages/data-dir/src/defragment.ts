import { stat } from 'node:fs/promises';
import { DataDirError } from './errors.ts';
import { exists, layoutOf } from './layout.ts';
import { missing } from './offline-data.ts';
import { allBuckets, rewriteFile } from './rewrite-file.ts';
import { rewriteStore } from './rewrite-store.ts';
import { hasSnapshotHash } from './snapshot-file.ts';
import { hasStore } from './store-swap.ts';

/**
 * Gives the space back that a store does not use: by writing it anew, and putting it in the place of the one before.
 *
 * @param path the data directory of a member of Quorate or of etcd that does not run, or a database of an etcd
 * @throws DataDirError DATA_DIR_MISSING, DATA_DIR_IN_USE, DATA_DIR_DAMAGED, DATA_DIR_UNUSABLE, SNAPSHOT_DAMAGED,
 * SNAPSHOT_FOREIGN; whatever the disk throws. The data is what it was then
 */
export async function defragment(
  path: string,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<void> {
  const layout = layoutOf(path);
  const { etcdFile } = layout;
  if (await hasStore(layout)) return rewriteStore(path, onBytes);
  if (await exists(etcdFile)) return rewriteFile(etcdFile, allBuckets);
  const file = await stat(path).catch(() => undefined);
  if (file?.isFile() !== true) throw missing(path);
  if (hasSnapshotHash(file.size)) {
    const text = `${path} is a snapshot with a checksum, which would be lost: a snapshot has no space to give back`;
    throw new DataDirError('DATA_DIR_UNUSABLE', text);
  }
  await rewriteFile(path, allBuckets);
}
