import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds } from '../thresholds.ts';
import { durationText, eachMetrics } from './members.ts';

/** How long the main thread is kept from other work. */
export const eventLoop: Check<ClusterFacts> = {
  id: 'event-loop',
  title: 'the main thread of members of Quorate is free',
  why: 'while it is held nobody gets an answer, and heartbeats are late',
  runbook: 'quorateloopheld',
  examine: (facts) =>
    eachMetrics(facts, ({ page }, endpoint) => {
      // An etcd has no such thing.
      const seconds = page.gauge('nodejs_eventloop_lag_p99_seconds');
      if (seconds === undefined) return undefined;
      const seen = `it is held for ${durationText(seconds)} at a time (p99)`;
      if (seconds <= alertThresholds.QuorateLoopHeld) return ok(endpoint, seen);
      return finding('warning', endpoint, seen, [
        'Look at steal and throttling of the processor: $ cat /sys/fs/cgroup/cpu.stat',
        'Else at very large requests in the log: lists of everything, transactions with thousands of operations',
      ]);
    }),
};
