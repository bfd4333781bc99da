import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { peerUrlOf, TestCluster, type TestClusterOptions } from '../src/testing/index.ts';
import { codeOf, errorOf, join, joining, put, servesAgain, start, statesOf, valueOf } from './clusters.ts';

async function hasLeader(cluster: TestCluster): Promise<void> {
  await cluster.until(() => cluster.names.filter((name) => cluster.member(name).isLeader).length === 1);
}

/** What opening a member says. */
async function refusal(cluster: TestCluster, name: string, options: TestClusterOptions): Promise<string> {
  return String(await errorOf(cluster.open(name, options)));
}

test('all members stop at once and start again with everything', async () => {
  const cluster = await start(3, { snapshotCount: 30, snapshotCatchUpEntries: 5 });
  for (let i = 0; i < 70; i++) await put(cluster, cluster.names[i % 3]!, `k${i % 9}`, String(i));
  const [before] = await statesOf(cluster);
  for (const name of [...cluster.names]) await cluster.stop(name);
  for (const name of ['c', 'a', 'b']) await cluster.open(name);
  for (const name of cluster.names) await servesAgain(cluster, name);
  expect([...(await statesOf(cluster))]).toEqual([before]);
  await put(cluster, 'b', 'after', '1');
});

test.each([false, true])(
  'one of three members becomes a cluster of its own with all data (a learner among them: %s)',
  async (withLearner) => {
    const cluster = await start(3);
    if (withLearner) await join(cluster, 'd', { isLearner: true });
    for (let i = 0; i < 30; i++) await put(cluster, cluster.leader, `k${i}`, String(i));
    await cluster.advance(300);
    const name = cluster.followers.find((other) => other !== 'd')!;
    const { id } = cluster.member(name);
    for (const other of [...cluster.names]) await cluster.stop(other);
    await cluster.open(name, { forceNewCluster: true });
    await servesAgain(cluster, name);
    expect(cluster.member(name).isLeader).toBe(true);
    expect(cluster.member(name).id).toBe(id);
    expect(
      cluster
        .member(name)
        .state.membership.list()
        .map((member) => member.id),
    ).toEqual([id]);
    expect(await valueOf(cluster, name, 'k29')).toBe('29');
    await put(cluster, name, 'after', '1');
    // It grows again, and a later start needs no force.
    await cluster.stop(name);
    await cluster.open(name);
    await servesAgain(cluster, name);
    await join(cluster, 'x');
    expect(await valueOf(cluster, 'x', 'after')).toBe('1');
    expect((await statesOf(cluster)).size).toBe(1);
  },
);

test('a learner that is left alone becomes the only voter of a cluster of its own', async () => {
  const cluster = await start(3);
  await join(cluster, 'd', { isLearner: true });
  await put(cluster, cluster.leader, 'k', '1');
  await cluster.advance(300);
  for (const name of [...cluster.names]) await cluster.stop(name);
  await cluster.open('d', { forceNewCluster: true });
  await servesAgain(cluster, 'd');
  expect(cluster.member('d').isLearner).toBe(false);
  expect(cluster.member('d').state.membership.list().length).toBe(1);
  expect(await valueOf(cluster, 'd', 'k')).toBe('1');
});

test('what was not committed is dropped when a member becomes a cluster of its own', async () => {
  const cluster = await start(3);
  await put(cluster, cluster.leader, 'k', 'committed');
  await cluster.advance(300);
  const { leader } = cluster;
  cluster.network.isolate(cluster.member(leader).id);
  const lost = codeOf(put(cluster, leader, 'k', 'not committed'));
  await cluster.advance(300);
  const { lastIndex, commit } = cluster.member(leader).raftStatus;
  expect(lastIndex).toBeGreaterThan(commit);
  for (const name of [...cluster.names]) await cluster.stop(name);
  expect(await lost).not.toBe('none');
  await cluster.open(leader, { forceNewCluster: true });
  await servesAgain(cluster, leader);
  expect(await valueOf(cluster, leader, 'k')).toBe('committed');
});

test('a member that joins must be known, all others too, and each by its URLs', async () => {
  const cluster = await start(3);
  const nobody = { initialCluster: `d=${peerUrlOf('d')}`, initialClusterState: 'existing' } as const;
  expect(await refusal(cluster, 'd', nobody)).toContain('no member of the existing cluster answers');
  const unknown = await refusal(cluster, 'd', {
    ...joining(cluster, 'd'),
    initialCluster: `a=${peerUrlOf('a')},b=${peerUrlOf('b')},d=${peerUrlOf('d')}`,
  });
  expect(unknown).toContain(`d=${peerUrlOf('d')}`);
  expect(unknown).toContain('no member of the running cluster has these peer URLs');
  const request = { peerURLs: [peerUrlOf('d')], isLearner: false };
  await cluster.during(cluster.member(cluster.leader).cluster.add(request));
  const tooFew = await refusal(cluster, 'd', {
    ...joining(cluster, 'd'),
    initialCluster: `a=${peerUrlOf('a')},d=${peerUrlOf('d')}`,
  });
  expect(tooFew).toContain('names 2 members and the running cluster has 4');
  const mismatch = await refusal(cluster, 'd', {
    ...joining(cluster, 'd'),
    initialCluster: ['a', 'b', 'x', 'd'].map((name) => `${name}=${peerUrlOf(name)}`).join(','),
  });
  expect(mismatch).toContain(`x=${peerUrlOf('x')}`);
  const unnamed = await refusal(cluster, 'd', { initialCluster: `a=${peerUrlOf('a')}` });
  expect(unnamed).toContain('no member named "d"');
  // None of these left anything behind that is in the way.
  await cluster.open('d', joining(cluster, 'd'));
  await servesAgain(cluster, 'd');
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a member that has lost its data is not bootstrapped a second time, nor joins as who it was', async () => {
  const cluster = await start(3);
  const name = cluster.followers[0]!;
  const asExisting = joining(cluster, name);
  const { runningCluster } = asExisting;
  await cluster.stop(name);
  cluster.wipe(name);
  const initialCluster = ['a', 'b', 'c'].map((other) => `${other}=${peerUrlOf(other)}`).join(',');
  const again = await refusal(cluster, name, { initialCluster, ...(runningCluster && { runningCluster }) });
  expect(again).toContain('has already been bootstrapped');
  expect(await refusal(cluster, name, asExisting)).toContain('has already been bootstrapped');
  // Removed and added again it is another member, which has promised nothing.
  const { id } = cluster
    .member(cluster.leader)
    .state.membership.list()
    .find(({ peerUrls }) => peerUrls.includes(peerUrlOf(name)))!;
  await cluster.during(cluster.member(cluster.leader).cluster.remove({ ID: id }));
  expect(await join(cluster, name, { isLearner: true })).not.toBe(id);
});

test('a member that joined and crashed before it heard anything goes on when it is started again', async () => {
  const cluster = await start(3);
  await put(cluster, cluster.leader, 'k', '1');
  const request = { peerURLs: [peerUrlOf('d')], isLearner: false };
  const { member } = await cluster.during(cluster.member(cluster.leader).cluster.add(request));
  cluster.network.intercept = ({ to }) => (to === member!.ID ? 'drop' : 'deliver');
  await cluster.open('d', joining(cluster, 'd'));
  await cluster.advance(500);
  cluster.crash('d');
  cluster.network.intercept = () => 'deliver';
  await cluster.open('d');
  await servesAgain(cluster, 'd');
  expect(await valueOf(cluster, 'd', 'k')).toBe('1');
});

test('a server that is older than the cluster refuses to start, also one that joins, by log or by snapshot', async () => {
  const cluster = await start(3, { snapshotCount: 40, snapshotCatchUpEntries: 5, learnerCountMax: 3 });
  await cluster.until(() => cluster.names.every((name) => cluster.member(name).clusterVersion === '3.6.0'));
  const name = cluster.followers[0]!;
  await cluster.stop(name);
  expect(await refusal(cluster, name, { serverVersion: '3.5.21' })).toContain(
    'lower than the cluster version',
  );
  await cluster.open(name);
  await servesAgain(cluster, name);
  for (const newcomer of ['d', 'e']) {
    const request = { peerURLs: [peerUrlOf(newcomer)], isLearner: true };
    await cluster.during(cluster.member(cluster.leader).cluster.add(request));
    const fatal: unknown[] = [];
    const observer = { onFatal: (error: unknown) => fatal.push(error) };
    await cluster.open(newcomer, { ...joining(cluster, newcomer), serverVersion: '3.5.21', observer });
    await cluster.until(() => fatal.length > 0);
    expect(String(fatal[0])).toContain('lower than the cluster version');
    await cluster.stop(newcomer);
    // The second one gets a snapshot.
    for (let i = 0; i < 100; i++) await put(cluster, cluster.leader, `k${i % 5}`, String(i));
  }
});

test('the cluster version is that of the oldest member, and rises when that one does', async () => {
  const versions = ['3.6.14', '3.5.21', '3.7.0'];
  const cluster = new TestCluster();
  const initialCluster = ['a', 'b', 'c'].map((name) => `${name}=${peerUrlOf(name)}`).join(',');
  for (const [at, name] of ['a', 'b', 'c'].entries()) {
    await cluster.open(name, { initialCluster, serverVersion: versions[at]! });
  }
  const isAt = (version: string): boolean =>
    cluster.names.length === 3 &&
    cluster.names.every((name) => cluster.member(name).clusterVersion === version);
  await cluster.until(() => isAt('3.5.0'));
  await cluster.stop('b');
  await cluster.open('b', { serverVersion: '3.6.0' });
  await cluster.until(() => isAt('3.6.0'));
  await cluster.stop('a');
  await cluster.open('a', { serverVersion: '3.7.1' });
  await cluster.advance(10_000);
  expect(isAt('3.6.0')).toBe(true);
  await cluster.stop('b');
  await cluster.open('b', { serverVersion: '3.7.0' });
  await cluster.until(() => isAt('3.7.0'));
  for (const name of cluster.names)
    expect(cluster.member(name).maintenance.status().storageVersion).toBe('3.7.0');
  await cluster.close();
});

test('a downgrade is validated, enabled and canceled, and when it is enabled the cluster goes down', async () => {
  const { VALIDATE, ENABLE, CANCEL } = rpcpb.DowngradeRequest_DowngradeAction;
  const cluster = await start(3, { serverVersion: '3.7.0' });
  await cluster.until(() => cluster.names.every((name) => cluster.member(name).clusterVersion === '3.7.0'));
  const [first, second] = cluster.followers;
  const ask = (
    name: string,
    action: rpcpb.DowngradeRequest_DowngradeAction,
    version: string,
  ): Promise<string> =>
    cluster.during(codeOf(cluster.member(name).maintenance.downgrade({ action, version })));
  expect(await ask(first!, VALIDATE, '3.6')).toBe('none');
  expect(await ask(first!, VALIDATE, '3.5')).toBe('REPLICA_INVALID_DOWNGRADE_TARGET');
  expect(await ask(first!, ENABLE, 'x')).toBe('REPLICA_WRONG_DOWNGRADE_FORMAT');
  expect(await ask(second!, CANCEL, '')).toBe('none');
  expect(await ask(second!, ENABLE, '3.6.0')).toBe('none');
  expect(await ask(first!, ENABLE, '3.6.0')).toBe('REPLICA_DOWNGRADE_IN_PROCESS');
  for (const name of cluster.names) {
    await cluster.until(() => cluster.member(name).maintenance.status().downgradeInfo?.enabled === true);
  }
  await cluster.until(() => cluster.names.every((name) => cluster.member(name).clusterVersion === '3.6.0'));
  // One after the other is replaced by a server of the lower version; then the job is done.
  for (const name of ['a', 'b', 'c']) {
    await cluster.stop(name);
    await cluster.open(name, { serverVersion: '3.6.14' });
    await servesAgain(cluster, name);
    await hasLeader(cluster);
    await put(cluster, name, 'k', name);
  }
  await cluster.until(() =>
    cluster.names.every((name) => !cluster.member(name).state.membership.downgrade.isEnabled),
  );
  expect(await ask('a', CANCEL, '')).toBe('none');
  expect((await statesOf(cluster)).size).toBe(1);
});
