import { NodeDisk, Wal } from '@quorate/wal';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataDirError, reasonOf } from './errors.ts';
import { exists, layoutOf, type Layout } from './layout.ts';
import type { DataDirLog } from './log.ts';
import { finishRewrite } from './store-swap.ts';

/** Where a member keeps what it must not lose. */
export interface DataDir {
  readonly storeDir: string;
  readonly walDir: string;
  /** `.snap` files as etcd has them, and stores of other members on their way in. */
  readonly snapDir: string;
  /** Whether the member has a log: then it goes by that, and not by what the flags say of a new cluster. */
  readonly hasLog: boolean;
}

/** Which directories a member is to have. */
export interface DataDirOptions {
  readonly dataDir: string;
  /** Where the log lies; empty for the usual place. */
  readonly walDir?: string;
}

/**
 * Makes the data directory, for the owner only, or looks whether one that exists can be this member's.
 *
 * @throws DataDirError that names the flag, when it cannot be used: nothing in it was changed then
 */
export async function openDataDir(options: DataDirOptions, log: DataDirLog): Promise<DataDir> {
  const layout = layoutOf(options.dataDir, options.walDir);
  const { dataDir, memberDir, storeDir, walDir, snapDir } = layout;
  await refuseForeign(layout);
  const disk = new NodeDisk();
  await usable('--data-dir', dataDir, async () => {
    // Not plain `mkdir`: a new directory must survive a power cut before anything in it is acknowledged.
    await disk.makeDir(memberDir);
    await access(memberDir, constants.R_OK | constants.W_OK | constants.X_OK);
  });
  await usable('--wal-dir', walDir, async () => {
    // The log makes its own directory, by a rename, so only the one above it is needed.
    await disk.makeDir(dirname(walDir));
    await access(dirname(walDir), constants.R_OK | constants.W_OK | constants.X_OK);
  });
  await usable('--data-dir', storeDir, async () => {
    await finishRewrite(layout);
    await mkdir(storeDir, { recursive: true, mode: 0o700 });
  });
  const { mode } = await stat(dataDir);
  if ((mode & 0o077) !== 0) {
    log.warn(
      { dataDir, mode: (mode & 0o777).toString(8) },
      'others may enter the data directory: its mode should be 700',
    );
  }
  return { storeDir, walDir, snapDir, hasLog: await Wal.exists(disk, walDir) };
}

/** A directory that etcd has written to is not started over: what is in it would be gone. */
async function refuseForeign({
  dataDir,
  memberDir,
  storeDir,
  etcdFile,
  restoringDir,
}: Layout): Promise<void> {
  if (!(await exists(storeDir)) && (await exists(etcdFile))) {
    throw new DataDirError(
      'DATA_DIR_FOREIGN',
      `--data-dir: ${dataDir} holds the database of an etcd (member/snap/db), which this version cannot read: ` +
        'choose another directory',
    );
  }
  if ((await exists(memberDir)) && (await exists(join(dataDir, 'proxy')))) {
    throw new DataDirError(
      'DATA_DIR_FOREIGN',
      `--data-dir: ${dataDir} holds both a member and a proxy: it belongs to neither`,
    );
  }
  if (await exists(restoringDir)) {
    // A member that began anew here would look like the one that was to be restored, without its data.
    throw new DataDirError(
      'DATA_DIR_INTERRUPTED',
      `--data-dir: ${dataDir} holds a restore that did not come to its end (member.restoring): ` +
        'run "quoratectl snapshot restore" again, or remove it',
    );
  }
}

async function usable(flag: string, path: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof DataDirError) throw error;
    throw new DataDirError('DATA_DIR_UNUSABLE', `${flag}: cannot use ${path} (${reasonOf(error)})`, {
      cause: error,
    });
  }
}
