import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '@quorate/std';
import type { ClusterMember } from './cluster-member.ts';
import type { ProcessCluster } from './process-cluster.ts';

/** What happens to a cluster under load; when it is over, all members are up. */
export type Fault = (context: FaultContext) => Promise<void>;

/** What a fault works with. */
export interface FaultContext {
  readonly cluster: ProcessCluster;
  readonly random: Random;
  /** Resolves when the clients had so many more writes acknowledged. */
  readonly moreWrites: (count: number) => Promise<void>;
}

/** The default of `--election-timeout`. */
const electionMs = 1_000;
/** So many entries go between two snapshots, and so many are kept for followers that lag. */
const entriesKept = 100;
/** Flags that make snapshots come often; Quorate and etcd 3.5 both know them. */
export const snapshotFlags: readonly string[] = [
  `--snapshot-count=${entriesKept}`,
  `--experimental-snapshot-catchup-entries=${entriesKept / 2}`,
];
/** How many writes those that are left must do before a member comes back. */
const writesMeanwhile = 25;

/** `kill -9` of the leader; the others elect another one and go on, and it comes back. */
async function killLeader({ cluster, moreWrites }: FaultContext): Promise<void> {
  await killAndBack(await cluster.leader(), moreWrites);
}

/** `kill -9` of a follower. */
async function killFollower({ cluster, moreWrites }: FaultContext): Promise<void> {
  await killAndBack(await cluster.follower(), moreWrites);
}

/** `kill -9` of all members at once. */
async function killAll({ cluster }: FaultContext): Promise<void> {
  await Promise.all(cluster.members.map((member) => member.kill()));
  await Promise.all(cluster.members.map((member) => member.start()));
}

/** `kill -9` of as many members at once as the others can do without, the leader among them. */
async function killMinority({ cluster, moreWrites }: FaultContext): Promise<void> {
  const leader = await cluster.leader();
  const others = cluster.members.filter((member) => member !== leader);
  const killed = [leader, ...others].slice(0, Math.floor((cluster.members.length - 1) / 2));
  await Promise.all(killed.map((member) => member.kill()));
  await moreWrites(writesMeanwhile);
  await Promise.all(killed.map((member) => member.start()));
}

/** SIGSTOP of the leader for several election time-outs: it must not serve what is old when it wakes up. */
async function pauseLeader({ cluster, random, moreWrites }: FaultContext): Promise<void> {
  const leader = await cluster.leader();
  leader.pause();
  try {
    await Promise.all([pause(electionMs * (3 + random.below(2))), moreWrites(writesMeanwhile)]);
  } finally {
    leader.resume();
  }
  await moreWrites(writesMeanwhile);
}

/** Every member once: SIGTERM, wait for its end, start. */
async function rollingRestart({ cluster, moreWrites }: FaultContext): Promise<void> {
  for (const member of cluster.members) {
    await member.stop();
    await moreWrites(writesMeanwhile);
    await member.start();
    await moreWrites(writesMeanwhile);
  }
}

/**
 * A follower is down while so much is written that the leader has no entries left for it. Where the cluster was
 * started with `snapshotFlags`, and no snapshot was sent in the last half minute, only a snapshot can help it.
 */
async function leaveFarBehind({ cluster, moreWrites }: FaultContext): Promise<void> {
  const follower = await cluster.follower();
  await follower.kill();
  await moreWrites(entriesKept * 2);
  await follower.start();
  await moreWrites(writesMeanwhile);
}

/** A follower loses its disk: it is removed, and a new member with its ports comes in its place. */
async function replaceMember({ cluster, moreWrites }: FaultContext): Promise<void> {
  const leader = await cluster.leader();
  const etcds = cluster.members.filter(({ kind }) => kind === 'etcd');
  // When the last etcd 3.5 leaves, the version of the cluster becomes 3.6, and no etcd 3.5 may join it any more.
  const isLast = (member: ClusterMember) => etcds.length === 1 && etcds[0] === member;
  const follower = cluster.members.find((member) => member !== leader && !isLast(member))!;
  await follower.kill();
  await follower.wipe();
  await cluster.remove(follower);
  await moreWrites(writesMeanwhile);
  await cluster.rejoin(follower);
  await moreWrites(writesMeanwhile);
}

/** SIGTERM of the leader, which hands over before it ends. */
async function stopLeader({ cluster, moreWrites }: FaultContext): Promise<void> {
  const leader = await cluster.leader();
  await leader.stop();
  await moreWrites(writesMeanwhile);
  await leader.start();
}

/** Two members come, as learners that are promoted, and two others go: a follower, and the leader. */
async function growAndShrink({ cluster, moreWrites }: FaultContext): Promise<void> {
  const before = cluster.members;
  const { kind } = await cluster.leader();
  for (let added = 0; added < 2; added++) {
    const member = await cluster.add(kind, { isLearner: true });
    await moreWrites(writesMeanwhile);
    await cluster.promote(member);
    await moreWrites(writesMeanwhile);
  }
  const leader = await cluster.leader();
  const follower = before.find((member) => member !== leader)!;
  for (const member of [follower, leader]) {
    const { exited } = member;
    await cluster.remove(member);
    await moreWrites(writesMeanwhile);
    const code = await exited;
    if (member.kind === 'quorate' && code !== 0)
      throw new Error(`${member.name} was removed and ended with ${code}`);
  }
}

/** All faults by name. */
export const faults = {
  killLeader,
  killFollower,
  killAll,
  killMinority,
  pauseLeader,
  rollingRestart,
  leaveFarBehind,
  stopLeader,
  replaceMember,
  growAndShrink,
} as const satisfies Record<string, Fault>;

/** The name of a fault. */
export type FaultName = keyof typeof faults;

/** All names of faults. */
// The keys of `faults` are what they are.
export const faultNames = Object.keys(faults) as readonly FaultName[];

async function killAndBack(member: ClusterMember, moreWrites: FaultContext['moreWrites']): Promise<void> {
  await member.kill();
  await moreWrites(writesMeanwhile);
  await member.start();
}
