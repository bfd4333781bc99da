import type { Crew } from './crew.ts';
import type { Judge } from './judge.ts';
import { SimulationError } from './timeline.ts';
import type { World } from './world.ts';

/** When faults are over, members have so much time to agree on everything. */
const convergenceMs = 60_000;

/** Ends all faults at once: links, disks and processes are well from now on. */
export function makePeace(world: World): void {
  world.timeline.trace.note('faults are over');
  world.network.heal();
  world.snapshots = { breaks: 0, stalls: 0, stallMs: 0 };
  for (const machine of world.machines) {
    machine.troubles.heal();
    machine.crashPlan = undefined;
    machine.resume();
  }
}

/**
 * Waits in peace until every member is back, follows one leader, and has applied all of its log; then compares
 * their states. Returns the revision they agree on.
 *
 * @throws SimulationError when it takes too long; SafetyViolation when they differ
 */
export async function converge(world: World, crew: Crew, judge: Judge): Promise<number> {
  const { timeline } = world;
  const deadlineMs = timeline.nowMs + convergenceMs;
  while (!isConverged(crew)) {
    if (timeline.nowMs > deadlineMs)
      throw new SimulationError(`no convergence after ${convergenceMs} ms of peace:${describe(world)}`);
    await timeline.sleep(100);
    crew.startAll();
    await crew.tidyUp();
  }
  for (const machine of crew.members) judge.checkThoroughly(machine);
  return crew.leader()!.replica!.state.store.currentRevision;
}

function isConverged(crew: Crew): boolean {
  const leader = crew.leader()?.replica;
  if (leader === undefined || crew.isBusy) return false;
  const { members } = crew;
  if (members.length !== leader.state.membership.list().length) return false;
  const { commit, lastIndex, applied } = leader.raftStatus;
  // Something of its own term is committed, so nothing of an older one is open.
  if (commit !== lastIndex || applied !== commit || leader.raft.termAt(commit) !== leader.raft.term)
    return false;
  return members.every(({ replica }) => replica?.hasLeader === true && replica.raftStatus.applied === commit);
}

function describe(world: World): string {
  const lines = world.machines.map(({ name, state, replica, isPaused }) => {
    if (replica === undefined) return `${name} ${state}`;
    const { role, term, leader, commit, applied, lastIndex, confState } = replica.raftStatus;
    const { voters, learners } = confState;
    return (
      `${name} ${state}${isPaused ? ' paused' : ''} ${replica.id} ${role} term=${term} leader=${leader} ` +
      `commit=${commit} applied=${applied} last=${lastIndex} voters=${voters.join()} learners=${learners.join()}`
    );
  });
  return `\n${lines.join('\n')}`;
}
