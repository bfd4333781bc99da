import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { humanSize } from '../../print/size.ts';
import { alertThresholds } from '../thresholds.ts';
import { eachAnswering, percent, type AnsweringMember } from './members.ts';

/** How much of the quota is used. */
export const quota: Check<ClusterFacts> = {
  id: 'quota',
  title: 'the quota has room',
  why: 'when it is used up, the cluster takes deletions and compactions only',
  runbook: 'quoratequotanearlyused',
  examine: (facts) =>
    eachAnswering(facts, (member) => {
      const { endpoint, status } = member;
      const limit = quotaOf(member);
      if (limit === undefined)
        return unchecked(endpoint, 'nothing tells its quota: no metrics, and a status of before 3.6');
      if (limit <= 0) return ok(endpoint, 'there is no quota');
      const share = Number(status.dbSize) / limit;
      const seen = `${percent(share)} of the quota of ${humanSize(BigInt(limit))} is used`;
      if (share <= alertThresholds.QuorateQuotaNearlyUsed) return ok(endpoint, seen);
      return finding(share >= 1 ? 'critical' : 'warning', endpoint, seen, [
        `Forget history: $ quoratectl compaction ${status.header?.revision ?? 0n}`,
        'Keep less of it: --auto-compaction-retention=1h',
        ...(isOfEtcd(member)
          ? [`Give space back, one member after the other: $ quoratectl --endpoints=${endpoint} defrag`]
          : []),
        'If keys are what fills it, delete some, or start all members with a larger --quota-backend-bytes',
      ]);
    }),
};

/** Statuses tell it from 3.6 on, metrics always. */
function quotaOf({ status, member: { metrics } }: AnsweringMember): number | undefined {
  if (status.dbSizeQuota > 0n) return Number(status.dbSizeQuota);
  return metrics.ok ? metrics.value.page.gauge('etcd_server_quota_backend_bytes') : undefined;
}

function isOfEtcd({ member: { metrics } }: AnsweringMember): boolean {
  return !metrics.ok || metrics.value.product === 'etcd';
}
