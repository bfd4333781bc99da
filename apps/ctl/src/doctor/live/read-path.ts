import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { eachAnswering } from './members.ts';

/** Whether a member can answer for the cluster, and what it says of itself when not. */
export const readPath: Check<ClusterFacts> = {
  id: 'health',
  title: 'linearizable reads are answered',
  why: 'clients of this member wait, and time out',
  runbook: 'quoratenoleader',
  examine: (facts) =>
    eachAnswering(facts, ({ endpoint, member, status }) => {
      const { linearizableMs, health } = member;
      if (status.isLearner) return unchecked(endpoint, 'a learner answers no linearizable reads');
      const reason = health.ok && !health.value.isHealthy ? `; /health says: ${health.value.reason}` : '';
      if (!linearizableMs.ok) {
        return finding('critical', endpoint, `a linearizable read fails: ${linearizableMs.reason}${reason}`, [
          'See whether there is a leader, and more than half of the members live: $ quoratectl endpoint status --cluster -w table',
        ]);
      }
      // Alarms and a missing leader have checks of their own.
      if (reason !== '' && !/^ALARM|NO LEADER/.test(health.ok ? health.value.reason : '')) {
        return finding('warning', endpoint, `reads are answered${reason}`, [
          'Ask it again: $ quoratectl endpoint health --cluster',
        ]);
      }
      return ok(endpoint);
    }),
};
