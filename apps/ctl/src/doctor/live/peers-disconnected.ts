import type { Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeRate } from './rates.ts';

/** How often connections to other members break off. */
export const peersDisconnected: Check<ClusterFacts> = {
  id: 'peers-disconnected',
  title: 'connections between members hold',
  why: 'a member that is cut off falls behind, and holds elections when it is back',
  runbook: 'quoratemembersdisconnected',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeRate(endpoint, metrics, {
        count: metrics.page.counter('etcd_network_disconnected_peers_total'),
        what: 'connections to other members were lost',
        perSeconds: 10 * 60,
        most: alertThresholds.QuorateMembersDisconnected,
        remedy: [
          'Look in the logs of both members for the reason: timeouts, refused certificates, a machine in between',
        ],
      }),
    ),
};
