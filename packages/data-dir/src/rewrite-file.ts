import { BoltWriter, type BoltBucket, type BoltFile } from '@quorate/bolt';
import { NodeDisk, type DiskFile } from '@quorate/wal';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileLock } from './file-lock.ts';
import { openDatabase } from './snapshot-file.ts';

/** Which rows a file gets that is written anew; undefined to leave it as it is. */
export type BucketsOf = (file: BoltFile) => Promise<readonly BoltBucket[] | undefined>;

/** How much of a page etcd fills: what comes later finds room. */
const fillPercent = 0.9;

/**
 * Writes the database of an etcd anew, so that it holds no free page, and puts it in the place of the one before, which
 * is locked meanwhile. Its pages are checked first. Bytes behind the database (the checksum of a snapshot) are not kept.
 *
 * @throws DataDirError DATA_DIR_IN_USE, DATA_DIR_UNUSABLE, SNAPSHOT_DAMAGED, SNAPSHOT_FOREIGN; whatever the disk throws:
 * the file is what it was then
 */
export async function rewriteFile(path: string, bucketsOf: BucketsOf): Promise<void> {
  await using _ = await FileLock.take(path, 'exclusive');
  const disk = new NodeDisk();
  const building = `${path}.tmp.rewrite`; // A name that etcd removes when it starts.
  const source = await disk.open(path, 'read');
  try {
    const file = await openDatabase(source);
    const buckets = await bucketsOf(file);
    if (buckets === undefined) return;
    await rm(building, { force: true });
    const writer = await BoltWriter.plan(buckets, { pageSizeBytes: file.pageSizeBytes, fillPercent });
    const target = await disk.open(building, 'create');
    try {
      await writeAll(target, writer.chunks());
    } finally {
      await target.close();
    }
    await disk.rename(building, path);
    await disk.syncDir(dirname(path));
  } catch (error) {
    await rm(building, { force: true });
    throw error;
  } finally {
    await source.close();
  }
}

/** All buckets of a file, as they are. */
export async function allBuckets(file: BoltFile): Promise<readonly BoltBucket[]> {
  const names = await file.bucketNames();
  return names.map((name) => ({ name, rows: () => file.rows(name) }));
}

async function writeAll(target: DiskFile, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let offset = 0;
  for await (const chunk of chunks) {
    await target.write(offset, chunk);
    offset += chunk.length;
  }
  await target.sync();
}
