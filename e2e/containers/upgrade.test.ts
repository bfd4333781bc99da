import { expect, test } from 'vitest';
import { withContainers } from '../src/containers/container-cluster.ts';
import { underLoad } from '../src/containers/faults.ts';
import { images, nextVersionOf, versionLabel } from '../src/containers/images.ts';

const version = '0.1.1-next';

test('members take a new image one after the other: clients go on all the time, and nothing is lost', async () => {
  const image = await nextVersionOf(images.member, version);
  await withContainers({ gateways: 1 }, async (cluster) => {
    const targets = [...cluster.members, ...cluster.gateways];
    const result = await underLoad(cluster, { seed: 20261129, targets }, async ({ moreWrites }) => {
      for (const member of cluster.members) {
        await member.replaceContainer({ image });
        await moreWrites(25);
        await cluster.untilServing(member);
      }
    });
    for (const { container } of cluster.members) {
      const { Config: config } = await container.inspect();
      expect({ image: config.Image, version: config.Labels[versionLabel] }).toEqual({ image, version });
    }
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
    expect(result.watchEvents).toBeGreaterThan(result.revision);
  });
});
