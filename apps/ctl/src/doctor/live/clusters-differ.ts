import { idToHex } from '@quorate/std';
import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, wholeCluster } from './members.ts';

/** Endpoints of several clusters in one list: clients write here, and read there. */
export const clustersDiffer: Check<ClusterFacts> = {
  id: 'clusters-differ',
  title: 'all endpoints are of one cluster',
  why: 'a client with these endpoints writes to one cluster and reads from another',
  runbook: 'the-list-of-members',
  examine(facts) {
    const byCluster = Map.groupBy(answering(facts), ({ status }) => status.header?.clusterId ?? 0n);
    if (byCluster.size === 0) return [];
    if (byCluster.size === 1) return [ok(wholeCluster)];
    const groups = [...byCluster].map(
      ([id, members]) => `${members.map(({ endpoint }) => endpoint).join(' and ')} of ${idToHex(id)}`,
    );
    const seen = `the endpoints are of ${byCluster.size} clusters: ${groups.join('; ')}`;
    return [
      finding('critical', wholeCluster, seen, [
        'Give clients the endpoints of one cluster only',
        'If they were one: a member was started with an empty directory and --initial-cluster-state=new; stop it, and add it as a new member',
        '$ quoratectl --endpoints=ENDPOINT member list',
      ]),
    ];
  },
};
