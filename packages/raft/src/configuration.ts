import { invariant } from '@quorate/std';
import type { ConfState } from '@quorate/wire';
import { changesNobody, entersJoint, leavesJoint } from './conf-change.ts';
import type { ConfChangeSingle, ConfChangeV2 } from './conf-change.ts';
import { ConfChangeError } from './errors.ts';

/**
 * Who takes part. While `votersOutgoing` is not empty the configuration is joint: every decision needs a
 * majority of `voters` (the incoming half) and one of `votersOutgoing` (Raft thesis §4.3).
 *
 * Invariant: learners are no voters of either half; `learnersNext`, who are to become learners when the joint
 * configuration is left, still vote in the outgoing half and not in the incoming one.
 */
export interface Configuration {
  readonly voters: ReadonlySet<bigint>;
  readonly votersOutgoing: ReadonlySet<bigint>;
  readonly learners: ReadonlySet<bigint>;
  readonly learnersNext: ReadonlySet<bigint>;
  /** The leader leaves the joint configuration by itself, as soon as it was applied. */
  readonly autoLeave: boolean;
}

/** The configuration that a ConfState describes. @throws ConfChangeError when it cannot be one */
export function fromConfState(state: ConfState): Configuration {
  const config: Configuration = {
    voters: new Set(state.voters),
    votersOutgoing: new Set(state.votersOutgoing),
    learners: new Set(state.learners),
    learnersNext: new Set(state.learnersNext),
    autoLeave: state.autoLeave,
  };
  const fault = faultOf(config);
  if (fault !== undefined) throw new ConfChangeError(fault);
  return config;
}

/** The configuration as it is stored and sent, IDs in ascending order. */
export function toConfState(config: Configuration): ConfState {
  return {
    voters: sorted(config.voters),
    learners: sorted(config.learners),
    votersOutgoing: sorted(config.votersOutgoing),
    learnersNext: sorted(config.learnersNext),
    autoLeave: config.autoLeave,
  };
}

/** Whether two majorities are needed. */
export function isJoint(config: Configuration): boolean {
  return config.votersOutgoing.size > 0;
}

/** Everybody who votes in one half or the other, in ascending order. */
export function votersOf(config: Configuration): bigint[] {
  return sorted(config.voters.union(config.votersOutgoing));
}

/** Everybody who gets entries, in ascending order. `learnersNext` are among the outgoing voters. */
export function membersOf(config: Configuration): bigint[] {
  return sorted(config.voters.union(config.votersOutgoing).union(config.learners));
}

/**
 * The configuration after a change. An empty change leaves a joint configuration and does nothing to another.
 *
 * @throws ConfChangeError when the change cannot be made: it comes in the middle of another one, or leaves
 *   nobody to vote
 */
export function changeConfiguration(config: Configuration, change: ConfChangeV2): Configuration {
  if (changesNobody(change)) return config;
  if (leavesJoint(change)) return isJoint(config) ? leaveJoint(config) : config;
  if (isJoint(config)) throw new ConfChangeError('the configuration is joint: it has to be left first');
  const next = entersJoint(change) ? enterJoint(config, change) : changeSimply(config, change);
  const fault = faultOf(next);
  invariant(fault === undefined, 'a change must lead to a configuration that can be');
  return next;
}

/** What is wrong with a configuration, if anything. One without any member is that of a node not yet told. */
export function faultOf(config: Configuration): string | undefined {
  const { voters, votersOutgoing, learners, learnersNext } = config;
  if (voters.has(0n) || votersOutgoing.has(0n) || learners.has(0n)) return 'a member has the ID of nobody';
  for (const id of learners) {
    if (voters.has(id) || votersOutgoing.has(id)) return 'a learner is a voter too';
  }
  for (const id of learnersNext) {
    if (!votersOutgoing.has(id)) return 'a learner to be does not vote in the outgoing half';
    if (voters.has(id)) return 'a learner to be still votes in the incoming half';
  }
  if (config.autoLeave && votersOutgoing.size === 0) return 'what is not joint cannot be left';
  const anybody = votersOutgoing.size + learners.size > 0;
  return anybody && voters.size === 0 ? 'nobody votes' : undefined;
}

function changeSimply(config: Configuration, change: ConfChangeV2): Configuration {
  const next = withChanges(config, change.changes);
  // Two majorities of sets that differ by one member overlap; by two, they need not (§4.1).
  const alteredCount = config.voters.symmetricDifference(next.voters).size;
  invariant(alteredCount <= 1, 'a simple change alters one voter at most');
  return next;
}

function enterJoint(config: Configuration, change: ConfChangeV2): Configuration {
  if (config.voters.size === 0)
    throw new ConfChangeError('a configuration without voters cannot become joint');
  const joint = {
    ...config,
    votersOutgoing: config.voters,
    autoLeave: change.transition !== 'jointExplicit',
  };
  return withChanges(joint, change.changes);
}

function leaveJoint(config: Configuration): Configuration {
  return {
    voters: config.voters,
    votersOutgoing: new Set(),
    learners: config.learners.union(config.learnersNext),
    learnersNext: new Set(),
    autoLeave: false,
  };
}

function withChanges(config: Configuration, changes: readonly ConfChangeSingle[]): Configuration {
  const voters = new Set(config.voters);
  const learners = new Set(config.learners);
  const learnersNext = new Set(config.learnersNext);
  for (const { type, nodeId } of changes) {
    if (nodeId === 0n || type === 'updateNode') continue;
    const isNewLearner = type === 'addLearner' && !learners.has(nodeId);
    if (type === 'addLearner' && !isNewLearner) continue;
    voters.delete(nodeId);
    learners.delete(nodeId);
    learnersNext.delete(nodeId);
    if (type === 'addNode') voters.add(nodeId);
    // A voter of the outgoing half votes until the joint configuration is left, and learns from then on.
    if (isNewLearner) (config.votersOutgoing.has(nodeId) ? learnersNext : learners).add(nodeId);
  }
  if (voters.size === 0) throw new ConfChangeError('a change must leave somebody to vote');
  return { ...config, voters, learners, learnersNext };
}

function sorted(ids: ReadonlySet<bigint>): bigint[] {
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}
