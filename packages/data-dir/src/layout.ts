import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Where everything of a member lies:
 *
 * ```
 * <data dir>/member/store/       the store of this program (RocksDB or LevelDB)
 * <data dir>/member/wal/         the log, unless --wal-dir has it elsewhere
 * <data dir>/member/snap/        .snap files as etcd has them, and stores of other members on their way in
 * <data dir>/member/snap/db      the store of an etcd (bbolt); never in one directory with member/store
 * ```
 *
 * and, while it is not finished or when it was interrupted:
 *
 * ```
 * <data dir>/member.restoring/   a member that is being made of a snapshot
 * <wal dir>.restoring/           its log, when that lies elsewhere
 * <data dir>/member/store.tmp/   a store that is being written anew
 * <data dir>/member/store.new/   the same, whole: it is to take the place of the store
 * <data dir>/member/store.old/   the store that it has taken the place of, to be removed
 * ```
 */
export interface Layout {
  readonly dataDir: string;
  readonly memberDir: string;
  readonly storeDir: string;
  readonly walDir: string;
  readonly snapDir: string;
  /** The database of an etcd. */
  readonly etcdFile: string;
  /** What a restore fills before it becomes `memberDir`. */
  readonly restoringDir: string;
}

/** The paths of a data directory; `walDir` empty or undefined is the usual place. */
export function layoutOf(dataDir: string, walDir?: string): Layout {
  const memberDir = join(dataDir, 'member');
  const snapDir = join(memberDir, 'snap');
  return {
    dataDir,
    memberDir,
    storeDir: join(memberDir, 'store'),
    walDir: walDir || join(memberDir, 'wal'),
    snapDir,
    etcdFile: join(snapDir, 'db'),
    restoringDir: join(dataDir, 'member.restoring'),
  };
}

/** The data directory that a store of this program belongs to. */
export function dataDirOf(storeDir: string): string {
  return dirname(dirname(storeDir));
}

/** Whether there is something at a path that this process may see. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
