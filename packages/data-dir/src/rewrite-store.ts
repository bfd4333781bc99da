import { LevelBackend } from '@quorate/replica';
import { buckets, type BucketChange } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import { rename, rm } from 'node:fs/promises';
import { DataDirError } from './errors.ts';
import { layoutOf } from './layout.ts';
import { openStore, openStoreOffline } from './open-store.ts';
import { syncTree } from './restore-target.ts';
import { syncedNowAndThen } from './restore-snapshot.ts';
import { finishRewrite, rewritePaths } from './store-swap.ts';

/**
 * Writes the store of a member anew, so that nothing is left of what was deleted and compacted, and puts it in the place
 * of the one before. The store is locked until the new one is whole; the member must not be started before it resolves.
 *
 * @throws DataDirError DATA_DIR_IN_USE, DATA_DIR_DAMAGED; whatever the disk throws: the store is what it was then
 */
export async function rewriteStore(
  dataDir: string,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<void> {
  const layout = layoutOf(dataDir);
  const { memberDir, storeDir } = layout;
  const { building, whole } = rewritePaths(layout);
  await finishRewrite(layout);
  {
    await using from = await openStoreOffline(storeDir);
    if ((await from.sealedStage()) !== undefined) {
      const text = `${dataDir} holds a snapshot of the leader that is not in place yet: start the member once, then stop it`;
      throw new DataDirError('DATA_DIR_UNUSABLE', text);
    }
    await rm(building, { recursive: true, force: true });
    try {
      await copyStore(from, building, onBytes);
    } catch (error) {
      await rm(building, { recursive: true, force: true });
      throw error;
    }
  }
  await rename(building, whole);
  await new NodeDisk().syncDir(memberDir);
  await finishRewrite(layout);
}

async function copyStore(
  from: LevelBackend,
  building: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  await new NodeDisk().makeDir(building); // For the owner only, which RocksDB would not see to.
  {
    await using to = await LevelBackend.open(await openStore(building, { warn: () => undefined }));
    const write = syncedNowAndThen(to);
    await using snapshot = from.snapshot();
    for (const bucket of buckets) {
      for await (const rows of snapshot.scan(bucket)) {
        const changes = rows.map(([key, value]): BucketChange => ({ bucket, key, value }));
        await write(changes);
        onBytes(changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0));
      }
    }
  }
  await syncTree(building);
}
