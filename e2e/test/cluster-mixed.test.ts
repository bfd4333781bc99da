import { Client } from '@quorate/client';
import { concatBytes, fromUtf8, toUtf8 } from '@quorate/std';
import { expect, test } from 'vitest';
import { runClusterRounds, startWatches } from '../src/cluster/cluster-rounds.ts';
import type { ClusterMember } from '../src/cluster/cluster-member.ts';
import { snapshotFlags } from '../src/cluster/faults.ts';
import { ClusterLoad } from '../src/cluster/load.ts';
import { withCluster, type ProcessCluster } from '../src/cluster/process-cluster.ts';
import { until } from '../src/cluster/until.ts';
import { verify } from '../src/cluster/verify.ts';
import { etcdBin, type MemberKind } from '../src/member-process.ts';

/** Clusters in which members of a real etcd 3.5 and of Quorate are one. */
const mixed = test.skipIf(etcdBin === undefined);
const hint = '(set QUORATE_ETCD_BIN to run)';
const timeout = 180_000;
const installed = { quorate: 'installed a snapshot of the leader', etcd: 'applied snapshot' } as const;

mixed(
  `one etcd and two of Quorate go on through kills and pauses under load ${hint}`,
  { timeout },
  async () => {
    const result = await runClusterRounds({
      kinds: ['etcd', 'quorate', 'quorate'],
      faults: ['killLeader', 'killFollower', 'killLeader', 'pauseLeader', 'killAll'],
      seed: 20261122,
    });
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
  },
);

mixed(`two etcds and one of Quorate go on through kills and a lost disk ${hint}`, { timeout }, async () => {
  const result = await runClusterRounds({
    kinds: ['quorate', 'etcd', 'etcd'],
    faults: ['killLeader', 'replaceMember', 'killFollower', 'killLeader', 'killAll'],
    seed: 20261123,
    flags: snapshotFlags,
  });
  expect(result.acknowledgedWrites).toBeGreaterThan(100);
});

mixed.each([
  { leads: 'etcd', lags: 'quorate' },
  { leads: 'quorate', lags: 'etcd' },
] as const)(
  `$leads leads, and $lags, far behind, catches up by its snapshot ${hint}`,
  { timeout },
  async ({ leads, lags }) => {
    const kinds = [leads, lags, leads] as const;
    await withCluster({ kinds, flags: snapshotFlags }, async (cluster) => {
      const [leader, lagging] = cluster.members;
      await cluster.moveLeader(leader!);
      await lagging!.kill();
      const load = new ClusterLoad({ members: () => cluster.members, seed: 20261124 });
      await load.moreWrites(300);
      await lagging!.start();
      await until(
        `${lags} to install a snapshot`,
        async () => lagging!.output.includes(installed[lags]) || undefined,
      );
      await load.moreWrites(50);
      await verify(cluster, load);
      expect(await cluster.leader()).toBe(leader);
    });
  },
);

mixed(
  `leases and members are the same through followers of the other kind ${hint}`,
  { timeout },
  async () => {
    await withCluster({ kinds: ['etcd', 'quorate', 'quorate'] }, async (cluster) => {
      const [etcd, quorate] = cluster.members;
      for (const [leader, follower] of [
        [etcd!, quorate!],
        [quorate!, etcd!],
      ] as const) {
        await cluster.moveLeader(leader);
        await checkLease(follower);
        await checkLearner(cluster, { kind: leader.kind, through: follower });
        await checkEmptyEnd(cluster, quorate!);
      }
    });
  },
);

mixed(
  `a cluster of etcd becomes one of Quorate, member by member, under load ${hint}`,
  { timeout },
  async () => {
    await withCluster({ kinds: ['etcd', 'etcd', 'etcd'] }, async (cluster) => {
      const members = () => cluster.members;
      const load = new ClusterLoad({ members, seed: 20261126 });
      const watches = startWatches(members);
      await load.moreWrites(50);
      for (const etcd of cluster.members) {
        const { exited } = etcd;
        await cluster.remove(etcd);
        await exited;
        await cluster.add('quorate');
        await load.moreWrites(50);
      }
      expect(await clusterVersionOf(cluster.members[0]!, '3.6.0')).toBe('3.6.0');
      await verify(cluster, load, watches);
    });
  },
);

/** Grants, renews, asks for and revokes a lease at a member that does not lead. */
async function checkLease(follower: ClusterMember): Promise<void> {
  await using client = new Client({ endpoints: [follower.endpoint] });
  const { ID: lease } = await client.lease.grant({ ttlSeconds: 600 });
  await client.put('leased', follower.kind, { lease });
  expect((await client.lease.keepAliveOnce(lease)).TTL).toBe(600n);
  const { keys, TTL } = await client.lease.timeToLive(lease, { keys: true });
  expect(keys.map(toUtf8)).toEqual(['leased']);
  expect(TTL).toBeGreaterThan(500n);
  await client.lease.revoke(lease);
  expect(await client.get('leased')).toBeUndefined();
}

/**
 * Deletes one key as some clients write that: with an end of the range that is there and empty, which members of etcd
 * would take for that of all keys, had it come to them by the log.
 */
async function checkEmptyEnd(cluster: ProcessCluster, quorate: ClusterMember): Promise<void> {
  await using client = new Client({ endpoints: [quorate.endpoint] });
  for (const key of ['e/1', 'e/2', 'e/3']) await client.put(key, 'v');
  const keyAndEmptyEnd = concatBytes([Uint8Array.of(0x0a, 3), fromUtf8('e/2'), Uint8Array.of(0x12, 0)]);
  await client.unary('/etcdserverpb.KV/DeleteRange', keyAndEmptyEnd);
  await cluster.untilEqual();
  for (const { endpoint } of cluster.members) {
    await using member = new Client({ endpoints: [endpoint] });
    expect(await member.count({ prefix: 'e/' }, { serializable: true })).toBe(2n);
  }
}

/** Adds a learner, promotes it at a member that does not lead, and removes it. */
async function checkLearner(
  cluster: ProcessCluster,
  { kind, through }: { readonly kind: MemberKind; readonly through: ClusterMember },
): Promise<void> {
  const learner = await cluster.add(kind, { isLearner: true });
  await using client = new Client({ endpoints: [through.endpoint] });
  const { members } = await client.cluster.memberList({ linearizable: true });
  const { ID } = members.find(({ name }) => name === learner.name)!;
  await until('the learner to be promoted', () => client.cluster.memberPromote({ ID }));
  await cluster.untilEqual();
  const { exited } = learner;
  await cluster.remove(learner);
  await exited;
}

/** The version that a member says the cluster has, once it is the one that is waited for. */
async function clusterVersionOf({ endpoint }: ClusterMember, expected: string): Promise<string> {
  return until(`cluster version ${expected}`, async () => {
    const response = await fetch(`http://${endpoint}/version`);
    // It answers with an object of texts.
    const { etcdcluster } = (await response.json()) as { readonly etcdcluster: string };
    return etcdcluster === expected ? etcdcluster : undefined;
  });
}
