import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { eachMetrics, wholeCluster } from './members.ts';

/** Watchers: how many, and whether they take what they asked for. */
export const watchers: Check<ClusterFacts> = {
  id: 'watchers',
  title: 'watchers are few, and keep up',
  why: 'each write is sent to all who watch its key; who does not read makes the member keep history at hand',
  runbook: 'capacity-and-tuning',
  examine: (facts) =>
    eachMetrics(facts, ({ page }, endpoint) => {
      const count = page.gauge('etcd_debugging_mvcc_watcher_total');
      if (count === undefined) return undefined;
      const slow = page.gauge('etcd_debugging_mvcc_slow_watcher_total') ?? 0;
      const seen = `${count} watchers, ${slow} of them behind`;
      if (count < thresholds.watchers && slow * 2 <= count) return ok(endpoint, seen);
      return finding('advice', endpoint, seen, [
        'Let clients share watches of a prefix in place of one for each key, and close those that nobody reads',
        'Spread clients over all members, or put proxies in between',
      ]);
    }),
};

/** Leases: each is renewed again and again. */
export const leases: Check<ClusterFacts> = {
  id: 'leases',
  title: 'leases are few',
  why: 'each is renewed by its client again and again, and all that end at once are revoked one after the other',
  runbook: 'capacity-and-tuning',
  examine({ leaseCount }) {
    if (!leaseCount.ok) return [unchecked(wholeCluster, `leases: ${leaseCount.reason}`)];
    const seen = `${leaseCount.value} leases`;
    if (leaseCount.value < thresholds.leases) return [ok(wholeCluster, seen)];
    return [
      finding('advice', wholeCluster, seen, [
        'Let clients put many keys on one lease, and revoke leases they are done with',
        'See who has them: $ quoratectl lease list',
      ]),
    ];
  },
};
