import { expect, test } from 'vitest';
import { runClusterRounds } from '../src/cluster/cluster-rounds.ts';
import { snapshotFlags } from '../src/cluster/faults.ts';
import { ClusterLoad } from '../src/cluster/load.ts';
import { withCluster } from '../src/cluster/process-cluster.ts';
import { verify } from '../src/cluster/verify.ts';

const three = ['quorate', 'quorate', 'quorate'] as const;

test(
  'a follower that was left far behind comes back by a snapshot, under load',
  { timeout: 120_000 },
  async () => {
    const result = await runClusterRounds({
      faults: ['leaveFarBehind'],
      seed: 20261122,
      flags: snapshotFlags,
    });
    expect(result.snapshotsInstalled).toBe(1);
  },
);

test('a member that lost its disk is removed and added again, under load', { timeout: 120_000 }, async () => {
  const result = await runClusterRounds({ faults: ['replaceMember'], seed: 20261123, flags: snapshotFlags });
  expect(result.snapshotsInstalled).toBe(1);
});

test(
  'three members become five by learners that are promoted, then three others: who is removed ends with code 0',
  { timeout: 180_000 },
  async () => {
    const result = await runClusterRounds({ faults: ['growAndShrink'], seed: 20261124 });
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
  },
);

test(
  'a leader that is asked to stop hands over first: nobody has to wait for an election time-out',
  { timeout: 120_000 },
  async () => {
    // Whoever missed a leader would do so for 10 seconds, and the load gives up after two.
    const flags = ['--heartbeat-interval=1000', '--election-timeout=10000'];
    await withCluster({ kinds: three, flags }, async (cluster) => {
      const load = new ClusterLoad({ members: () => cluster.members, seed: 20261125 });
      await load.moreWrites(50);
      const leader = await cluster.leader();
      const stoppedAtMs = performance.now();
      expect(await leader.stop()).toBe(143);
      await load.moreWrites(50);
      expect(performance.now() - stoppedAtMs).toBeLessThan(10_000);
      await leader.start();
      await verify(cluster, load);
    });
  },
);
