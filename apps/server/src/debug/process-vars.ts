import type { Replica } from '@quorate/replica';
import { idToHex } from '@quorate/std';

const roles = {
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
} as const;

/**
 * What `/debug/vars` tells, by etcd's names. Of Go's counts of memory there are those that have a meaning here; of the
 * command line the program alone, since passwords may stand in it.
 */
export function processVars(
  status: Replica['raftStatus'],
  fileDescriptorLimit: number,
): Record<string, unknown> {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    cmdline: ['quorate'],
    file_descriptor_limit: fileDescriptorLimit,
    memstats: {
      ...{ Alloc: heapUsed + external, Sys: rss, HeapAlloc: heapUsed, HeapSys: heapTotal },
      ...{ HeapIdle: heapTotal - heapUsed, HeapInuse: heapUsed, OtherSys: external },
    },
    'raft.status': raftVars(status),
  };
}

function raftVars(status: Replica['raftStatus']): Record<string, unknown> {
  const progress = [...(status.progress ?? [])].map(([id, { match, next, state }]) => [
    idToHex(id),
    { match, next, state: `State${state.charAt(0).toUpperCase()}${state.slice(1)}` },
  ]);
  return {
    id: idToHex(status.id),
    term: status.term,
    vote: idToHex(status.vote),
    commit: status.commit,
    lead: idToHex(status.leader),
    raftState: roles[status.role],
    applied: status.applied,
    progress: Object.fromEntries(progress) as Record<string, unknown>,
    leadtransferee: idToHex(status.leadTransferee),
  };
}
