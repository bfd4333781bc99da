import { bootstrapEntries, clusterId, initialMembers, parseInitialCluster } from '@quorate/membership';
import { Wal } from '@quorate/wal';
import { etcdserverpb, type Entry, type HardState, type WalSnapshot } from '@quorate/wire';
import { StartError } from './errors.ts';
import type { ReplicaOptions } from './options.ts';

/** What the log says a member is, and how far it had come. */
export interface OpenedLog {
  readonly wal: Wal;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  /** Where the log begins: the newest snapshot mark that the backend covers. */
  readonly snapshot: WalSnapshot;
  readonly isNew: boolean;
}

/**
 * Opens the log of a member, or makes a new one.
 *
 * @param options.position the entry that the backend stands for (index 0 when it is new)
 * @throws StartError when log, backend and configuration do not fit together
 */
export async function openLog(
  options: ReplicaOptions,
  position: { readonly index: number },
): Promise<OpenedLog> {
  if (await Wal.exists(options.disk, options.walDir)) return openExisting(options, position);
  if (position.index > 0) {
    throw new StartError(
      `the store holds entries up to ${position.index}, but there is no log in ${options.walDir}: ` +
        'restore the log that belongs to this store, or start with an empty data directory',
    );
  }
  return createNew(options);
}

async function openExisting(
  { disk, walDir, segmentSizeBytes, observer }: ReplicaOptions,
  position: { readonly index: number },
): Promise<OpenedLog> {
  const marks = await Wal.validSnapshots(disk, walDir);
  const from = marks.findLast((mark) => mark.index <= position.index);
  if (from === undefined) {
    throw new StartError(
      `the store holds entries up to ${position.index}, but the log in ${walDir} begins later: ` +
        'the store is older than the log, so restore the one that belongs to it',
    );
  }
  const opened = await Wal.open({ disk, dir: walDir, from, ...(segmentSizeBytes && { segmentSizeBytes }) });
  if (opened.repaired !== undefined) observer?.onLogRepaired?.(opened.repaired);
  const { NodeID = 0n, ClusterID = 0n } = etcdserverpb.Metadata.decode(opened.metadata);
  if (NodeID === 0n)
    throw new StartError(`the log in ${walDir} names no member: it was not made by etcd or Quorate`);
  const lastIndex = opened.entries.at(-1)?.index ?? opened.snapshot.index;
  if (lastIndex < position.index) {
    throw new StartError(
      `the store holds entries up to ${position.index}, but the log in ${walDir} ends at ${lastIndex}: ` +
        'the log has lost entries that were acknowledged; restore it or replace this member',
    );
  }
  return {
    wal: opened.wal,
    memberId: NodeID,
    clusterId: ClusterID,
    hardState: opened.hardState,
    entries: opened.entries,
    snapshot: opened.snapshot,
    isNew: false,
  };
}

/** A new log holds the members as its first entries, of term 1 and committed (reference: bootstrap entries). */
async function createNew(options: ReplicaOptions): Promise<OpenedLog> {
  const { disk, walDir, segmentSizeBytes } = options;
  const members = initialMembers(parseInitialCluster(options.initialCluster), options.clusterToken);
  const self = members.find((member) => member.name === options.name);
  if (self === undefined) {
    throw new StartError(
      `--initial-cluster has no member named "${options.name}": add ${options.name}=<peer URL> to it`,
    );
  }
  if (members.length > 1) {
    throw new StartError(
      `--initial-cluster names ${members.length} members: this version runs clusters of one member only`,
    );
  }
  const cluster = clusterId(members.map((member) => member.id));
  const metadata = etcdserverpb.Metadata.encode({ NodeID: self.id, ClusterID: cluster }).finish();
  const wal = await Wal.create({
    disk,
    dir: walDir,
    metadata,
    ...(segmentSizeBytes && { segmentSizeBytes }),
  });
  const entries = bootstrapEntries(members);
  const hardState: HardState = { term: 1, vote: 0n, commit: entries.length };
  await wal.save({ hardState, entries, sync: true });
  return {
    wal,
    memberId: self.id,
    clusterId: cluster,
    hardState,
    entries,
    snapshot: { index: 0, term: 0, confState: undefined },
    isNew: true,
  };
}
