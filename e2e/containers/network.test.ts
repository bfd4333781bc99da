import { expect, test } from 'vitest';
import { until } from '../src/cluster/until.ts';
import { withContainers } from '../src/containers/container-cluster.ts';
import { faults, underLoad } from '../src/containers/faults.ts';

const timeoutMs = 1_500;

test('a leader without the others, but with clients, answers nothing that may be old, and takes no write', async () => {
  await withContainers({}, async (cluster) => {
    await underLoad(cluster, { seed: 20261124 }, async ({ moreWrites }) => {
      const old = await cluster.leader();
      await using others = cluster.client();
      const get = { key: Buffer.from('key 0') };
      const { header: before } = await others.kv.range(get);
      await old.isolate({ keepsClients: true });
      // Those that are left elect another leader, and its clients go on.
      expect(await cluster.leader()).not.toBe(old);
      await moreWrites(50);
      await using alone = cluster.client([old]);
      await expect(alone.kv.range(get, { timeoutMs })).rejects.toThrow();
      // A write that changes nothing, should it be carried out after all: the history knows of none.
      const nothing = { key: Buffer.from('nothing') };
      await expect(alone.kv.deleteRange(nothing, { timeoutMs })).rejects.toThrow();
      // Reads that may be old are answered: it is reached, and has not heard of what came since.
      const stale = await alone.kv.range({ ...get, serializable: true }, { timeoutMs });
      await using majority = cluster.client();
      const { header: now } = await majority.kv.range(get);
      expect(stale.header!.revision).toBeGreaterThanOrEqual(before!.revision);
      expect(stale.header!.revision).toBeLessThan(now!.revision);
      await old.rejoin();
      await cluster.untilServing(old);
      const later = await until('it to catch up', async () => {
        const { header } = await alone.kv.range({ ...get, serializable: true });
        return header!.revision >= now!.revision || undefined;
      });
      expect(later).toBe(true);
    });
  });
});

test('a leader, and then a follower, loses the network and gets it back: the others go on, and nothing is lost', async () => {
  await withContainers({}, async (cluster) => {
    const result = await underLoad(cluster, { seed: 20261125 }, async (context) => {
      await faults.disconnectLeader(context);
      await faults.disconnectFollower(context);
    });
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
    expect(result.watchEvents).toBeGreaterThan(result.revision);
  });
});

test('members that are each alone acknowledge nothing, and go on once they are together again', async () => {
  await withContainers({}, async (cluster) => {
    const result = await underLoad(cluster, { seed: 20261126 }, faults.scatter);
    expect(result.acknowledgedWrites).toBeGreaterThan(50);
  });
});
