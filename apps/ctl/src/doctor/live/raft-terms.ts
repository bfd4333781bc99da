import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, wholeCluster } from './members.ts';

/** Members of one cluster are in one term, but for moments. */
export const raftTerms: Check<ClusterFacts> = {
  id: 'raft-terms',
  title: 'all members are in the same term',
  why: 'a member in another term does not follow the leader that the others have',
  runbook: 'quoratenoleader',
  examine(facts) {
    const members = answering(facts);
    if (members.length < 2) return [];
    if (new Set(members.map(({ status }) => status.raftTerm)).size === 1) return [ok(wholeCluster)];
    const seen = members
      .map(({ endpoint, status }) => `${endpoint} is in term ${status.raftTerm}`)
      .join(', ');
    return [
      finding('warning', wholeCluster, seen, [
        'Run it again: during an election this is so for a moment',
        'If it stays, the member that is behind gets no messages of the leader: look at its log, and at the network to its peer port',
      ]),
    ];
  },
};
