import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom, type Random } from '@quorate/std';
import { startWatches } from '../cluster/cluster-rounds.ts';
import type { LoadTarget } from '../cluster/judged.ts';
import { ClusterLoad } from '../cluster/load.ts';
import { verify, type Verified } from '../cluster/verify.ts';
import type { ContainerCluster } from './container-cluster.ts';
import type { ContainerMember } from './container-member.ts';

/** What faults work with. */
export interface FaultContext {
  readonly cluster: ContainerCluster;
  readonly random: Random;
  /** Resolves when the clients had so many more writes acknowledged. */
  readonly moreWrites: (count: number) => Promise<void>;
}

/** What happens to a cluster under load; when it is over, everything runs and is connected. */
export type Fault = (context: FaultContext) => Promise<void>;

/** The default of `--election-timeout`. */
export const electionMs = 1_000;
/** How many writes those that are left must do before what is missing comes back. */
const writesMeanwhile = 25;

/** SIGKILL of the leader; the others elect another one and go on, and it comes back. */
async function killLeader(context: FaultContext): Promise<void> {
  await killAndBack(await context.cluster.leader(), context);
}

/** SIGKILL of a follower. */
async function killFollower(context: FaultContext): Promise<void> {
  await killAndBack(await context.cluster.follower(), context);
}

/** SIGKILL of all members at once. */
async function killAll({ cluster }: FaultContext): Promise<void> {
  await Promise.all(cluster.members.map((member) => member.kill()));
  await Promise.all(cluster.members.map((member) => member.start()));
}

/** The leader is frozen for several election time-outs: it must not serve what is old when it wakes up. */
async function pauseLeader({ cluster, random, moreWrites }: FaultContext): Promise<void> {
  const leader = await cluster.leader();
  await leader.pause();
  try {
    await Promise.all([pause(electionMs * (2 + random.below(2))), moreWrites(writesMeanwhile)]);
  } finally {
    await leader.unpause();
  }
  await moreWrites(writesMeanwhile);
}

/** The leader loses its networks, clients and all, and gets them back. */
async function disconnectLeader(context: FaultContext): Promise<void> {
  await cutOff(await context.cluster.leader(), { keepsClients: false }, context);
}

/** A follower loses its networks, and gets them back. */
async function disconnectFollower(context: FaultContext): Promise<void> {
  await cutOff(await context.cluster.follower(), { keepsClients: false }, context);
}

/** The other members are gone from the leader's network, and its clients are not: nothing that it says may be old. */
async function isolateLeader(context: FaultContext): Promise<void> {
  await cutOff(await context.cluster.leader(), { keepsClients: true }, context);
}

/** Each member is alone, with its clients: nobody leads, and nothing is acknowledged until they are together again. */
async function scatter({ cluster, random, moreWrites }: FaultContext): Promise<void> {
  for (const member of cluster.members) await member.isolate({ keepsClients: true });
  try {
    await pause(electionMs * (1 + random.below(3)));
  } finally {
    for (const member of cluster.members) await member.rejoin();
  }
  await moreWrites(writesMeanwhile);
}

/** Every member once: SIGTERM, wait for its end, start. */
async function rollingRestart({ cluster, moreWrites }: FaultContext): Promise<void> {
  for (const member of cluster.members) {
    const code = await member.stop();
    if (code !== 0) throw new Error(`${member.name} was stopped and ended with ${code}`);
    await moreWrites(writesMeanwhile);
    await member.start();
    await cluster.untilServing(member);
  }
}

/** All faults by name. */
export const faults = {
  killLeader,
  killFollower,
  killAll,
  pauseLeader,
  disconnectLeader,
  disconnectFollower,
  isolateLeader,
  scatter,
  rollingRestart,
} as const satisfies Record<string, Fault>;

/** The name of a fault. */
export type FaultName = keyof typeof faults;

/** All names of faults. */
// The keys of `faults` are what they are.
export const faultNames = Object.keys(faults) as readonly FaultName[];

/** How a load goes on while faults happen. */
export interface UnderLoadOptions {
  readonly seed: number;
  /** Whom clients speak with. Default the members. */
  readonly targets?: readonly LoadTarget[];
}

/**
 * Does something to a cluster while clients read, write and watch, and then judges all that they saw.
 *
 * @throws Error that shows what is wrong
 */
export async function underLoad(
  cluster: ContainerCluster,
  { seed, targets = cluster.members }: UnderLoadOptions,
  act: Fault,
): Promise<Verified> {
  const load = new ClusterLoad({ members: () => targets, seed });
  const watches = startWatches(() => cluster.members);
  const moreWrites = (count: number) => load.moreWrites(count);
  await moreWrites(writesMeanwhile);
  await act({ cluster, random: new SeededRandom(seed), moreWrites });
  await moreWrites(writesMeanwhile);
  return verify(cluster, load, watches);
}

async function killAndBack(member: ContainerMember, { cluster, moreWrites }: FaultContext): Promise<void> {
  await member.kill();
  await moreWrites(writesMeanwhile);
  await member.start();
  await cluster.untilServing(member);
}

async function cutOff(
  member: ContainerMember,
  options: { readonly keepsClients: boolean },
  { cluster, random, moreWrites }: FaultContext,
): Promise<void> {
  await member.isolate(options);
  try {
    // Long enough that the others elect a leader, and a leader without them finds out that it is none.
    await Promise.all([pause(electionMs * (2 + random.below(2))), moreWrites(writesMeanwhile)]);
  } finally {
    await member.rejoin();
  }
  await cluster.untilServing(member);
}
