import { Client } from '@quorate/client';
import { etcdBinFolder, freePort, freePorts, startRealCluster, startRealEtcd } from '@quorate/client/testing';
import { expect, test, vi } from 'vitest';
import { etcdctl, quoratectl, type Tool } from './differential/tools.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

test.each([
  [['validate'], 'TARGET_VERSION not provided'],
  [['enable', '3.4', '3.5'], 'too many arguments'],
  [['enable', ''], 'target version not provided'],
])('downgrade %j is refused: %s', async (args, reason) => {
  const { stderr, code } = await quoratectl({ argv: ['downgrade', ...args] });
  expect([stderr, code]).toEqual([`Error: ${reason}\n`, 128]);
});

test.skipIf(etcdBinFolder === undefined)(
  'a downgrade is checked and cancelled (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    const downgrade = (...args: string[]) =>
      quoratectl({ argv: ['downgrade', ...args, `--endpoints=${server.endpoint}`] });
    expect((await downgrade('validate', '3.3')).stderr).toBe(
      'Error: etcdserver: invalid downgrade target version\n',
    );
    expect((await downgrade('validate', '3.4')).stdout).toBe(
      'Downgrade validate success, cluster version 3.5.0\n',
    );
    expect((await downgrade('validate', '3.4', '-w', 'json')).stdout).toMatch(
      /^\{"header":\{.+\},"version":"3\.5\.0"\}\n$/,
    );
    expect((await downgrade('cancel')).stderr).toBe('Error: etcdserver: no inflight downgrade job\n');
    expect((await downgrade('validate', '3.4', '-w', 'table')).code).toBe(4);
  },
);

test.skipIf(etcdBinFolder === undefined)(
  'member promote says what etcdctl says (set QUORATE_ETCD_BIN to run)',
  async () => {
    const promote = async (tool: Tool) => {
      await using cluster = await startRealCluster(etcdBinFolder ?? '', {
        ports: await freePorts(1),
        extraArguments: ['--strict-reconfig-check=false'],
      });
      await using client = new Client({ endpoints: cluster.endpoints });
      const peerUrl = `http://127.0.0.1:${await freePort()}`;
      const { member, header } = await client.cluster.memberAddAsLearner({ peerURLs: [peerUrl] });
      await cluster.join('l1', peerUrl, { isLearner: true });
      const id = (member?.ID ?? 0n).toString(16);
      return await vi.waitFor(
        async () => {
          const endpoint = `--endpoints=${cluster.endpoints.join(',')}`;
          const outcome = await tool({ argv: ['member', 'promote', id, endpoint] });
          expect(outcome.code).toBe(0);
          const clusterId = (header?.clusterId ?? 0n).toString(16);
          return outcome.stdout.replace(id, '<id>').replace(clusterId, '<cluster>').replace(/ +/g, ' ');
        },
        { timeout: 30_000, interval: 200 },
      );
    };
    const expected = await promote(etcdctl(etcdBinFolder ?? ''));
    expect(expected).toBe('Member <id> promoted in cluster <cluster>\n');
    expect(await promote(quoratectl)).toBe(expected);
  },
);
