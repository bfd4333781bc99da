import { NodeDisk } from '@quorate/wal';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DataDirError, reasonOf } from './errors.ts';
import { exists, layoutOf, type Layout } from './layout.ts';
import { openStoreOffline } from './open-store.ts';

/**
 * Where a restored member comes to be. It grows under names that no member starts from (`member.restoring`), and gets
 * its own in one step once all of it is on disk.
 */
export class RestoreTarget {
  /** Where the member grows. */
  readonly building: Layout;
  readonly #layout: Layout;
  /** The topmost directories that were made for it; they go again when the restore fails. */
  readonly #made: readonly string[];
  readonly #disk = new NodeDisk();
  /** Whether a log that lies elsewhere has its own name. */
  #hasPlacedLog = false;

  private constructor(layout: Layout, made: readonly string[]) {
    this.#layout = layout;
    this.#made = made;
    const { restoringDir } = layout;
    this.building = {
      ...layout,
      memberDir: restoringDir,
      storeDir: join(restoringDir, 'store'),
      snapDir: join(restoringDir, 'snap'),
      walDir: hasOwnWalDir(layout) ? `${layout.walDir}.restoring` : join(restoringDir, 'wal'),
    };
  }

  /**
   * Looks whether a member may be put there. What an interrupted restore has left counts for nothing.
   *
   * @throws DataDirError DATA_DIR_NOT_EMPTY with etcd's texts, DATA_DIR_IN_USE, DATA_DIR_UNUSABLE
   */
  static async check(options: {
    readonly dataDir: string;
    readonly walDir?: string | undefined;
  }): Promise<Layout> {
    const { dataDir, walDir } = options;
    const layout = layoutOf(resolve(dataDir), walDir ? resolve(walDir) : undefined);
    const { restoringDir } = layout;
    const names = await readdir(dataDir).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw notEmpty(`data-dir ${JSON.stringify(dataDir)} not empty or could not be read`, error);
    });
    const isLeftOver = names.length === 1 && names[0] === basename(restoringDir);
    if (names.length > 0 && !isLeftOver)
      throw notEmpty(`data-dir ${JSON.stringify(dataDir)} not empty or could not be read`);
    if (walDir && (await exists(walDir))) {
      const hint = isLeftOver ? ', perhaps from the restore that was interrupted: remove it then' : '';
      throw notEmpty(`wal-dir ${JSON.stringify(walDir)} exists${hint}`);
    }
    if (isLeftOver) await refuseBusy(restoringDir);
    return layout;
  }

  /** Makes what the member is to grow in, for the owner only. @throws DataDirError DATA_DIR_UNUSABLE */
  static async make(layout: Layout): Promise<RestoreTarget> {
    const made = [await topmostMissing(layout.dataDir), await topmostMissing(dirname(layout.walDir))];
    const target = new RestoreTarget(
      layout,
      made.filter((dir) => dir !== undefined),
    );
    const { memberDir, storeDir, snapDir, walDir } = target.building;
    try {
      for (const leftover of [memberDir, walDir]) await rm(leftover, { recursive: true, force: true });
      for (const dir of [storeDir, snapDir, dirname(walDir)]) await target.#disk.makeDir(dir);
    } catch (error) {
      await target.discard();
      const text = `cannot make ${layout.dataDir} (${reasonOf(error)})`;
      throw new DataDirError('DATA_DIR_UNUSABLE', text, { cause: error });
    }
    return target;
  }

  /**
   * Makes it the member. Nothing may have it open. After a crash there is the member, or there is none and what was
   * made keeps one from starting.
   */
  async publish(): Promise<void> {
    const { memberDir, walDir } = this.building;
    await syncTree(memberDir);
    if (hasOwnWalDir(this.#layout)) {
      await syncTree(walDir);
      await rename(walDir, this.#layout.walDir);
      this.#hasPlacedLog = true;
      await this.#disk.syncDir(dirname(walDir));
    }
    await rename(memberDir, this.#layout.memberDir);
    await this.#disk.syncDir(this.#layout.dataDir);
  }

  /** Takes away all that was made. */
  async discard(): Promise<void> {
    const { memberDir, walDir } = this.building;
    for (const dir of [memberDir, walDir, `${walDir}.tmp`]) await rm(dir, { recursive: true, force: true });
    if (this.#hasPlacedLog) await rm(this.#layout.walDir, { recursive: true, force: true });
    for (const dir of this.#made) await rm(dir, { recursive: true, force: true });
  }
}

/** Puts every file and directory below on disk, and the directory itself. */
export async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      await syncTree(path);
      continue;
    }
    await using file = await open(path, 'r+');
    await file.sync();
  }
  await new NodeDisk().syncDir(dir);
}

function hasOwnWalDir({ walDir, dataDir }: Layout): boolean {
  return walDir !== layoutOf(dataDir).walDir;
}

/** What another restore is at work on is not a leftover. */
async function refuseBusy(restoringDir: string): Promise<void> {
  const storeDir = join(restoringDir, 'store');
  if (!(await exists(join(storeDir, 'LOCK')))) return;
  try {
    await using _ = await openStoreOffline(storeDir);
  } catch (error) {
    if (!(error instanceof DataDirError) || error.code !== 'DATA_DIR_IN_USE') return;
    const text = `another restore into ${dirname(restoringDir)} is at work: wait for its end`;
    throw new DataDirError('DATA_DIR_IN_USE', text, { cause: error });
  }
}

async function topmostMissing(dir: string): Promise<string | undefined> {
  let topmost: string | undefined;
  for (let path = dir; !(await exists(path)) && dirname(path) !== path; path = dirname(path)) topmost = path;
  return topmost;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function notEmpty(text: string, cause?: unknown): DataDirError {
  return new DataDirError('DATA_DIR_NOT_EMPTY', text, cause === undefined ? {} : { cause });
}
