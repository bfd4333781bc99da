import type { Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeRate } from './rates.ts';

/** Entries that took long to apply. */
export const slowApplies: Check<ClusterFacts> = {
  id: 'slow-applies',
  title: 'entries are applied fast',
  why: 'all that comes behind a slow one waits',
  runbook: 'quorateslowcalls',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeRate(endpoint, metrics, {
        count: metrics.page.counter('etcd_server_slow_apply_total'),
        what: 'entries took more than 100 ms to apply',
        perSeconds: 60,
        most: thresholds.slowAppliesPerMinute,
        severity: 'advice',
        remedy: [
          'Look in the log for the requests: $ journalctl -u quorate | grep "took too long\\|took long"',
          'Most often these are transactions with thousands of operations, or a slow disk below an etcd',
        ],
      }),
    ),
};
