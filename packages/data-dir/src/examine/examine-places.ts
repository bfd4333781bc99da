import { NodeDisk } from '@quorate/wal';
import { lstat, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, type Layout } from '../layout.ts';
import { rewritePaths } from '../store-swap.ts';
import type { LeftoverFacts, PlaceFacts, VolumeFacts } from './facts.ts';

/** The directories of a member and the files it made, with their modes; what is not there is left out. */
export async function examinePlaces(layout: Layout): Promise<PlaceFacts[]> {
  const { dataDir, memberDir, walDir, snapDir, storeDir, etcdFile } = layout;
  const inside = async (dir: string) => (await new NodeDisk().list(dir)).map((name) => join(dir, name));
  const files = (await inside(walDir)).filter((path) => path.endsWith('.wal'));
  const paths = [dataDir, memberDir, walDir, snapDir, storeDir, etcdFile, ...files];
  const places: PlaceFacts[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const { mode, uid } = found;
    places.push({ path, isDirectory: found.isDirectory(), mode: mode & 0o777, uid });
  }
  return places;
}

/** The file systems under a member: one, or two when the log has its own. */
export async function examineVolumes({ memberDir, dataDir, walDir }: Layout): Promise<VolumeFacts[]> {
  const volumes: VolumeFacts[] = [];
  for (const path of [(await exists(memberDir)) ? memberDir : dataDir, walDir]) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || volumes.some(({ device }) => device === found.dev)) continue;
    const { type, bsize, blocks, bavail, files, ffree } = await statfs(path);
    volumes.push({
      ...{ path, device: found.dev, type },
      ...{ sizeBytes: blocks * bsize, freeBytes: bavail * bsize },
      ...{ fileCount: files, freeFileCount: ffree },
    });
  }
  return volumes;
}

/** What interrupted steps and repairs have left. The segment made ahead is none while a member runs. */
export async function examineLeftovers(
  layout: Layout,
  { isInUse }: { readonly isInUse: boolean },
): Promise<LeftoverFacts[]> {
  const { walDir, snapDir, restoringDir } = layout;
  const { building, whole, replaced } = rewritePaths(layout);
  const found: LeftoverFacts[] = [];
  const add = async (path: string, kind: LeftoverFacts['kind']): Promise<void> => {
    if (await exists(path)) found.push({ path, kind, sizeBytes: await sizeOf(path) });
  };
  for (const path of [restoringDir, `${walDir}.restoring`, `${walDir}.tmp`, building, whole, replaced])
    await add(path, 'unfinished');
  for (const dir of [walDir, snapDir]) {
    for (const name of await new NodeDisk().list(dir)) {
      const path = join(dir, name);
      if (name.endsWith('.broken')) await add(path, 'broken');
      else if (!isInUse && isUnfinished(name)) await add(path, 'unfinished');
    }
  }
  for (const name of await new NodeDisk().list(dirname(walDir)))
    if (name.startsWith('wal.broken')) await add(join(dirname(walDir), name), 'broken');
  return found;
}

/** Segments made ahead, databases and snapshots on their way in. */
function isUnfinished(name: string): boolean {
  return /^[01]\.tmp$|^tmp|^db\.tmp|\.snap\.db$/.test(name);
}

async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path);
  if (!found.isDirectory()) return found.size;
  let total = 0;
  for (const name of await readdir(path)) total += await sizeOf(join(path, name));
  return total;
}
