import { invariant } from '@quorate/std';
import type { Message } from '@quorate/wire';
import type { RaftCore } from './core.ts';
import { messageType } from './messages.ts';
import type { PendingRead } from './read-queue.ts';
import { noNode } from './types.ts';

/** A read arrives at the leader, its own or one that a follower passed on. */
export function askLeader(core: RaftCore, read: PendingRead): void {
  invariant(core.role === 'leader', 'only a leader can confirm that it leads');
  const { log, reads } = core;
  // Until an entry of its own term is committed a leader may not know all that is (Raft thesis §6.4).
  const knowsCommits = log.termAt(log.committed) === core.term;
  if (knowsCommits && core.tracker.isSingleVoter) return answer(core, read, log.committed);
  if (reads.full) return; // Dropped: who asked asks again.
  if (!knowsCommits) return reads.wait(read);
  reads.begin(read, log.committed);
  core.heartbeatDue = true;
}

/** A read arrives at a node that does not lead: it goes to the leader, if one is known. */
export function passToLeader(core: RaftCore, read: PendingRead): void {
  if (core.leader === noNode || core.leader === read.from) return;
  core.send({
    ...{ type: messageType.MsgReadIndex, to: core.leader, from: read.from },
    entries: [{ term: 0, index: 0, type: 0, data: read.context }],
  });
}

/** The leader answered a read of this node. */
export function takeAnswer(core: RaftCore, message: Message): void {
  const entry = message.entries[0];
  if (message.entries.length !== 1 || entry === undefined || message.from !== core.leader) {
    core.ignoredMessageCount++;
    return;
  }
  core.readStates.push({ index: message.index, context: entry.data });
}

/** After the first commit of the term: the reads that came before it start now. */
export function answerWaitingReads(core: RaftCore): void {
  for (const read of core.reads.takeWaiting()) askLeader(core, read);
}

/** Answers the reads whose round a quorum has acknowledged. */
export function answerConfirmedReads(core: RaftCore): void {
  if (core.reads.count === 0) return;
  const self = core.tracker.self;
  if (self !== undefined) self.readPosition = core.reads.position;
  for (const round of core.reads.takeConfirmed(core.tracker.quorumReadPosition())) {
    answer(core, round, round.index);
  }
}

function answer(core: RaftCore, read: PendingRead, index: number): void {
  invariant(index <= core.log.committed, 'a read sees only what is committed');
  if (read.from === core.id) {
    core.readStates.push({ index, context: read.context });
    return;
  }
  core.send({
    ...{ type: messageType.MsgReadIndexResp, to: read.from, index },
    entries: [{ term: 0, index: 0, type: 0, data: read.context }],
  });
}
