import { expect, test } from 'vitest';
import { snapshotFlags } from '../src/cluster/faults.ts';
import { Ballast } from '../src/containers/ballast.ts';
import { withContainers } from '../src/containers/container-cluster.ts';
import { underLoad } from '../src/containers/faults.ts';
import { syncTally, volumeDisk } from '../src/containers/slow-disk.ts';

/** Room for two segments of the log and a store. */
const smallDiskBytes = 224 * 1024 * 1024;
const disk = await volumeDisk();
/** Slow enough that a sync takes a tenth of a second, fast enough that whoever leads hands over in time. */
const writesPerSecond = 25;

test('a member whose disk is full says so and ends; the others go on; with room again it catches up', async () => {
  await withContainers({ smallDiskBytes, flags: snapshotFlags }, async (cluster) => {
    const member = cluster.members.at(-1)!;
    await using ballast = await Ballast.on(member.volume);
    await underLoad(cluster, { seed: 20261127 }, async ({ moreWrites }) => {
      await ballast.fill();
      expect(await member.ended()).toBe(1);
      expect(await member.logs()).toContain('the member cannot go on and stops');
      expect(await member.logs()).toContain('ENOSPC');
      await moreWrites(50);
      // Nothing gets better by trying again, and nothing worse.
      await member.start();
      expect(await member.ended()).toBe(1);
      await ballast.free();
      await member.start();
      await cluster.untilServing(member);
      await moreWrites(50);
    });
  });
});

test.skipIf(disk === undefined)(
  'a member with a slow disk (needs a disk of its own below the engine) holds up nobody, neither as follower nor as leader',
  async () => {
    await withContainers({}, async (cluster) => {
      const slow = await cluster.follower();
      await underLoad(cluster, { seed: 20261128 }, async ({ moreWrites }) => {
        await slow.replaceContainer({ slowDisk: { device: disk!, writesPerSecond } });
        await cluster.untilServing(slow);
        const before = await syncTally(slow.endpoint);
        await moreWrites(100);
        await cluster.moveLeader(slow);
        await moreWrites(100);
        const { count, seconds } = await syncTally(slow.endpoint);
        // That it was slow: a sync is more than one write.
        expect((seconds - before.seconds) / (count - before.count)).toBeGreaterThan(1 / writesPerSecond);
        await slow.replaceContainer({});
        await cluster.untilServing(slow);
      });
    });
  },
);
