import type { Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds, thresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeQuantile } from './quantiles.ts';

/** How long the disk takes to make a write of the log durable. */
export const walSync: Check<ClusterFacts> = {
  id: 'wal-sync',
  title: 'the disk syncs the log fast',
  why: 'each write waits for it on more than half of the members, and leaders that wait too long are voted out',
  runbook: 'quorateslowlog',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeQuantile(endpoint, metrics, {
        name: 'etcd_disk_wal_fsync_duration_seconds',
        what: 'a sync of the log',
        warnSeconds: alertThresholds.QuorateSlowLog,
        adviseSeconds: thresholds.goodSyncSeconds,
        remedy: [
          'Measure the disk by itself, on that machine: $ quoratectl doctor --data-dir=DIR --write-test',
          'Keep others from writing to it, or give the log a device of its own: --wal-dir',
          'A network disk with a limit, or one that is dying (dmesg), has to be replaced',
        ],
      }),
    ),
};
