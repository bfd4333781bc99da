import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The little of a file system that `syncLogs` needs; tests put their own in its place. */
export interface SyncFiles {
  list(directory: string): Promise<readonly string[]>;
  /** Forces a file's content to disk. */
  syncData(path: string): Promise<void>;
  /** Forces a directory's entries to disk. */
  syncDirectory(path: string): Promise<void>;
}

/**
 * Makes durable what RocksDB has written to its logs so far, on a thread of libuv.
 *
 * The engine's own `sync` option would block the calling thread for the whole fdatasync. When a write returns,
 * the engine has handed its record to the kernel, and an fdatasync concerns the file and not the descriptor,
 * so we sync the logs ourselves. A log that vanishes meanwhile is one whose rows the engine has put into a
 * table and synced before; one that appears meanwhile holds only later writes.
 *
 * @throws whatever the disk says; after that nothing may be taken as durable.
 */
export async function syncLogs(location: string, files: SyncFiles = nodeFiles): Promise<void> {
  for (const name of await files.list(location)) {
    if (!name.endsWith('.log')) continue;
    try {
      await files.syncData(join(location, name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  await files.syncDirectory(location);
}

const nodeFiles: SyncFiles = {
  list: (directory) => readdir(directory),
  async syncData(path) {
    await using file = await open(path, 'r+');
    await file.datasync();
  },
  async syncDirectory(path) {
    await using directory = await open(path, 'r');
    await directory.sync();
  },
};

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
