import type { Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds } from '../thresholds.ts';
import { eachMetrics } from './members.ts';
import { judgeQuantile } from './quantiles.ts';

const name = 'etcd_network_peer_round_trip_time_seconds';

/** How long it takes to each other member and back. */
export const peerRoundTrip: Check<ClusterFacts> = {
  id: 'peer-round-trip',
  title: 'members reach each other fast',
  why: 'each write waits for it, and heartbeats that come late make elections',
  runbook: 'quorateslowpeers',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      metrics.page.labelValues(`${name}_bucket`, 'To').map((to) =>
        judgeQuantile(endpoint, metrics, {
          name,
          where: { To: to },
          what: `the way to member ${to} and back`,
          warnSeconds: alertThresholds.QuorateSlowPeers,
          remedy: [
            'Compare with other pairs: all pairs of one member point to that member, one pair to the network',
            'Where the way is long for good: --heartbeat-interval about that long, --election-timeout ten times that',
          ],
        }),
      ),
    ),
};
