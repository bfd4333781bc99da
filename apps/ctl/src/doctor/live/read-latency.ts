import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { median } from '../../top/sampler.ts';
import { alertThresholds } from '../thresholds.ts';
import { durationText, eachAnswering } from './members.ts';

/** How long reads take from here: those that a member answers alone, and those that members agree on. */
export const readLatency: Check<ClusterFacts> = {
  id: 'read-latency',
  title: 'reads are answered fast',
  why: 'clients wait; what the two kinds of reads differ by is the time for members to agree',
  runbook: 'quorateslowcalls',
  examine: (facts) =>
    eachAnswering(facts, ({ endpoint, member: { serializableMs, linearizableMs } }) => {
      const alone = serializableMs.ok ? median(serializableMs.value) : undefined;
      const agreed = linearizableMs.ok ? median(linearizableMs.value) : undefined;
      if (alone === undefined) return unchecked(endpoint, 'no read was answered');
      const seen = [
        `a serializable read takes ${durationText(alone / 1_000)}`,
        ...(agreed === undefined ? [] : [`a linearizable one ${durationText(agreed / 1_000)}`]),
      ].join(', ');
      const slowest = Math.max(alone, agreed ?? 0) / 1_000;
      if (slowest <= alertThresholds.QuorateSlowCalls) return ok(endpoint, `${seen} (medians)`);
      return finding('warning', endpoint, `${seen} (medians, as seen from here)`, [
        alone / 1_000 > alertThresholds.QuorateSlowCalls
          ? 'The member itself is slow, or far from here: compare with the others, look at event-loop'
          : 'Members take long to agree: look at peer-round-trip and wal-sync',
      ]);
    }),
};
