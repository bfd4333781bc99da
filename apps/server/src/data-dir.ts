import { NodeDisk, Wal } from '@quorate/wal';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError } from './config/load.ts';
import type { ServerConfig } from './config/schema.ts';

/** Where a member keeps what it must not lose. */
export interface DataDir {
  readonly storeDir: string;
  readonly walDir: string;
  /** `.snap` files as etcd has them, and stores of other members on their way in. */
  readonly snapDir: string;
  /** Whether the member has a log: then it goes by that, and not by what the flags say of a new cluster. */
  readonly hasLog: boolean;
}

/**
 * Makes the data directory, for the owner only, or looks whether one that exists can be this member's.
 *
 * @throws ConfigError when it cannot be used: nothing in it was changed then
 */
export async function openDataDir(config: ServerConfig, log: Logger): Promise<DataDir> {
  const { dataDir } = config;
  const memberDir = join(dataDir, 'member');
  const walDir = config.walDir || join(memberDir, 'wal');
  const storeDir = join(memberDir, 'store');
  await refuseForeign(dataDir, storeDir);
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
  await usable('--data-dir', storeDir, () => mkdir(storeDir, { recursive: true, mode: 0o700 }));
  const { mode } = await stat(dataDir);
  if ((mode & 0o077) !== 0) {
    log.warn(
      { dataDir, mode: (mode & 0o777).toString(8) },
      'others may enter the data directory: its mode should be 700',
    );
  }
  return { storeDir, walDir, snapDir: join(memberDir, 'snap'), hasLog: await Wal.exists(disk, walDir) };
}

/** A directory that etcd has written to is not started over: what is in it would be gone. */
async function refuseForeign(dataDir: string, storeDir: string): Promise<void> {
  if (!(await exists(storeDir)) && (await exists(join(dataDir, 'member/snap/db')))) {
    throw new ConfigError(
      `--data-dir: ${dataDir} holds the database of an etcd (member/snap/db), which this version cannot read: ` +
        'choose another directory',
    );
  }
  if ((await exists(join(dataDir, 'member'))) && (await exists(join(dataDir, 'proxy')))) {
    throw new ConfigError(`--data-dir: ${dataDir} holds both a member and a proxy: it belongs to neither`);
  }
}

async function usable(flag: string, path: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${flag}: cannot use ${path} (${reason})`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
