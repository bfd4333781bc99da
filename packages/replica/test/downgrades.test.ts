import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { Downgrades } from '../src/downgrades.ts';

const { VALIDATE, ENABLE, CANCEL } = rpcpb.DowngradeRequest_DowngradeAction;

function newDowngrades({ clusterVersion = '3.6.0', targetVersion = '' } = {}) {
  const cluster: {
    clusterVersion: string | undefined;
    downgrade: { targetVersion: string; isEnabled: boolean };
    proposed: unknown[];
    reads: number;
    readError: Error | undefined;
  } = {
    clusterVersion,
    downgrade: { targetVersion, isEnabled: targetVersion !== '' },
    proposed: [],
    reads: 0,
    readError: undefined,
  };
  const header: rpcpb.ResponseHeader = { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n };
  const downgrades = new Downgrades({
    linearizable: async () => {
      cluster.reads++;
      if (cluster.readError !== undefined) throw cluster.readError;
    },
    clusterVersion: () => cluster.clusterVersion,
    downgrade: () => cluster.downgrade,
    propose: async (info) => {
      cluster.proposed.push(info);
      cluster.downgrade = { targetVersion: info.ver, isEnabled: info.enabled };
    },
    header: () => header,
  });
  const ask = (action: rpcpb.DowngradeRequest_DowngradeAction, version = '') =>
    downgrades.downgrade({ action, version });
  return { ask, cluster, header };
}

test.each(['3.5', '3.5.0', '3.5.21', '3.5.0-rc.1', '03.05'])(
  '%s, one minor version below the cluster, may be gone to',
  async (target) => {
    const { ask, cluster, header } = newDowngrades();
    expect(await ask(VALIDATE, target)).toEqual({ header, version: '3.6' });
    expect(cluster).toMatchObject({ proposed: [], reads: 1 });
  },
);

test.each([VALIDATE, ENABLE])(
  'a target that is no version is refused before anything else (%i)',
  async (action) => {
    const { ask, cluster } = newDowngrades({ targetVersion: '3.5.0' });
    cluster.clusterVersion = undefined;
    for (const target of ['', '3', 'v3.5', 'abc', '3.5-rc', '-3.5']) {
      await expect(ask(action, target)).rejects.toMatchObject({ code: 'REPLICA_WRONG_DOWNGRADE_FORMAT' });
    }
    expect(cluster).toMatchObject({ proposed: [], reads: 0 });
  },
);

test.each([VALIDATE, ENABLE])(
  'any other version is no target, a downgrade under way or not (%i)',
  async (action) => {
    for (const targetVersion of ['', '3.5.0']) {
      const { ask, cluster } = newDowngrades({ targetVersion });
      for (const target of ['3.6', '3.7', '3.4', '2.5', '4.5']) {
        await expect(ask(action, target)).rejects.toMatchObject({ code: 'REPLICA_INVALID_DOWNGRADE_TARGET' });
      }
      expect(cluster.proposed).toEqual([]);
    }
  },
);

test('there is no way down from X.0', async () => {
  const { ask } = newDowngrades({ clusterVersion: '4.0.0' });
  for (const target of ['3.9', '4.0', '3.0']) {
    await expect(ask(VALIDATE, target)).rejects.toMatchObject({ code: 'REPLICA_INVALID_DOWNGRADE_TARGET' });
  }
});

test.each([VALIDATE, ENABLE])('a downgrade under way is not begun again (%i)', async (action) => {
  const { ask, cluster } = newDowngrades({ targetVersion: '3.5.0' });
  await expect(ask(action, '3.5')).rejects.toMatchObject({ code: 'REPLICA_DOWNGRADE_IN_PROCESS' });
  expect(cluster.proposed).toEqual([]);
});

test('a cluster that has no version yet has nowhere to go down to', async () => {
  const { ask, cluster } = newDowngrades();
  cluster.clusterVersion = undefined;
  for (const action of [VALIDATE, ENABLE, CANCEL]) {
    await expect(ask(action, '3.5')).rejects.toMatchObject({ code: 'REPLICA_NO_CLUSTER_VERSION' });
  }
  expect(cluster.proposed).toEqual([]);
});

test('enabling proposes the target as X.Y.0, and canceling proposes its end', async () => {
  const { ask, cluster, header } = newDowngrades();
  expect(await ask(ENABLE, '3.5.7')).toEqual({ header, version: '3.6' });
  expect(cluster.proposed).toEqual([{ enabled: true, ver: '3.5.0' }]);
  expect(await ask(CANCEL)).toEqual({ header, version: '3.6' });
  expect(cluster.proposed[1]).toEqual({ enabled: false, ver: '' });
});

test('canceling when there is nothing to cancel succeeds, whatever version it names', async () => {
  const { ask, cluster, header } = newDowngrades();
  expect(await ask(CANCEL, 'xx')).toEqual({ header, version: '3.6' });
  expect(cluster).toMatchObject({ proposed: [], reads: 1 });
});

test('a member that cannot read as of now decides nothing', async () => {
  const { ask, cluster } = newDowngrades({ targetVersion: '3.5.0' });
  cluster.readError = new Error('no leader');
  for (const action of [VALIDATE, ENABLE, CANCEL])
    await expect(ask(action, '3.5')).rejects.toThrow('no leader');
  expect(cluster.proposed).toEqual([]);
});
