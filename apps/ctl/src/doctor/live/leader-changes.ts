import type { Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeRate } from './rates.ts';

/** How often the leader changes. */
export const leaderChanges: Check<ClusterFacts> = {
  id: 'leader-changes',
  title: 'the leader stays',
  why: 'during each election nothing is written, and writes under way fail',
  runbook: 'quoratemanyleaderchanges',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeRate(endpoint, metrics, {
        count: metrics.page.counter('etcd_server_leader_changes_seen_total'),
        what: 'changes of the leader',
        perSeconds: 15 * 60,
        most: alertThresholds.QuorateManyLeaderChanges,
        isInclusive: true,
        remedy: [
          'Look for a slow disk (wal-sync), too little processor time (event-loop), a slow network (peer-round-trip)',
          'Where the network is far: a longer --heartbeat-interval and --election-timeout on all members',
        ],
      }),
    ),
};
