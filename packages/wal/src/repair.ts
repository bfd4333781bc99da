import type { Disk } from './disk.ts';
import type { WalTornError } from './errors.ts';
import { removeIfThere } from './segment-file.ts';

const copySize = 1024 * 1024;

/** What was done about a torn tail. */
export interface Repair {
  /** The segment that was cut, and the untouched copy of it that was kept. */
  readonly file: string;
  readonly copy: string;
  /** Where the file ends now, and how many bytes it had behind that. */
  readonly offset: number;
  readonly removedBytes: number;
}

/**
 * Cuts a torn record off the last segment. A copy of what was there stays as `<name>.broken`. Both are on disk
 * afterwards.
 */
export async function repairTail(disk: Disk, dir: string, torn: WalTornError): Promise<Repair> {
  const copy = `${torn.file}.broken`;
  const file = await disk.open(torn.file, 'write');
  try {
    const size = await file.size();
    await removeIfThere(disk, copy);
    const broken = await disk.open(copy, 'create');
    try {
      for (let offset = 0; offset < size; offset += copySize) {
        await broken.write(offset, await file.read(offset, Math.min(copySize, size - offset)));
      }
      await broken.sync();
    } finally {
      await broken.close();
    }
    await disk.syncDir(dir);
    await file.truncate(torn.offset);
    await file.sync();
    return { file: torn.file, copy, offset: torn.offset, removedBytes: size - torn.offset };
  } finally {
    await file.close();
  }
}
