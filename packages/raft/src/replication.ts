import { invariant } from '@quorate/std';
import type { Message } from '@quorate/wire';
import type { RaftCore } from './core.ts';
import { entrySize } from './log.ts';
import { messageType } from './messages.ts';
import type { Progress } from './progress.ts';
import { answerConfirmedReads, answerWaitingReads } from './reading.ts';
import { decodePosition } from './read-queue.ts';
import { noNode } from './types.ts';

/** Sends what the turn made due: one round of appends and one of heartbeats, whatever the number of causes. */
export function flush(core: RaftCore): void {
  if (core.appendDue) {
    core.appendDue = false;
    for (const progress of core.tracker.peers) sendNews(core, progress);
  }
  if (core.heartbeatDue) {
    core.heartbeatDue = false;
    for (const progress of core.tracker.peers) sendHeartbeat(core, progress);
  }
}

/** A follower took or refused an append. */
export function handleAppendResponse(core: RaftCore, progress: Progress, message: Message): void {
  progress.recentActive = true;
  if (message.reject) handleRejection(core, progress, message);
  else if (message.index <= core.log.lastIndex) handleAcceptance(core, progress, message.index);
  else core.ignoredMessageCount++; // Nobody has more of this leader's log than it has itself.
}

/** A follower answered a heartbeat. */
export function handleHeartbeatResponse(core: RaftCore, progress: Progress, message: Message): void {
  progress.recentActive = true;
  progress.flowPaused = false;
  // An append may have been lost, or its answer: an empty one at the end of the window brings out which.
  if (progress.match < core.log.lastIndex || progress.state === 'probe') sendAppend(core, progress);
  const position = decodePosition(message.context);
  if (position === 0 || position > core.reads.position) return;
  progress.readPosition = Math.max(progress.readPosition, position);
  answerConfirmedReads(core);
}

/** The transport could not reach a follower: what is under way to it may be lost. */
export function handleUnreachable(progress: Progress): void {
  if (progress.state === 'replicate') progress.becomeProbe();
}

/** The transport is done with a snapshot. Its receiver's next sign of life tells what to send then. */
export function handleSnapshotReport(progress: Progress, ok: boolean): void {
  if (progress.state !== 'snapshot') return;
  if (!ok) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  progress.flowPaused = true;
}

/** This node's own entries up to `log.stable` are on its disk: they count from now on. */
export function acknowledgeOwnEntries(core: RaftCore): void {
  const self = core.tracker.self;
  if (self !== undefined && self.acceptedTo(core.log.stable)) advanceCommit(core);
}

/** Commits what a quorum has, if that is news; says whether it was. */
export function advanceCommit(core: RaftCore): boolean {
  invariant(core.role === 'leader', 'only a leader commits by counting');
  const index = core.tracker.quorumMatch();
  // Only entries of the leader's own term commit by counting replicas; older ones commit with them (Raft
  // thesis §3.6.2, figure 3.7).
  if (index <= core.log.committed || core.log.termAt(index) !== core.term) return false;
  const before = core.log.committed;
  core.log.commitTo(index);
  releaseUncommitted(core, before);
  core.appendDue = core.tracker.peers.length > 0;
  answerWaitingReads(core);
  return true;
}

/** Tells the transferee to campaign at once (§3.10). */
export function sendTimeoutNow(core: RaftCore, to: bigint): void {
  core.send({ type: messageType.MsgTimeoutNow, to });
}

/** One append, even an empty one, if the follower may be sent anything. */
export function sendAppend(core: RaftCore, progress: Progress): boolean {
  return trySend(core, progress, true);
}

/** What a follower lacks: entries as long as its window has room, or the news of a commit. */
function sendNews(core: RaftCore, progress: Progress): void {
  let sent = false;
  while (trySend(core, progress, false)) sent = true;
  const toldAll = progress.sentCommit >= Math.min(core.log.committed, progress.next - 1);
  if (!sent && !toldAll) trySend(core, progress, true);
}

function trySend(core: RaftCore, progress: Progress, evenEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log, settings } = core;
  const previous = progress.next - 1;
  const previousTerm = log.termAt(previous);
  if (previousTerm === undefined) return sendSnapshot(core, progress);
  const room = progress.state !== 'replicate' || !progress.inflights.full;
  const entries = log.slice(progress.next, settings.maxSizePerMessage, room ? log.lastIndex : 0);
  if (entries.length === 0 && !evenEmpty) return false;
  core.send({
    ...{ type: messageType.MsgApp, to: progress.id },
    ...{ index: previous, logTerm: previousTerm, entries, commit: log.committed },
  });
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  progress.sentAppend(entries.length, size);
  progress.sentCommit = log.committed;
  return true;
}

/** To a follower that needs entries which are gone. Nothing is sent to one that gives no sign of life. */
function sendSnapshot(core: RaftCore, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const snapshot = core.settings.takeSnapshot();
  if (snapshot === undefined) return false;
  invariant(snapshot.index >= core.log.snapshotIndex, 'a snapshot reaches up to the log');
  invariant(snapshot.index <= core.log.applied, 'a snapshot holds only what was applied');
  invariant(snapshot.term === core.log.termAt(snapshot.index), 'a snapshot has the term of its last entry');
  progress.becomeSnapshot(snapshot.index);
  core.send({ type: messageType.MsgSnap, to: progress.id, snapshot });
  return true;
}

/** Never tells of a commit beyond what the follower is known to have. */
function sendHeartbeat(core: RaftCore, progress: Progress): void {
  const context = core.reads.heartbeatContext;
  core.send({
    ...{ type: messageType.MsgHeartbeat, to: progress.id },
    commit: Math.min(progress.match, core.log.committed),
    ...(context !== undefined && { context }),
  });
}

function handleRejection(core: RaftCore, progress: Progress, message: Message): void {
  // The follower has an entry of term `logTerm` at the hint; no entry of ours above that term can agree.
  const hint =
    message.logTerm > 0
      ? core.log.findConflictByTerm(message.rejectHint, message.logTerm).index
      : message.rejectHint;
  if (!progress.rejectedAt(message.index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  sendAppend(core, progress);
}

function handleAcceptance(core: RaftCore, progress: Progress, index: number): void {
  const isNews = progress.acceptedTo(index);
  if (!isNews && !(progress.state === 'probe' && progress.match === index)) return;
  openPipeline(core, progress, index);
  // A new commit is told to all once the turn is over; else there may be room for more to this one.
  if (!advanceCommit(core)) sendNews(core, progress);
  const isTransferee = progress.id === core.leadTransferee && core.leadTransferee !== noNode;
  if (isTransferee && progress.match === core.log.lastIndex) sendTimeoutNow(core, progress.id);
}

function openPipeline(core: RaftCore, progress: Progress, index: number): void {
  switch (progress.state) {
    case 'probe':
      progress.becomeReplicate();
      return;
    case 'replicate':
      progress.inflights.freeTo(index);
      return;
    case 'snapshot':
      // What it has reaches up to our log again, through this snapshot or another.
      if (progress.match + 1 >= core.log.firstIndex) progress.becomeReplicate();
  }
}

function releaseUncommitted(core: RaftCore, before: number): void {
  if (core.settings.maxUncommittedSize === Infinity || core.uncommittedSize === 0) return;
  for (const entry of core.log.slice(before + 1, Infinity, core.log.committed)) {
    core.uncommittedSize = Math.max(0, core.uncommittedSize - entry.data.length);
  }
}
