import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withClusters, type BenchCluster, type Roles } from './bench-cluster.ts';
import type { BenchRun } from './bench-run.ts';
import { valueSize } from './dataset.ts';
import {
  fill,
  landmarkOf,
  recover,
  runRecoveryRounds,
  type MissedKeys,
  type Recovery,
} from './recovery-rounds.ts';
import { untilReadable } from './recovery.ts';
import type { RecoveryResult } from './results.ts';

const keySize = 20;

/** The leader keeps all entries, so that a member that was down never needs a snapshot. */
const flags = ['--experimental-snapshot-catchup-entries=1000000000'];

/** A follower is stopped, misses that many entries, and is started again: it gets them from the leader's log. */
export async function runCatchUpSection(run: BenchRun, entries: number): Promise<RecoveryResult> {
  const dir = join(run.dir, 'catch-up');
  await mkdir(dir);
  const missed: MissedKeys = { count: entries, keySize, valueSize };
  return withClusters({ dir, flags }, (clusters) =>
    runRecoveryRounds(run, {
      ...{ name: 'catch-up', clusters, missed },
      round: (cluster, roles) => catchUp(run, { cluster, roles, missed }),
    }),
  );
}

async function catchUp(
  run: BenchRun,
  options: { readonly cluster: BenchCluster; readonly roles: Roles; readonly missed: MissedKeys },
): Promise<Recovery> {
  const { cluster, roles, missed } = options;
  const { leader, follower } = roles;
  await follower.stop();
  await fill(run, roles, missed);
  const launch = async () => {
    await follower.launch();
    return follower;
  };
  const recovery = await recover(run, { leader, launch, landmark: await landmarkOf(cluster, roles, missed) });
  // Once more with nothing missed: what of the time is the start of a process.
  await cluster.settled();
  await follower.stop();
  const landmark = await landmarkOf(cluster, roles, missed);
  const startsAtMs = performance.now();
  await untilReadable((await launch()).endpoint, landmark);
  return { ...recovery, restartedMs: performance.now() - startsAtMs };
}
