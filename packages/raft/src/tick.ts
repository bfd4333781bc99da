import { invariant } from '@quorate/std';
import { campaignIfAllowed } from './election.ts';
import type { RaftCore } from './core.ts';
import { abortTransfer } from './transfer.ts';
import { noNode } from './types.ts';

/** One step of logical time. */
export function tick(core: RaftCore): void {
  if (core.role === 'leader') tickLeader(core);
  else tickOther(core);
}

function tickLeader(core: RaftCore): void {
  core.electionElapsed++;
  core.heartbeatElapsed++;
  if (core.electionElapsed >= core.settings.electionTicks) {
    core.electionElapsed = 0;
    // A leader that a quorum does not answer may have been replaced (Raft thesis §6.2).
    if (core.settings.checkQuorum && !core.tracker.takeQuorumActive()) {
      core.becomeFollower(core.term, noNode);
      return;
    }
    abortTransfer(core);
  }
  invariant(core.leader === core.id, 'who sends heartbeats leads');
  if (core.heartbeatElapsed >= core.settings.heartbeatTicks) {
    core.heartbeatElapsed = 0;
    core.heartbeatDue = core.tracker.peers.length > 0;
  }
}

function tickOther(core: RaftCore): void {
  // The time stands still at its end: a node that must not campaign yet does so as soon as it may.
  if (core.electionElapsed < core.electionTimeout) core.electionElapsed++;
  if (core.electionElapsed >= core.electionTimeout) campaignIfAllowed(core, 'silence');
}
