import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';

/** Members that do not answer where they are expected to. */
export const memberUnreachable: Check<ClusterFacts> = {
  id: 'member-unreachable',
  title: 'members answer',
  why: 'a member that is gone is one failure less that the cluster survives',
  runbook: 'quoratememberdown',
  examine({ members }) {
    const none = members.every(({ status, isRefused }) => !status.ok && !isRefused);
    return members.map(({ endpoint, status, isRefused }) => {
      if (status.ok || isRefused) return ok(endpoint);
      return finding(none ? 'critical' : 'warning', endpoint, `it does not answer: ${status.reason}`, [
        'See whether it runs, and what its log says last: $ journalctl -u quorate -n 50',
        'If it runs, see that its client port is reached from here, and that --cacert, --cert and --key fit',
        'If its data are intact, start it again; else replace the member',
      ]);
    });
  },
};
