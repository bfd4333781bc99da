import { invariant } from '@quorate/std';
import type { Message, Snapshot } from '@quorate/wire';
import type { RaftCore } from './core.ts';
import { messageType } from './messages.ts';

/** Entries from the leader of this term. */
export function handleAppend(core: RaftCore, message: Message): void {
  invariant(core.role === 'follower', 'only a follower takes entries');
  invariant(message.term === core.term, 'only the leader of this term gives entries');
  const { log } = core;
  // An append from before what is committed is late: all of that is here already.
  if (message.index < log.committed) return acknowledge(core, message.from, log.committed);
  if (!log.matches(message.index, message.logTerm)) return refuse(core, message);
  const { entries } = message;
  const news = log.findNews(entries);
  // What is new comes after what is committed: these entries follow one that is not before it.
  if (news >= 0) log.overwrite(entries, news);
  const last = message.index + entries.length;
  // Beyond `last` this log may still hold entries that the leader does not (Raft thesis §3.5).
  log.commitTo(Math.min(message.commit, last));
  acknowledge(core, message.from, last);
}

/** The leader of this term lives, and tells what is committed of that which it knows to be here. */
export function handleHeartbeat(core: RaftCore, message: Message): void {
  if (message.commit <= core.log.lastIndex) core.log.commitTo(message.commit);
  else core.ignoredMessageCount++;
  core.send({ type: messageType.MsgHeartbeatResp, to: message.from, context: message.context });
}

/** The leader sends its state, since it has the entries no more. */
export function handleSnapshot(core: RaftCore, message: Message & { readonly snapshot: Snapshot }): void {
  const { snapshot } = message;
  invariant(core.role === 'follower', 'only a follower takes a snapshot');
  acknowledge(core, message.from, restore(core, snapshot) ? core.log.lastIndex : core.log.committed);
}

/** Says whether the snapshot took the place of the log. */
function restore(core: RaftCore, snapshot: Snapshot): boolean {
  const { log } = core;
  if (snapshot.index <= log.committed) return false;
  if (log.matches(snapshot.index, snapshot.term)) {
    // All it holds is in the log already: no need to install it.
    log.commitTo(snapshot.index);
    return false;
  }
  const { voters, learners, votersOutgoing } = snapshot.confState;
  if (![voters, learners, votersOutgoing].some((ids) => ids.includes(core.id))) {
    core.ignoredMessageCount++; // A leader sends its snapshot to members only.
    return false;
  }
  log.restore(snapshot);
  return true;
}

function acknowledge(core: RaftCore, to: bigint, index: number): void {
  core.send({ type: messageType.MsgAppResp, to, index });
}

/** Says where the logs may agree, so that the leader needs one probe a term rather than one an entry. */
function refuse(core: RaftCore, message: Message): void {
  const hint = core.log.findConflictByTerm(message.index, message.logTerm);
  core.send({
    ...{ type: messageType.MsgAppResp, to: message.from, index: message.index },
    ...{ reject: true, rejectHint: hint.index, logTerm: hint.term ?? 0 },
  });
}
