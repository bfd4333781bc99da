import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alarmsOf } from './alarms.ts';
import { answering, eachAnswering, wholeCluster } from './members.ts';

/** The quota is used up. */
export const alarmNospace: Check<ClusterFacts> = {
  id: 'alarm-nospace',
  title: 'no NOSPACE alarm',
  why: 'nothing but reading, deleting and compacting is possible until the alarm is lowered',
  runbook: 'quoratenospace',
  examine(facts) {
    const { raised, isKnown } = alarmsOf(facts, 'NOSPACE');
    if (raised.length === 0) return isKnown ? [ok(wholeCluster)] : eachAnswering(facts, () => undefined);
    const revision = answering(facts)
      .map(({ status }) => status.header?.revision ?? 0n)
      .reduce((a, b) => (a > b ? a : b), 0n);
    return [
      finding('critical', wholeCluster, `the alarm NOSPACE stands for ${membersText(raised)}`, [
        `Forget history: $ quoratectl compaction ${revision}`,
        ...(isOfEtcd(facts)
          ? [
              'Give space back, one member after the other, the leader last: $ quoratectl --endpoints=ENDPOINT defrag',
            ]
          : []),
        'See that sizes have fallen: $ quoratectl endpoint status -w table',
        'If they have not, delete keys, and compact again, or start all members with a larger --quota-backend-bytes',
        'Lower the alarm: $ quoratectl alarm disarm',
      ]),
    ];
  },
};

function membersText(ids: readonly string[]): string {
  return ids.length === 1 ? `member ${ids[0] ?? ''}` : `members ${ids.join(', ')}`;
}

/** Members of Quorate give space back by themselves; of one that does not tell, nobody knows. */
function isOfEtcd({ members }: ClusterFacts): boolean {
  return members.some(({ metrics }) => !metrics.ok || metrics.value.product === 'etcd');
}
