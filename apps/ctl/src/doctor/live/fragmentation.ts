import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { humanSize } from '../../print/size.ts';
import { thresholds } from '../thresholds.ts';
import { eachAnswering, percent } from './members.ts';

/** An etcd's database that is mostly free pages. Quorate gives space back by itself. */
export const fragmentation: Check<ClusterFacts> = {
  id: 'fragmentation',
  title: 'databases of etcds hold what is used',
  why: 'free pages count for the quota, and make snapshots and starts slow',
  runbook: 'a-database-of-an-etcd-is-mostly-empty',
  examine: (facts) =>
    eachAnswering(facts, ({ endpoint, status, member: { metrics } }) => {
      const [size, inUse] = [Number(status.dbSize), Number(status.dbSizeInUse)];
      const isSmall = size < thresholds.fragmentedBytes;
      if (metrics.ok && metrics.value.product === 'quorate') return undefined;
      if (isSmall || inUse >= size * thresholds.inUseShare) return ok(endpoint);
      if (!metrics.ok)
        return unchecked(endpoint, 'it is not known whether it is an etcd, which alone needs defrag');
      const seen = `${percent(1 - inUse / size)} of ${humanSize(status.dbSize)} is not in use`;
      return finding('advice', endpoint, seen, [
        `At a quiet hour, one member after the other, since it answers nobody meanwhile: $ quoratectl --endpoints=${endpoint} defrag`,
      ]);
    }),
};
