import type { ClusterMember } from '@quorate/e2e';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster, Roles } from './bench-cluster.ts';
import { sharedLoad, type BenchRun } from './bench-run.ts';
import { prefixes, valueOf } from './dataset.ts';
import { orderOf, spreadOf } from './measure.ts';
import { PacedPuts } from './paced-puts.ts';
import { latenciesWithin, phaseOf, untilReadable, type Landmark } from './recovery.ts';
import {
  sideNames,
  type PhaseName,
  type PutPhase,
  type RecoveryResult,
  type RecoverySide,
  type Sides,
} from './results.ts';
import { Repeats, steadily } from './steady.ts';

/** The pace of the leader's clients. */
const putsPerSecond = 200;

/** Keys that a member lacks until it has recovered. */
export interface MissedKeys {
  readonly count: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** One round: how long it took, and the latencies of the leader's clients in each phase. */
export interface Recovery {
  readonly recoveredMs: number;
  readonly restartedMs?: number;
  readonly latencies: Readonly<Record<PhaseName, readonly number[]>>;
}

/** Puts the keys through the leader, with 100 in flight. */
export async function fill(run: BenchRun, { leader }: Roles, missed: MissedKeys): Promise<void> {
  const { count, keySize, valueSize } = missed;
  await sharedLoad(run).run({
    ...{ kind: 'fill', endpoint: leader.endpoint, prefix: prefixes.many },
    ...{ count, keySize, valueSize, connections: 10, inFlight: 100 },
  });
}

/** What a member must answer to have all that was put up to now. */
export async function landmarkOf(
  cluster: BenchCluster,
  { leader }: Roles,
  missed: MissedKeys,
): Promise<Landmark> {
  const { header } = await cluster.status(leader);
  const { count, keySize, valueSize } = missed;
  const index = count - 1;
  return {
    ...{ prefix: prefixes.many, index, keySize, revision: Number(header?.revision ?? 0n) },
    value: valueOf(index, valueSize),
  };
}

/**
 * Lets a member recover while clients of the leader put at a light pace, from some time before to some time
 * after. The clock runs from the call of `launch` until the member answers with what it had missed.
 */
export async function recover(
  run: BenchRun,
  options: {
    readonly leader: ClusterMember;
    readonly landmark: Landmark;
    readonly launch: () => Promise<ClusterMember>;
  },
): Promise<Recovery> {
  const { leader, landmark, launch } = options;
  const puts = await PacedPuts.start({ endpoint: leader.endpoint, perSecond: putsPerSecond });
  await sleep(run.calmMs);
  const startsAtMs = performance.now();
  const { endpoint } = await launch();
  await untilReadable(endpoint, landmark);
  const endsAtMs = performance.now();
  await sleep(run.calmMs);
  const all = await puts.stop();
  return {
    recoveredMs: endsAtMs - startsAtMs,
    latencies: {
      before: latenciesWithin(all, { fromMs: 0, toMs: startsAtMs }),
      during: latenciesWithin(all, { fromMs: startsAtMs, toMs: endsAtMs }),
      after: latenciesWithin(all, { fromMs: endsAtMs, toMs: Infinity }),
    },
  };
}

/** Rounds of both sides in turn. */
export async function runRecoveryRounds(
  run: BenchRun,
  options: {
    readonly name: string;
    readonly clusters: Sides<BenchCluster>;
    readonly missed: MissedKeys;
    readonly round: (cluster: BenchCluster, roles: Roles) => Promise<Recovery>;
  },
): Promise<RecoveryResult> {
  const { name, clusters, missed, round } = options;
  const rounds = { quorate: new Array<Recovery>(), etcd: new Array<Recovery>() };
  const repeats = new Repeats();
  for (let repetition = 0; repetition < run.repetitions; repetition++) {
    for (const side of orderOf(repetition, sideNames)) {
      run.progress(`${name}: ${side}, ${repetition + 1} of ${run.repetitions}`);
      const cluster = clusters[side];
      const measure = (roles: Roles): Promise<Recovery> => round(cluster, roles);
      rounds[side].push(await steadily(cluster, measure, () => repeats[side]++));
    }
  }
  const quorate = await sideOf(clusters.quorate, rounds.quorate);
  const etcd = await sideOf(clusters.etcd, rounds.etcd);
  const { count: keys, valueSize } = missed;
  return { keys, valueSize, putsPerSecond, repeated: { ...repeats }, sides: { quorate, etcd } };
}

async function sideOf(cluster: BenchCluster, rounds: readonly Recovery[]): Promise<RecoverySide> {
  const { leader } = await cluster.settled();
  const { dbSize } = await cluster.status(leader);
  const restarts = rounds.flatMap(({ restartedMs }) => (restartedMs === undefined ? [] : [restartedMs]));
  const phase = (name: PhaseName): PutPhase => phaseOf(rounds.flatMap(({ latencies }) => latencies[name]));
  return {
    recoveredMs: spreadOf(rounds.map(({ recoveredMs }) => recoveredMs)),
    ...(restarts.length > 0 && { restartedMs: spreadOf(restarts) }),
    storeBytes: Number(dbSize),
    phases: { before: phase('before'), during: phase('during'), after: phase('after') },
  };
}
