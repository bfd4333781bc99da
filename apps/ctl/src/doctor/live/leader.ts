import { finding, ok, type Check, type Verdict } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, eachAnswering, idText, wholeCluster } from './members.ts';

/** All members must follow the same leader. */
export const leader: Check<ClusterFacts> = {
  id: 'leader',
  title: 'one leader, the same for all',
  why: 'without a leader there are no writes and no linearizable reads',
  runbook: 'quoratenoleader',
  examine(facts) {
    const members = answering(facts);
    const verdicts: Verdict[] = [
      ...eachAnswering(facts, ({ endpoint, status }) => {
        if (status.leader !== 0n) return undefined;
        return finding('critical', endpoint, `it knows no leader, in term ${status.raftTerm}`, [
          'See whether all members live and reach each other: $ quoratectl endpoint status --cluster -w table',
          'If terms rise, candidates get no votes: look at the network in both directions, and at --election-timeout',
        ]);
      }),
    ];
    const leaders = new Set(members.map(({ status }) => status.leader).filter((id) => id !== 0n));
    if (leaders.size > 1) {
      const seen = members.map(({ endpoint, status }) => `${endpoint} follows ${idText(status.leader)}`);
      verdicts.push(
        finding('critical', wholeCluster, seen.join(', '), [
          'Run it again: while a leader changes this is so for a moment',
          'If it stays, the network between members is parted: see that all peer ports are reached from all members',
        ]),
      );
    } else if (leaders.size === 1 && members.every(({ status }) => status.leader !== 0n)) {
      verdicts.push(ok(wholeCluster));
    }
    return verdicts;
  },
};
