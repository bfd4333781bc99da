import { BoltError, type BoltFile, type BoltSource } from '@quorate/bolt';
import { encodeV2Store, type Membership } from '@quorate/membership';
import { DamagedRowError, decodeRevisionKey, encodeRevisionKey, scheduledCompactKey } from '@quorate/mvcc';
import { importStore, LevelBackend, metaKeys, positionChanges } from '@quorate/replica';
import {
  ChangeList,
  equalBytes,
  fromUtf8,
  toUtf8,
  type BackendRow,
  type Bucket,
  type BucketChange,
} from '@quorate/std';
import { NodeDisk, saveSnapFile, Wal } from '@quorate/wal';
import { checkState } from './check-state.ts';
import { DataDirError } from './errors.ts';
import type { Layout } from './layout.ts';
import type { DataDirLog } from './log.ts';
import { openStore } from './open-store.ts';
import { RestoreTarget } from './restore-target.ts';
import { firstTerm, restoredCluster, type ClusterOptions, type RestoredCluster } from './restored-cluster.ts';
import { damaged, openSnapshot } from './snapshot-file.ts';
import {
  compareStorageVersions,
  formatStorageVersion,
  parseStorageVersion,
  servedVersion,
} from './storage-version.ts';

/** What a restore is doing: it goes from one step to the next. */
export type RestoreStep = 'check' | 'store' | 'log' | 'publish' | 'done';

/** What to restore, where, and which member of which cluster it becomes. */
export interface RestoreOptions extends ClusterOptions {
  /** The file of the snapshot, of Quorate or of etcd, with its checksum behind it or without. It stays the caller's. */
  readonly snapshot: BoltSource;
  /** Where the member is to be: absent or empty. */
  readonly dataDir: string;
  /** Where its log is to be, if not in the data directory: absent. */
  readonly walDir?: string | undefined;
  /** Take a snapshot without a checksum, such as the database of a member that does not run. */
  readonly skipHashCheck?: boolean;
  /**
   * Raise the revision by so much, and mark what comes before as compacted, so that no client takes what it saw before
   * the restore for what is there after it. 0, the default, goes on with the snapshot's revision.
   */
  readonly bumpRevision?: number;
  /** Told of each step when it begins. */
  readonly onStep?: (step: RestoreStep) => void | Promise<void>;
  readonly log?: DataDirLog;
}

/** What was restored. */
export interface RestoredMember {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  /** The newest revision in the snapshot, 0 when it has none, and what it is now. */
  readonly snapshotRevision: number;
  readonly revision: number;
  /** `X.Y.Z`, the version of the cluster that the snapshot is of, where members of this program run as a lower one. */
  readonly loweredFrom?: string;
}

/**
 * Makes a new member of a snapshot: in a new cluster, with the keys, revisions, leases, users, roles and alarms that
 * the member had of whom it was taken. Everything is on disk when it resolves. When it rejects, or is interrupted, there
 * is no member, and nothing that was there before has changed. DESIGN.md has the order of what is written.
 *
 * @throws DataDirError RESTORE_OPTIONS, DATA_DIR_NOT_EMPTY, DATA_DIR_IN_USE, DATA_DIR_UNUSABLE, SNAPSHOT_NO_HASH,
 * SNAPSHOT_WRONG_HASH, SNAPSHOT_DAMAGED, SNAPSHOT_FOREIGN; whatever disk and source throw
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoredMember> {
  const { snapshot, skipHashCheck = false, bumpRevision = 0, onStep, log = silent } = options;
  if (!Number.isSafeInteger(bumpRevision) || bumpRevision < 0)
    throw new DataDirError('RESTORE_OPTIONS', `revisions cannot be raised by ${bumpRevision}`);
  const cluster = restoredCluster(options);
  const layout = await RestoreTarget.check(options);
  await onStep?.('check');
  const file = await openSnapshot(snapshot, { skipHashCheck });
  const target = await RestoreTarget.make(layout);
  try {
    await onStep?.('store');
    const source = new SnapshotRows(file, { cluster, bumpRevision });
    const membership = await fillStore(target.building, { source, cluster, log });
    await onStep?.('log');
    await writeLog(target.building, { cluster, membership });
    await onStep?.('publish');
    await target.publish();
    await onStep?.('done');
    const { memberId, clusterId } = cluster;
    const { lastRevision: snapshotRevision, newRevision: revision, loweredFrom } = source;
    return {
      memberId,
      clusterId,
      snapshotRevision,
      revision,
      ...(loweredFrom !== undefined && { loweredFrom }),
    };
  } catch (error) {
    await target.discard();
    const isDamaged = error instanceof BoltError || error instanceof DamagedRowError;
    throw isDamaged ? damaged(error) : error;
  }
}

/** The rows of a snapshot as the restored member has them. */
class SnapshotRows {
  /** The newest revision of the rows given out so far. */
  lastRevision = 0;
  /** The version of the cluster, if it was above that of members of this program. */
  loweredFrom: string | undefined;
  readonly #file: BoltFile;
  readonly #cluster: RestoredCluster;
  readonly #bumpRevision: number;

  constructor(
    file: BoltFile,
    { cluster, bumpRevision }: { readonly cluster: RestoredCluster; readonly bumpRevision: number },
  ) {
    this.#file = file;
    this.#cluster = cluster;
    this.#bumpRevision = bumpRevision;
  }

  /** What the restored member begins with, once all rows of bucket `key` were given out. */
  get newRevision(): number {
    return this.lastRevision + this.#bumpRevision;
  }

  rows(bucket: Bucket): AsyncIterable<readonly BackendRow[]> {
    switch (bucket) {
      case 'members':
        return slices([this.#cluster.memberRows]);
      case 'members_removed':
        return slices([]);
      case 'key':
        return this.#keyRows();
      case 'cluster':
        return this.#lowered('cluster', clusterVersionKey);
      case 'meta':
        return this.#lowered('meta', metaKeys.storageVersion);
      default:
        return this.#file.rows(bucket);
    }
  }

  /** Unlike in etcd, whose member would not start: a new cluster need not be of the version of the old one. */
  async *#lowered(bucket: Bucket, versionKey: Uint8Array): AsyncGenerator<readonly BackendRow[], void> {
    for await (const rows of this.#file.rows(bucket)) {
      yield rows.map(([key, value]): BackendRow => {
        const version = equalBytes(key, versionKey) ? parseStorageVersion(toUtf8(value)) : undefined;
        if (version === undefined || compareStorageVersions(version, servedVersion) <= 0) return [key, value];
        if (bucket === 'cluster') this.loweredFrom = toUtf8(value);
        return [key, fromUtf8(formatStorageVersion(servedVersion))];
      });
    }
  }

  /** What bucket `meta` says otherwise than in the snapshot; after its rows. */
  metaChanges(): readonly BucketChange[] {
    const { entries, confState } = this.#cluster;
    const position = positionChanges({ index: entries.length, term: firstTerm, confState });
    if (this.#bumpRevision === 0) return position;
    const compacted = new ChangeList();
    compacted.put('meta', scheduledCompactKey, encodeRevisionKey(this.newRevision, 0));
    return [...position, ...compacted.changes];
  }

  async *#keyRows(): AsyncGenerator<readonly BackendRow[], void> {
    for await (const rows of this.#file.rows('key')) {
      yield rows; // Who takes them finds out whether they are good.
      const last = rows.at(-1);
      if (last !== undefined) this.lastRevision = decodeRevisionKey(last[0]).main;
    }
    if (this.#bumpRevision === 0) return;
    if (!Number.isSafeInteger(this.newRevision)) {
      const text = `revision ${this.lastRevision} cannot be raised by ${this.#bumpRevision}: that is too much`;
      throw new DataDirError('RESTORE_OPTIONS', text);
    }
    // etcd's own mark: a row without a KeyValue, which raises the revision and is no key.
    yield [[encodeRevisionKey(this.newRevision, 0), new Uint8Array(0)]];
  }
}

/** Fills the store and closes it, all of it on disk; returns the membership that it has. */
async function fillStore(
  { storeDir }: Layout,
  {
    source,
    cluster,
    log,
  }: { readonly source: SnapshotRows; readonly cluster: RestoredCluster; readonly log: DataDirLog },
): Promise<Membership> {
  await using backend = await LevelBackend.open(await openStore(storeDir, log));
  const write = syncedNowAndThen(backend);
  await importStore((bucket) => source.rows(bucket), write);
  await backend.write(source.metaChanges(), { sync: true });
  const membership = await checkState(backend);
  if (membership.list().length !== cluster.memberRows.length)
    throw new DataDirError('SNAPSHOT_DAMAGED', 'the store does not hold the members it was given');
  return membership;
}

/** Rows that may be in memory of the system and not on disk yet. */
const unsyncedMaxBytes = 8 * 1024 * 1024;

/** Writes batches, and has the disk take them before there are too many that it has not. */
export function syncedNowAndThen(
  backend: Pick<LevelBackend, 'write'>,
): (changes: readonly BucketChange[]) => Promise<void> {
  let unsyncedBytes = 0;
  return async (changes) => {
    for (const { key, value } of changes) unsyncedBytes += key.length + (value?.length ?? 0);
    const sync = unsyncedBytes >= unsyncedMaxBytes;
    if (sync) unsyncedBytes = 0;
    await backend.write(changes, { sync });
  };
}

/** The log that the store goes with: the members as its first entries, and a mark that says the store has them. */
async function writeLog(
  { walDir, snapDir }: Layout,
  { cluster, membership }: { readonly cluster: RestoredCluster; readonly membership: Membership },
): Promise<void> {
  const { hardState, entries, confState, walMetadata } = cluster;
  const disk = new NodeDisk();
  const place = { index: entries.length, term: firstTerm, confState };
  // Before the mark, which speaks of it.
  await saveSnapFile(disk, snapDir, { ...place, data: encodeV2Store(membership) });
  const initial = { hardState, entries };
  await using wal = await Wal.create({ disk, dir: walDir, metadata: walMetadata, initial });
  await wal.saveSnapshot(place);
}

async function* slices(
  rows: readonly (readonly BackendRow[])[],
): AsyncGenerator<readonly BackendRow[], void> {
  yield* rows;
}

/** The row of bucket `cluster` with the version of the cluster. */
const clusterVersionKey = fromUtf8('clusterVersion');

const silent: DataDirLog = { warn() {} };
