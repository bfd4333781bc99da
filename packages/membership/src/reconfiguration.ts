import { NotEnoughStartedError, UnhealthyClusterError } from './errors.ts';
import { isStarted, type Member } from './member.ts';

/**
 * The checks of `--strict-reconfig-check`: a change is refused when the cluster, after it, could not form a
 * quorum with the members that are up. They look at a moment, so they belong before the proposal and never
 * into apply.
 */

/** How many of `voterCount` members must agree. */
export function quorum(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/** The cluster as the member sees it that was asked for a change. */
export interface ClusterHealth {
  readonly members: readonly Member[];
  /** How many voters are up, this member counted: connections at least 5 s old. */
  readonly connectedVoterCount: number;
}

/**
 * Before a member is added. A cluster of one may always grow, even before anything can be known of the new
 * member: that is how it gets its second one.
 *
 * @throws NotEnoughStartedError when a voter is added and the started ones alone would be no quorum
 * @throws UnhealthyClusterError when the connected ones alone would be no quorum
 */
export function checkAddition(health: ClusterHealth, { isLearner }: { readonly isLearner: boolean }): void {
  const voters = votersOf(health.members);
  const needed = quorum(voters.length + 1);
  const startedCount = voters.filter(isStarted).length;
  const isOneStarted = voters.length === 1 && startedCount === 1;
  if (!isLearner && startedCount < needed && !isOneStarted) throw new NotEnoughStartedError();
  if (voters.length > 1 && health.connectedVoterCount < needed) throw new UnhealthyClusterError();
}

/**
 * Before a member is removed. A learner may always go, and so may, when enough others are started, a voter
 * that is not connected, since it helps no quorum.
 *
 * @throws NotEnoughStartedError when the other started voters alone would be no quorum
 * @throws UnhealthyClusterError when the other connected voters alone would be no quorum
 */
export function checkRemoval(
  health: ClusterHealth,
  { id, isActive }: { readonly id: bigint; readonly isActive: boolean },
): void {
  if (health.members.some((member) => member.id === id && member.isLearner)) return;
  const voters = votersOf(health.members);
  const others = voters.filter((member) => member.id !== id);
  if (others.filter(isStarted).length < quorum(others.length)) throw new NotEnoughStartedError();
  if (isActive && health.connectedVoterCount - 1 < 1 + Math.floor((voters.length - 1) / 2)) {
    throw new UnhealthyClusterError();
  }
}

/**
 * Before a learner is promoted; it counts as started, since it has caught up with the leader.
 *
 * @throws NotEnoughStartedError when the started voters and the learner would be no quorum
 */
export function checkPromotion(members: readonly Member[]): void {
  const voters = votersOf(members);
  if (voters.filter(isStarted).length + 1 < quorum(voters.length + 1)) throw new NotEnoughStartedError();
}

function votersOf(members: readonly Member[]): Member[] {
  return members.filter((member) => !member.isLearner);
}
