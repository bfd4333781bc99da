import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../src/cluster/until.ts';
import { withContainers } from '../src/containers/container-cluster.ts';
import { Container } from '../src/containers/container.ts';
import { images, imageUser, memberVolume, versionLabel } from '../src/containers/images.ts';
import { checksHealth, engineApi } from '../src/containers/runtime.ts';

const sizeMax = 200_000_000;
const manifest = readFileSync(join(import.meta.dirname, '../../apps/server/package.json'), 'utf8');
// Our own manifest has a version.
const { version } = JSON.parse(manifest) as { readonly version: string };

test.each(Object.entries(images))(
  'the image of the %s has less than 200 MB, runs as nobody in particular, and says what it is',
  async (_, image) => {
    const { Size: size, Config: config } = await (await engineApi()).getImage(image).inspect();
    expect(size).toBeLessThan(sizeMax);
    expect(config.User.split(':')[0]).toBe(String(imageUser));
    expect(config.Labels[versionLabel]).toBe(version);
    expect(config.Labels['org.opencontainers.image.licenses']).toBe('Apache-2.0');
    if (image === images.member) expect(Object.keys(config.Volumes)).toEqual([memberVolume]);
  },
);

test('a member serves on a read-only root file system, ends with 0 at SIGTERM, and finds its data again', async () => {
  await withContainers({ size: 1, more: { isReadOnly: true } }, async (cluster) => {
    const [member] = cluster.members;
    await using client = cluster.client();
    await client.put('greeting', 'hello');
    expect(await member!.stop()).toBe(0);
    await member!.start();
    await cluster.untilServing(member!);
    expect(Buffer.from((await client.get('greeting'))!.value).toString()).toBe('hello');
    const { HostConfig: host, Config: config } = await member!.container.inspect();
    expect({ readOnly: host.ReadonlyRootfs, privileged: host.Privileged, user: config.User }).toEqual({
      ...{ readOnly: true, privileged: false },
      user: `${imageUser}:${imageUser}`,
    });
  });
});

test.skipIf(!(await checksHealth()))(
  'a member is unhealthy without a leader, a gateway without members, and both are healthy with them again (needs an engine that checks by itself)',
  async () => {
    await withContainers({ gateways: 1, healthIntervalMs: 1_000 }, async ({ members, gateways }) => {
      const [first, ...others] = members.map(({ container }) => container);
      const gateway = gateways[0]!.container;
      const untilHealth = (container: Container, health: string) =>
        until(`it to be ${health}`, async () => (await container.health()) === health || undefined);
      await Promise.all([untilHealth(first!, 'healthy'), untilHealth(gateway, 'healthy')]);
      await Promise.all(others.map((container) => container.kill()));
      await untilHealth(first!, 'unhealthy');
      await first!.kill();
      await untilHealth(gateway, 'unhealthy');
      await Promise.all([first!, ...others].map((container) => container.startAgain()));
      await Promise.all([untilHealth(first!, 'healthy'), untilHealth(gateway, 'healthy')]);
    });
  },
);

test('a gateway ends with 0 at SIGTERM', async () => {
  await withContainers({ size: 1, gateways: 1 }, async ({ gateways }) => {
    expect(await gateways[0]!.container.stop()).toBe(0);
  });
});

test('quoratectl in a container of its own speaks to members in theirs', async () => {
  await withContainers({ size: 1 }, async ({ networks }) => {
    const run = async (...command: string[]) => {
      const attachments = [{ network: networks.clients, aliases: [] }];
      await using ctl = await Container.start({
        ...{ image: images.ctl, attachments },
        command: ['--endpoints=m1:2379', ...command],
      });
      return { code: await ctl.ended(), output: await ctl.logs() };
    };
    expect(await run('put', 'greeting', 'hello')).toEqual({ code: 0, output: 'OK\n' });
    expect(await run('get', 'greeting')).toEqual({ code: 0, output: 'greeting\nhello\n' });
  });
});
