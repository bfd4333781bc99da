import type { ClusterMember } from '@quorate/e2e';
import { invariant } from '@quorate/std';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withClusters, type BenchCluster, type Roles } from './bench-cluster.ts';
import type { BenchRun } from './bench-run.ts';
import {
  fill,
  landmarkOf,
  recover,
  runRecoveryRounds,
  type MissedKeys,
  type Recovery,
} from './recovery-rounds.ts';
import { sideNames, type RecoveryResult } from './results.ts';

const keySize = 20;
const valueSize = 1024;

/** Fewer keys than these are no reason for either side to drop the beginning of its log: a hint is needed. */
const manyKeys = 250_000;
const shortLogFlags = ['--snapshot-count=100', '--experimental-snapshot-catchup-entries=50'];

/** What a member says when it has put a snapshot of the leader in the place of its state. */
const installedTexts = { quorate: 'installed a snapshot of the leader', etcd: 'applied snapshot' } as const;

/** A follower is taken out of the cluster, data and all, and a new one comes in its place: it gets a snapshot. */
export async function runSnapshotSection(run: BenchRun, keys: number): Promise<RecoveryResult> {
  const dir = join(run.dir, 'snapshot');
  await mkdir(dir);
  const missed: MissedKeys = { count: keys, keySize, valueSize };
  return withClusters({ dir, flags: keys < manyKeys ? shortLogFlags : [] }, async (clusters) => {
    for (const side of sideNames) {
      run.progress(`snapshot: putting ${keys} keys into ${side}`);
      await fill(run, await clusters[side].settled(), missed);
    }
    return runRecoveryRounds(run, {
      ...{ name: 'snapshot', clusters, missed },
      round: (cluster, roles) => install(run, { cluster, roles, missed }),
    });
  });
}

async function install(
  run: BenchRun,
  options: { readonly cluster: BenchCluster; readonly roles: Roles; readonly missed: MissedKeys },
): Promise<Recovery> {
  const { cluster, roles, missed } = options;
  const landmark = await landmarkOf(cluster, roles, missed);
  await cluster.remove(roles.follower);
  const added: ClusterMember = await cluster.add();
  const launch = async () => {
    await added.launch();
    return added;
  };
  const recovery = await recover(run, { leader: roles.leader, launch, landmark });
  invariant(
    added.output.includes(installedTexts[cluster.side === 'quorate' ? 'quorate' : 'etcd']),
    'the new member got a snapshot',
  );
  return recovery;
}
