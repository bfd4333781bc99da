import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { isLoopback } from './member-list.ts';
import { wholeCluster } from './members.ts';

/** Whether who asks is known, and whether others can listen. */
export const access: Check<ClusterFacts> = {
  id: 'access',
  title: 'clients are known, and nobody listens',
  why: 'without TLS passwords and values can be read on the way; without users or certificates everybody may do everything',
  runbook: 'who-may-do-what',
  examine({ authEnabled, members }) {
    const plain = members
      .filter(({ certificate, endpoint }) => certificate === undefined && !isLoopback(endpoint))
      .map(({ endpoint }) => endpoint);
    if (plain.length === 0) {
      const isLocal = members.some(({ certificate }) => certificate === undefined);
      return [ok(wholeCluster, isLocal ? 'without TLS, on this machine only' : 'with TLS')];
    }
    if (!authEnabled.ok)
      return [unchecked(wholeCluster, `whether users are asked who they are: ${authEnabled.reason}`)];
    const where = plain.join(', ');
    const remedy = [
      'Have members serve TLS: --cert-file, --key-file, --trusted-ca-file, --client-cert-auth',
      ...(authEnabled.value ? [] : ['Add users, then ask them who they are: $ quoratectl auth enable']),
    ];
    if (authEnabled.value)
      return [
        finding('warning', wholeCluster, `users log in with passwords, and ${where} has no TLS`, remedy),
      ];
    return [
      finding(
        'advice',
        wholeCluster,
        `${where} has no TLS, and whoever reaches it may do everything`,
        remedy,
      ),
    ];
  },
};
