import { DiskError, type Disk } from './disk.ts';
import { removeIfThere } from './segment-file.ts';

/**
 * After a write-back that failed, Linux takes the bytes for written: they are still read, from memory, but are not on the
 * disk, and no later sync puts them there (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). A
 * process that starts then would find them, promise them once more, and a loss of power would take them away.
 *
 * So a log that fails leaves a note beside its last segment, and who opens it next writes the bytes of that segment again
 * before he believes them. The note is not synced: when it gets lost with the memory of the system, so do such bytes.
 */
const noteSuffix = '.doubtful';

const pieceSize = 1024 * 1024;

/** Leaves the note, if the disk still takes one. Never rejects. */
export async function noteDoubt(disk: Disk, segmentPath: string): Promise<void> {
  try {
    await (await disk.open(`${segmentPath}${noteSuffix}`, 'create')).close();
  } catch {
    // There is one already, or the disk takes nothing at all any more.
  }
}

/**
 * Puts segments on disk of which there are notes, as they are read now, and removes the notes.
 *
 * @param names what is in the directory
 * @throws DiskError when that fails; the notes stay
 */
export async function settleDoubts(disk: Disk, dir: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!name.endsWith(noteSuffix)) continue;
    const path = `${dir}/${name.slice(0, -noteSuffix.length)}`;
    await writeAgain(disk, path);
    await removeIfThere(disk, `${dir}/${name}`);
  }
}

async function writeAgain(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, 'write').catch((error: unknown) => {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined; // It was released since.
    throw error;
  });
  if (file === undefined) return;
  try {
    const size = await file.size();
    for (let offset = 0; offset < size; offset += pieceSize) {
      await file.write(offset, await file.read(offset, Math.min(pieceSize, size - offset)));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
