import { invariant } from '@quorate/std';
import type { ConfState, Snapshot } from '@quorate/wire';
import type { ConfChangeV2 } from './conf-change.ts';
import { changeConfiguration, fromConfState, toConfState } from './configuration.ts';
import type { RaftCore } from './core.ts';
import { answerConfirmedReads } from './reading.ts';
import { advanceCommit } from './replication.ts';
import { abortTransfer } from './transfer.ts';
import { noNode } from './types.ts';

/**
 * A change is applied: the configuration it leads to holds from here on.
 *
 * @throws ConfChangeError when the change cannot be made to the current configuration
 */
export function applyConfChange(core: RaftCore, change: ConfChangeV2): ConfState {
  const { tracker } = core;
  const config = changeConfiguration(tracker.config, change);
  if (config !== tracker.config) {
    tracker.adopt(config, core.log.lastIndex);
    if (core.role === 'leader') adjustLeader(core);
  }
  return toConfState(config);
}

/**
 * A snapshot is installed, and with it the configuration as of its index. Not sooner: until then the owner may
 * still be applying changes that were handed out before the snapshot came.
 */
export function installConfiguration(core: RaftCore, snapshot: Snapshot): void {
  invariant(core.role !== 'leader', 'a leader has its whole log');
  core.tracker.adopt(fromConfState(snapshot.confState), core.log.lastIndex);
}

function adjustLeader(core: RaftCore): void {
  const { self } = core.tracker;
  self?.acceptedTo(core.log.stable); // It may have come back after a removal.
  if (self === undefined || self.learner) {
    if (core.settings.stepDownOnRemoval) core.becomeFollower(core.term, noNode);
    else core.appendDue = true; // The others learn of the commit that removed it, and elect a leader in time.
    return;
  }
  const transferee = core.tracker.get(core.leadTransferee);
  if (transferee === undefined || transferee.learner) abortTransfer(core);
  // With fewer voters a smaller quorum may suffice for what is under way; who is new wants entries.
  advanceCommit(core);
  answerConfirmedReads(core);
  core.appendDue = core.tracker.peers.length > 0;
}
