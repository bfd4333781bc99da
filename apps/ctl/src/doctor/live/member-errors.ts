import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { isAlarm } from './alarms.ts';
import { eachAnswering } from './members.ts';

/** What a member says of itself beside alarms. */
export const memberErrors: Check<ClusterFacts> = {
  id: 'member-errors',
  title: 'statuses tell no errors',
  why: 'the member itself says that something is wrong',
  runbook: 'quoratememberdown',
  examine: (facts) =>
    eachAnswering(facts, ({ endpoint, status }) => {
      const errors = status.errors.map((text) => text.trim()).filter((text) => !isAlarm(text));
      // That there is no leader is said by a check of its own.
      const told = errors.filter((text) => !/no leader/.test(text));
      if (told.length === 0) return ok(endpoint);
      return finding('warning', endpoint, `its status says: ${told.join('; ')}`, [
        'Look at its log for when that began: $ journalctl -u quorate -n 200',
      ]);
    }),
};
