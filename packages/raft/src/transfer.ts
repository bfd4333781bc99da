import { invariant } from '@quorate/std';
import type { Message } from '@quorate/wire';
import type { RaftCore } from './core.ts';
import { messageType } from './messages.ts';
import { leaveJointIfDue } from './proposals.ts';
import { sendAppend, sendTimeoutNow } from './replication.ts';
import { noNode } from './types.ts';

/**
 * Hands the leadership to a voter (Raft thesis §3.10): it is brought up to date, while nothing new is proposed,
 * and then told to campaign. After an election timeout without success things go on as before.
 */
export function startTransfer(core: RaftCore, to: bigint): void {
  invariant(core.role === 'leader', 'only a leader hands over');
  const progress = core.tracker.get(to);
  if (progress === undefined || progress.learner || to === core.leadTransferee || to === core.id) return;
  core.electionElapsed = 0; // The transfer has one election timeout from now.
  core.leadTransferee = to;
  if (progress.match === core.log.lastIndex) sendTimeoutNow(core, to);
  else sendAppend(core, progress);
}

/** Things go on as before. */
export function abortTransfer(core: RaftCore): void {
  if (core.leadTransferee === noNode) return;
  core.leadTransferee = noNode;
  leaveJointIfDue(core); // It could not be proposed meanwhile.
}

/** Somebody wishes that another node leads; only the leader can arrange it. */
export function passTransferOn(core: RaftCore, message: Pick<Message, 'from'>): void {
  if (core.leader === noNode) return;
  core.send({ type: messageType.MsgTransferLeader, to: core.leader, from: message.from });
}
