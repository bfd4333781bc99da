import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { durationText, eachMetrics } from './members.ts';

/** A member that began a moment ago, perhaps not for the first time today. */
export const startedLately: Check<ClusterFacts> = {
  id: 'started-lately',
  title: 'members have run for a while',
  why: 'one that is started again and again looks healthy in between, and its counters begin anew each time',
  runbook: 'quoratememberdown',
  examine: (facts) =>
    eachMetrics(facts, ({ uptimeSeconds }, endpoint) => {
      const seen = `it began ${durationText(uptimeSeconds)} ago`;
      if (uptimeSeconds >= thresholds.recentStartSeconds) return ok(endpoint, seen);
      return finding('advice', endpoint, seen, [
        'If nobody started it, look at why the one before ended: $ journalctl -u quorate -n 200',
        'Figures since its start say little yet: run it again later, or with --interval=30s under load',
      ]);
    }),
};
