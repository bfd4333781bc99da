import type { BoltBucket, BoltFile, BoltRow } from '@quorate/bolt';
import { metaKeys, type LevelBackend } from '@quorate/replica';
import { compareBytes, equalBytes, toHex, type BucketChange } from '@quorate/std';
import { DataDirError, reasonOf } from './errors.ts';
import { exists, layoutOf } from './layout.ts';
import { oldestReaderOf } from './log-version.ts';
import { missing } from './offline-data.ts';
import { openStoreOffline } from './open-store.ts';
import { allBuckets, rewriteFile } from './rewrite-file.ts';
import {
  compareStorageVersions,
  detectStorageVersion,
  formatStorageVersion,
  newestVersion,
  oldestVersion,
  versionRow,
  type MetaReader,
  type StorageVersion,
} from './storage-version.ts';
import { hasStore } from './store-swap.ts';

/** Which directory to migrate, and to which version. */
export interface MigrateOptions {
  /** Of a member of Quorate or of etcd that does not run. */
  readonly dataDir: string;
  readonly walDir?: string | undefined;
  readonly target: StorageVersion;
  /** Write the version though the store or the log says that it cannot be. */
  readonly force?: boolean;
}

/** What a migration came to. */
export interface Migration {
  /** What the store was of; undefined when nobody can tell. */
  readonly from: StorageVersion | undefined;
  readonly changed: boolean;
  /** Why it would have been refused without `force`. */
  readonly refusal?: string;
}

/**
 * Says in a store of which version its format is, so that a server of that version takes it. Between 3.5 and 3.7 nothing
 * else differs.
 *
 * @throws DataDirError MIGRATION_REFUSED, DATA_DIR_MISSING, DATA_DIR_IN_USE, DATA_DIR_DAMAGED, DATA_DIR_UNUSABLE,
 * SNAPSHOT_DAMAGED; WalError; whatever the disk throws
 */
export async function migrate(options: MigrateOptions): Promise<Migration> {
  const layout = layoutOf(options.dataDir, options.walDir);
  const { storeDir, etcdFile, walDir } = layout;
  if (await hasStore(layout)) {
    await using backend = await openStoreOffline(storeDir);
    return await migrateStore(backend, await plannerOf(options, walDir));
  }
  if (!(await exists(etcdFile))) throw missing(options.dataDir);
  return migrateFile(etcdFile, await plannerOf(options, walDir));
}

/** A migration, and the row that it writes: undefined for none. */
interface Plan extends Migration {
  readonly row: Uint8Array | undefined;
}

/** Decides what becomes of a store. @throws DataDirError MIGRATION_REFUSED */
type Planner = (meta: MetaReader) => Plan;

async function plannerOf({ target, force = false }: MigrateOptions, walDir: string): Promise<Planner> {
  const oldestReader = await oldestReaderOf(walDir);
  const row = versionRow(target);
  return (meta) => {
    let from: StorageVersion | undefined;
    try {
      from = detectStorageVersion(meta);
      if (compareStorageVersions(from, target) === 0) return { from, changed: false, row };
      checkMigration(from, { target, oldestReader });
      return { from, changed: true, row };
    } catch (error) {
      if (!(error instanceof DataDirError) || !force) throw error;
      return { from, changed: true, refusal: reasonOf(error), row };
    }
  };
}

function checkMigration(
  from: StorageVersion,
  {
    target,
    oldestReader,
  }: { readonly target: StorageVersion; readonly oldestReader: StorageVersion | undefined },
): void {
  if (from.major !== target.major)
    throw refused('cannot create migration plan: changing major storage version is not supported');
  const unknown = [from, target].find(
    (version) =>
      compareStorageVersions(version, newestVersion) > 0 ||
      compareStorageVersions(version, oldestVersion) < 0,
  );
  if (unknown !== undefined)
    throw refused(
      `cannot create migration plan: version "${formatStorageVersion(unknown)}" is not supported`,
    );
  const isDown = compareStorageVersions(target, from) < 0;
  if (!isDown || oldestReader === undefined || compareStorageVersions(target, oldestReader) >= 0) return;
  throw refused(
    'cannot downgrade storage, WAL contains newer entries, as the target version ' +
      `(${formatStorageVersion(target)}) is lower than the version (${formatStorageVersion(oldestReader)}) ` +
      'detected from WAL logs',
  );
}

async function migrateStore(backend: LevelBackend, planner: Planner): Promise<Migration> {
  const { row, ...migration } = planner((key) => backend.get('meta', key));
  if (migration.changed) {
    const change: BucketChange = { bucket: 'meta', key: metaKeys.storageVersion, value: row };
    await backend.write([change], { sync: true });
  }
  return migration;
}

async function migrateFile(path: string, planner: Planner): Promise<Migration> {
  let result: Migration | undefined;
  await rewriteFile(path, async (file) => {
    const meta = (await Array.fromAsync(file.rows('meta'))).flat();
    const rows = new Map(meta.map(([key, value]) => [toHex(key), value]));
    const { row, ...migration } = planner((key) => rows.get(toHex(key)));
    result = migration;
    return migration.changed ? withMeta(file, withVersion(meta, row)) : undefined;
  });
  if (result === undefined) throw new DataDirError('DATA_DIR_DAMAGED', `${path} was not read`);
  return result;
}

function withVersion(meta: readonly BoltRow[], row: Uint8Array | undefined): readonly BoltRow[] {
  const others = meta.filter(([key]) => !equalBytes(key, metaKeys.storageVersion));
  const added: readonly BoltRow[] = row === undefined ? [] : [[metaKeys.storageVersion, row]];
  return [...others, ...added].sort(([a], [b]) => compareBytes(a, b));
}

async function withMeta(file: BoltFile, meta: readonly BoltRow[]): Promise<readonly BoltBucket[]> {
  const rows = async function* (): AsyncGenerator<readonly BoltRow[], void> {
    yield meta;
  };
  return (await allBuckets(file)).map((bucket) => (bucket.name === 'meta' ? { name: 'meta', rows } : bucket));
}

function refused(text: string): DataDirError {
  return new DataDirError('MIGRATION_REFUSED', text);
}
