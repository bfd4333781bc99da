import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds, thresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeRate } from './rates.ts';

/** Writes that were given up. */
export const proposalsFailed: Check<ClusterFacts> = {
  id: 'proposals-failed',
  title: 'writes are agreed on',
  why: 'clients whose writes are given up do not know whether they happened',
  runbook: 'quorateproposalsfail',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeRate(endpoint, metrics, {
        count: metrics.page.counter('etcd_server_proposals_failed_total'),
        what: 'writes were given up',
        perSeconds: 1,
        most: alertThresholds.QuorateProposalsFail,
        remedy: [
          'Look for elections (leader-changes) and slow disks (wal-sync)',
          'Without them more is written than the slowest half of the members can take: write less, or in larger transactions',
        ],
      }),
    ),
};

/** Writes that wait. */
export const proposalsPending: Check<ClusterFacts> = {
  id: 'proposals-pending',
  title: 'few writes wait for agreement',
  why: 'what waits long is given up',
  runbook: 'quorateproposalsfail',
  examine: (facts) =>
    eachMetrics(facts, ({ page }, endpoint) => {
      const pending = page.gauge('etcd_server_proposals_pending');
      if (pending === undefined) return undefined;
      const seen = `${pending} writes wait`;
      if (pending < thresholds.pendingProposals) return ok(endpoint, seen);
      return finding('warning', endpoint, seen, [
        'See whether there is a leader, and whether disks keep up (wal-sync)',
        'Else it is too much: let clients wait for answers before they write on',
      ]);
    }),
};
