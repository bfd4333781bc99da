import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alarmsOf } from './alarms.ts';
import { eachAnswering, wholeCluster } from './members.ts';

/** A member that was found to differ from the others. */
export const alarmCorrupt: Check<ClusterFacts> = {
  id: 'alarm-corrupt',
  title: 'no CORRUPT alarm',
  why: 'a member was found to have other data than the majority; it refuses all requests',
  runbook: 'quoratecorrupt',
  examine(facts) {
    const { raised, isKnown } = alarmsOf(facts, 'CORRUPT');
    if (raised.length > 0) {
      return raised.map((id) =>
        finding('critical', wholeCluster, `the alarm CORRUPT stands for member ${id}`, [
          'Find out who differs: $ quoratectl endpoint hashkv --cluster',
          `Keep a copy of its data directory, then replace the member: $ quoratectl member remove ${id}`,
          'Only when all members agree again: $ quoratectl alarm disarm',
        ]),
      );
    }
    return isKnown ? [ok(wholeCluster)] : eachAnswering(facts, () => undefined);
  },
};
