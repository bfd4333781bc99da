import { expect, test } from 'vitest';
import { withContainers, type ContainerCluster } from '../src/containers/container-cluster.ts';
import { underLoad } from '../src/containers/faults.ts';
import { post } from '../src/containers/json-call.ts';

/** Nobody comes but by the gateways. */
const onlyGateways = (cluster: ContainerCluster) => cluster.gateways;

test('clients of a gateway that is killed go on at the other, and nothing is lost', async () => {
  await withContainers({ gateways: 2 }, async (cluster) => {
    const [first, second] = cluster.gateways;
    const options = { seed: 20261130, targets: onlyGateways(cluster) };
    const result = await underLoad(cluster, options, async ({ moreWrites }) => {
      await first!.container.kill();
      await moreWrites(50);
      await first!.container.startAgain();
      await moreWrites(50);
      await second!.container.pause();
      await moreWrites(50);
      await second!.container.unpause();
      await moreWrites(50);
    });
    expect(result.acknowledgedWrites).toBeGreaterThan(200);
  });
});

test('a gateway goes on at other members when its own are killed, frozen or cut off', async () => {
  await withContainers({ gateways: 1 }, async (cluster) => {
    const [gateway] = cluster.gateways;
    const put = () => post(`${gateway!.url}/v3/kv/put`, { key: 'YQ==', value: 'YQ==' }, 10_000);
    const options = { seed: 20261201, targets: onlyGateways(cluster) };
    const result = await underLoad(cluster, options, async ({ moreWrites }) => {
      const [first, second, third] = cluster.members;
      await first!.kill();
      await moreWrites(25);
      await first!.start();
      await cluster.untilServing(first!);
      await second!.pause();
      await moreWrites(25);
      await second!.unpause();
      await third!.isolate({ keepsClients: false });
      await moreWrites(25);
      await third!.rejoin();
      await cluster.untilServing(third!);
    });
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
    await Promise.all(cluster.members.map((member) => member.kill()));
    await expect(put()).rejects.toThrow();
    await Promise.all(cluster.members.map((member) => member.start()));
    await Promise.all(cluster.members.map((member) => cluster.untilServing(member)));
    await put();
  });
});
