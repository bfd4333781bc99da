import {
  addMemberChange,
  bootstrapEntries,
  clusterId,
  compareIds,
  initialMembers,
  parseInitialCluster,
  promoteMemberChange,
  removeMemberChange,
  type InitialMember,
  type MemberChange,
} from '@quorate/membership';
import { decodeConfChange, encodeConfChange } from '@quorate/raft';
import { idToHex, invariant, type StagedBackend } from '@quorate/std';
import { Wal, type OpenedWal, type WalCreateOptions } from '@quorate/wal';
import { etcdserverpb, type ConfState, type Entry, type HardState, type WalSnapshot } from '@quorate/wire';
import { readPosition } from './backend-writer.ts';
import { StartError } from './errors.ts';
import { matchMembers } from './join.ts';
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
 * Opens the log of a member, or makes a new one. A snapshot that was being installed when the member stopped is
 * then installed or forgotten; when log and store are refused, it waits. What it throws leaves no file open.
 *
 * @throws StartError when log, backend and configuration do not fit together
 */
export async function openLog(options: ReplicaOptions): Promise<OpenedLog> {
  if (await Wal.exists(options.disk, options.walDir)) return openExisting(options);
  const position = readPosition(options.backend);
  if (position.index > 0) {
    throw new StartError(
      `the store holds entries up to ${position.index}, but there is no log in ${options.walDir}: ` +
        'restore the log that belongs to this store, or start with an empty data directory',
    );
  }
  return createNew(options);
}

async function openExisting(options: ReplicaOptions): Promise<OpenedLog> {
  const { disk, walDir, segmentSizeBytes, backend } = options;
  const stage = await backend.sealedStage();
  const isToInstall = stage !== undefined && (await isToBeInstalled(stage, options));
  const position = readPosition(isToInstall ? stage : backend);
  const marks = await Wal.validSnapshots(disk, walDir, { upTo: position.index });
  const from = newestMark(marks, position.index);
  if (from === undefined) {
    throw new StartError(
      `the store holds entries up to ${position.index}, but the log in ${walDir} begins later: ` +
        'the store is older than the log, so restore the one that belongs to it',
    );
  }
  const opened = await Wal.open({ disk, dir: walDir, from, ...(segmentSizeBytes && { segmentSizeBytes }) });
  try {
    const log = checked(opened, position, options);
    // Only now: what was read of the mark may have been in memory alone, of a disk that had failed or a process that was
    // killed, and is on disk since the log was opened. A store that had gone ahead of its log could never start again.
    if (isToInstall) await stage.install();
    else await stage?.discard();
    return options.forceNewCluster ? await forceNewCluster(log, position) : log;
  } catch (error) {
    await opened.wal[Symbol.asyncDispose]().catch(() => undefined); // Why it does not start says more.
    throw error;
  }
}

/** Whether a snapshot that was staged when the member stopped is the member's now: the log speaks of it. */
async function isToBeInstalled(
  stage: StagedBackend,
  { disk, walDir, backend }: ReplicaOptions,
): Promise<boolean> {
  const { index } = readPosition(stage);
  const marks = await Wal.validSnapshots(disk, walDir);
  return index > readPosition(backend).index && marks.some((mark) => mark.index === index);
}

/** A log that was read, when it belongs to a store that has come that far. @throws StartError */
function checked(
  opened: OpenedWal,
  position: { readonly index: number },
  { walDir, observer }: ReplicaOptions,
): OpenedLog {
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

/** The highest mark up to an index. Not the last: one of what was applied may be behind that of a later snapshot. */
function newestMark(marks: readonly WalSnapshot[], indexMax: number): WalSnapshot | undefined {
  return marks
    .filter((mark) => mark.index <= indexMax)
    .reduce<WalSnapshot | undefined>((a, b) => (a === undefined || b.index >= a.index ? b : a), undefined);
}

/** Makes the log of a member that has none: of a new cluster, or of one that it joins. */
async function createNew(options: ReplicaOptions): Promise<OpenedLog> {
  const configured = parseInitialCluster(options.initialCluster);
  if (!configured.some((member) => member.name === options.name)) {
    throw new StartError(
      `--initial-cluster has no member named "${options.name}": add ${options.name}=<peer URL> to it`,
    );
  }
  return options.initialClusterState === 'existing'
    ? joinCluster(options, configured)
    : beginCluster(options, configured);
}

/**
 * The log of a new cluster holds its members as its first entries, of term 1 and committed, the same on every
 * member (reference: bootstrap entries).
 */
async function beginCluster(
  options: ReplicaOptions,
  configured: readonly InitialMember[],
): Promise<OpenedLog> {
  const members = initialMembers(configured, options.clusterToken);
  const self = members.find((member) => member.name === options.name);
  invariant(self !== undefined, 'the name is one of the configured ones');
  const cluster = clusterId(members.map((member) => member.id));
  const { runningCluster } = options;
  const known = runningCluster?.members.find((member) => member.id === self.id);
  if (runningCluster?.clusterId === cluster && known !== undefined && known.clientUrls.length > 0) {
    throw startedBefore(self.id);
  }
  const entries = bootstrapEntries(members);
  const hardState: HardState = { term: 1, vote: 0n, commit: entries.length };
  // In one step: a log that is there without its members could never get any.
  const wal = await createWal(options, {
    memberId: self.id,
    clusterId: cluster,
    initial: { hardState, entries },
  });
  return { ...newLog(wal, self.id, cluster), hardState, entries };
}

/** A member that joins begins with an empty log; the leader tells it everything. */
async function joinCluster(
  options: ReplicaOptions,
  configured: readonly InitialMember[],
): Promise<OpenedLog> {
  const running = options.runningCluster;
  if (running === undefined) {
    throw new StartError(
      'no member of the existing cluster answers at the peer URLs of --initial-cluster: check that they are right ' +
        'and that the cluster runs',
    );
  }
  const id = matchMembers(configured, running.members).get(options.name);
  invariant(id !== undefined, 'the name is one of the configured ones');
  // Unlike in etcd, where it would go on as who it was without the votes and entries that it has promised to keep.
  const known = running.members.find((member) => member.id === id);
  if (known !== undefined && known.clientUrls.length > 0) throw startedBefore(id);
  const wal = await createWal(options, { memberId: id, clusterId: running.clusterId });
  return newLog(wal, id, running.clusterId);
}

/** A member tells the cluster its client URLs once it has a log: one that did, and has none, has lost it. */
function startedBefore(id: bigint): StartError {
  return new StartError(
    `member ${idToHex(id)} has already been bootstrapped: its data is lost or elsewhere. Remove it from ` +
      'the cluster and add it again, then start it with --initial-cluster-state=existing',
  );
}

function createWal(
  { disk, walDir, segmentSizeBytes }: ReplicaOptions,
  log: {
    readonly memberId: bigint;
    readonly clusterId: bigint;
    readonly initial?: NonNullable<WalCreateOptions['initial']>;
  },
): Promise<Wal> {
  const { memberId, clusterId, initial } = log;
  const metadata = etcdserverpb.Metadata.encode({ NodeID: memberId, ClusterID: clusterId }).finish();
  return Wal.create({
    disk,
    dir: walDir,
    metadata,
    ...(segmentSizeBytes && { segmentSizeBytes }),
    ...(initial !== undefined && { initial }),
  });
}

function newLog(wal: Wal, memberId: bigint, clusterId: bigint): OpenedLog {
  return {
    wal,
    memberId,
    clusterId,
    hardState: { term: 0, vote: 0n, commit: 0 },
    entries: [],
    snapshot: { index: 0, term: 0, confState: undefined },
    isNew: true,
  };
}

/**
 * A cluster of this member alone, out of what it has: entries that were not committed are dropped, and the
 * other members removed by entries that count as committed (reference: force-new-cluster).
 */
async function forceNewCluster(log: OpenedLog, position: { readonly index: number }): Promise<OpenedLog> {
  const commit = Math.max(log.hardState.commit, position.index);
  const kept = log.entries.filter((entry) => entry.index <= commit);
  const known = knownMembers(log.snapshot.confState, kept);
  const self = known.get(log.memberId);
  const changes = [
    ...(self === undefined ? [addSelf(log.memberId)] : []),
    // Unlike in etcd, which can't remove the last voter then: a learner becomes a voter first.
    ...(self === 'learner' ? [promoteMemberChange(log.memberId)] : []),
    ...[...known.keys()]
      .filter((id) => id !== log.memberId)
      .sort(compareIds)
      .map(removeMemberChange),
  ];
  const last = kept.at(-1) ?? log.snapshot;
  const term = Math.max(log.hardState.term, last.term);
  const added = changes.map((change, at): Entry => ({
    term,
    index: last.index + 1 + at,
    type: 1,
    data: encodeConfChange({ ...change, id: 0n }),
  }));
  const entries = [...kept, ...added];
  const hardState: HardState = { term, vote: log.hardState.vote, commit: last.index + added.length };
  await log.wal.save({ hardState, entries: added, sync: true });
  return { ...log, hardState, entries };
}

function addSelf(id: bigint): MemberChange {
  return addMemberChange({ id, peerUrls: ['http://localhost:2380'], isLearner: false });
}

/** Voters and learners of the snapshot, as the entries have changed them. */
function knownMembers(
  confState: ConfState | undefined,
  entries: readonly Entry[],
): ReadonlyMap<bigint, 'voter' | 'learner'> {
  const known = new Map<bigint, 'voter' | 'learner'>();
  for (const id of confState?.voters ?? []) known.set(id, 'voter');
  for (const id of confState?.learners ?? []) known.set(id, 'learner');
  for (const entry of entries) {
    if (entry.type === 0) continue;
    for (const { type, nodeId } of decodeConfChange(entry).changes) {
      if (type === 'removeNode') known.delete(nodeId);
      else if (type !== 'updateNode') known.set(nodeId, type === 'addLearner' ? 'learner' : 'voter');
    }
  }
  return known;
}
