import type { Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds, thresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeQuantile } from './quantiles.ts';

/** How long a write of the store takes. */
export const backendCommit: Check<ClusterFacts> = {
  id: 'backend-commit',
  title: 'the store is written fast',
  why: 'the log cannot be released before the store has what is in it; an etcd makes reads wait, too',
  runbook: 'quorateslowstore',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeQuantile(endpoint, metrics, {
        name: 'etcd_disk_backend_commit_duration_seconds',
        what: 'a write of the store',
        warnSeconds: alertThresholds.QuorateSlowStore,
        adviseSeconds: thresholds.goodCommitSeconds,
        remedy: ['Give the store a faster disk, or one that nobody else writes to'],
      }),
    ),
};
