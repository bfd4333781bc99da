import { NodeDisk } from '@quorate/wal';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, type Layout } from './layout.ts';

/** Where a store is written anew, where it lies when it is whole, and where the one before goes. */
export function rewritePaths({ memberDir }: Pick<Layout, 'memberDir'>): {
  readonly building: string;
  readonly whole: string;
  readonly replaced: string;
} {
  const at = (name: string): string => join(memberDir, name);
  return { building: at('store.tmp'), whole: at('store.new'), replaced: at('store.old') };
}

/**
 * Puts a store that was written anew in the place of the one before, or goes on with that where a crash has ended it;
 * where there is nothing to go on with, does nothing. Nobody may have the store open. At each moment there is one whole
 * store under a name that this function knows.
 *
 * @throws as node:fs does, DiskError
 */
export async function finishRewrite(layout: Pick<Layout, 'memberDir' | 'storeDir'>): Promise<void> {
  const { memberDir, storeDir } = layout;
  const { whole, replaced } = rewritePaths(layout);
  const disk = new NodeDisk();
  if (await exists(whole)) {
    if (await exists(storeDir)) {
      await rm(replaced, { recursive: true, force: true });
      await rename(storeDir, replaced);
      await disk.syncDir(memberDir);
    }
    await rename(whole, storeDir);
    await disk.syncDir(memberDir);
  }
  await rm(replaced, { recursive: true, force: true });
}

/** Whether there is a store of this program; one whose place a crash has left to the next is put there first. */
export async function hasStore(layout: Pick<Layout, 'memberDir' | 'storeDir'>): Promise<boolean> {
  if (await exists(rewritePaths(layout).whole)) await finishRewrite(layout);
  return exists(layout.storeDir);
}
