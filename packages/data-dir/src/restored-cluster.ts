import {
  bootstrapEntries,
  checkInitialCluster,
  clusterId,
  encodeMember,
  InitialClusterError,
  initialMembers,
  parseInitialCluster,
  type NewMember,
} from '@quorate/membership';
import { fromUtf8, idToHex, invariant, type BackendRow } from '@quorate/std';
import { etcdserverpb, type ConfState, type Entry, type HardState } from '@quorate/wire';
import { DataDirError } from './errors.ts';

/** What says who a restored member is, and with whom. */
export interface ClusterOptions {
  /** Of this member; it must be in `initialCluster`. */
  readonly name: string;
  /** `name=url,…` */
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  /** Of this member; the same as in `initialCluster`. */
  readonly advertisePeerUrls: readonly string[];
}

/** The beginning of a cluster as each of its members writes it down, and which of them this is. */
export interface RestoredCluster {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  /** One for each member, of term 1 and committed. */
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
  readonly confState: ConfState;
  /** Rows of bucket `members`. */
  readonly memberRows: readonly BackendRow[];
  /** The first record of the log. */
  readonly walMetadata: Uint8Array;
}

/** The term of what a new cluster begins with. */
export const firstTerm = 1;

/**
 * The new cluster that a snapshot is to live on in: its members have other IDs than those of the cluster that the
 * snapshot was taken of, so that nobody takes the one for the other.
 *
 * @throws DataDirError RESTORE_OPTIONS with etcd's texts
 */
export function restoredCluster(options: ClusterOptions): RestoredCluster {
  const members = membersOf(options);
  const self = members.find(({ name }) => name === options.name);
  invariant(self !== undefined, 'the name is one of the initial cluster');
  const ids = members.map(({ id }) => id);
  const entries = bootstrapEntries(members);
  const cluster = clusterId(ids);
  return {
    memberId: self.id,
    clusterId: cluster,
    entries,
    // As etcd: a vote for the first of them, whoever that is, since all have one in term 1 and nobody led then.
    hardState: { term: firstTerm, vote: ids[0] ?? 0n, commit: entries.length },
    confState: { voters: ids, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    memberRows: members.map((member) => [
      fromUtf8(idToHex(member.id)),
      encodeMember({ ...member, isLearner: false, clientUrls: [] }),
    ]),
    walMetadata: etcdserverpb.Metadata.encode({ NodeID: self.id, ClusterID: cluster }).finish(),
  };
}

function membersOf({
  name,
  initialCluster,
  initialClusterToken,
  advertisePeerUrls,
}: ClusterOptions): NewMember[] {
  try {
    const members = parseInitialCluster(initialCluster);
    checkInitialCluster({ members, name, advertisePeerUrls });
    return initialMembers(members, initialClusterToken);
  } catch (error) {
    if (!(error instanceof InitialClusterError)) throw error;
    // Of a URL that is none, etcd's tool says only what is wrong with it.
    const { message } = error.cause instanceof Error ? error.cause : error;
    throw new DataDirError('RESTORE_OPTIONS', message, { cause: error });
  }
}
