import type { Check } from './check.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { access } from './live/access.ts';
import { alarmCorrupt } from './live/alarm-corrupt.ts';
import { alarmNospace } from './live/alarm-nospace.ts';
import { backendCommit } from './live/backend-commit.ts';
import { callsFailed, clientsCut, passwordsGuessed } from './live/calls.ts';
import { certificateExpiry, certificateTrust, ownCertificates, tlsVersions } from './live/certificates.ts';
import { clock } from './live/clock.ts';
import { clusterVersion, downgradeBegun, storageVersion } from './live/cluster-version.ts';
import { clustersDiffer } from './live/clusters-differ.ts';
import { eventLoop } from './live/event-loop.ts';
import { fragmentation } from './live/fragmentation.ts';
import { hashMismatch } from './live/hash-mismatch.ts';
import { leaderChanges } from './live/leader-changes.ts';
import { leader } from './live/leader.ts';
import { leases, watchers } from './live/load.ts';
import { memberErrors } from './live/member-errors.ts';
import {
  memberUrls,
  membersLearning,
  membersUnstarted,
  oneMachine,
  votersCount,
} from './live/member-list.ts';
import { memberUnreachable } from './live/member-unreachable.ts';
import { withinCluster } from './live/members.ts';
import { openFiles } from './live/open-files.ts';
import { peerRoundTrip } from './live/peer-round-trip.ts';
import { peersDisconnected } from './live/peers-disconnected.ts';
import { proposalsFailed, proposalsPending } from './live/proposals.ts';
import { quorum } from './live/quorum.ts';
import { quota } from './live/quota.ts';
import { raftLag } from './live/raft-lag.ts';
import { raftTerms } from './live/raft-terms.ts';
import { readLatency } from './live/read-latency.ts';
import { readPath } from './live/read-path.ts';
import { slowApplies } from './live/slow-applies.ts';
import { startedLately } from './live/started-lately.ts';
import { versionOld, versionsDiffer } from './live/versions-differ.ts';
import { walSync } from './live/wal-sync.ts';

/** All checks of members that run. Among findings of one severity, those of the first come first. */
export const liveChecks: readonly Check<ClusterFacts>[] = [
  withinCluster(hashMismatch),
  alarmCorrupt,
  clustersDiffer,
  withinCluster(quorum),
  withinCluster(alarmNospace),
  withinCluster(leader),
  certificateExpiry,
  certificateTrust,
  memberUnreachable,
  readPath,
  versionOld,
  quota,
  walSync,
  withinCluster(raftLag),
  leaderChanges,
  eventLoop,
  openFiles,
  proposalsFailed,
  proposalsPending,
  peersDisconnected,
  peerRoundTrip,
  backendCommit,
  readLatency,
  clock,
  memberErrors,
  withinCluster(raftTerms),
  withinCluster(membersUnstarted),
  withinCluster(memberUrls),
  downgradeBegun,
  ownCertificates,
  tlsVersions,
  access,
  callsFailed,
  clientsCut,
  passwordsGuessed,
  withinCluster(versionsDiffer),
  withinCluster(clusterVersion),
  withinCluster(storageVersion),
  withinCluster(membersLearning),
  withinCluster(votersCount),
  withinCluster(oneMachine),
  fragmentation,
  slowApplies,
  watchers,
  leases,
  startedLately,
];
