import { emptyBytes, invariant } from '@quorate/std';
import type { Entry, EntryType, Message } from '@quorate/wire';
import { decodeConfChange, encodeConfChangeV2, leavesJoint } from './conf-change.ts';
import { changeConfiguration, isJoint } from './configuration.ts';
import type { RaftCore } from './core.ts';
import { messageType } from './messages.ts';
import { noNode } from './types.ts';

/** A batch of normal entries, proposed at this node. Says whether it goes on its way. */
export function propose(core: RaftCore, datas: readonly Uint8Array[]): boolean {
  if (core.role !== 'leader') {
    return passOn(
      core,
      datas.map((data) => ({ term: 0, index: 0, type: 0, data })),
    );
  }
  let size = 0;
  for (let i = 0; i < datas.length; i++) size += datas[i]!.length;
  if (!admits(core, size)) return false;
  for (let i = 0; i < datas.length; i++) core.log.append(core.term, 0, datas[i]!);
  core.uncommittedSize += size;
  core.appendDue = core.tracker.peers.length > 0;
  return true;
}

/** A configuration change, proposed at this node. Says whether it goes on its way. */
export function proposeConfChange(core: RaftCore, type: 1 | 2, data: Uint8Array): boolean {
  if (core.role !== 'leader') return passOn(core, [{ term: 0, index: 0, type, data }]);
  if (!admits(core, data.length) || !admitsConfChange(core, { type, data })) return false;
  appendEntry(core, type, data);
  return true;
}

/** Proposals that another node passed on. */
export function handleProposal(core: RaftCore, message: Message): void {
  if (core.role !== 'leader') {
    if (core.leader !== message.from) passOn(core, message.entries, message.from);
    return;
  }
  let size = 0;
  for (const entry of message.entries) size += entry.data.length;
  if (!admits(core, size)) return;
  for (const { type, data } of message.entries) {
    // A change that cannot be taken becomes an empty entry, as etcd has it.
    if (type === 0 || admitsConfChange(core, { type, data })) appendEntry(core, type, data);
    else appendEntry(core, 0, emptyBytes);
  }
}

/** The first entry of a new leader: with it everything before is committed (Raft thesis §6.4). */
export function appendFirstOfTerm(core: RaftCore): void {
  appendEntry(core, 0, emptyBytes);
}

/** A joint configuration that is applied is left without being asked, if it was entered so (§4.3). */
export function leaveJointIfDue(core: RaftCore): void {
  if (core.role !== 'leader' || !core.tracker.config.autoLeave) return;
  if (core.log.applied < core.pendingConfIndex || !admits(core, 0)) return;
  appendEntry(core, 2, encodeConfChangeV2({ transition: 'auto', changes: [] }));
}

/**
 * Whether this leader takes entries of that size now: not when it was removed itself, nor while it hands over,
 * nor beyond the limit of what may be uncommitted. Entries without data always fit.
 */
function admits(core: RaftCore, size: number): boolean {
  if (core.tracker.self === undefined || core.leadTransferee !== noNode) return false;
  const isOver = core.uncommittedSize + size > core.settings.maxUncommittedSize;
  return size === 0 || core.uncommittedSize === 0 || !isOver;
}

/**
 * One change at a time: the next only when the last is applied here (§4.1). A change that would fail is
 * refused before it is in the log, where nobody could get past it.
 */
function admitsConfChange(core: RaftCore, entry: Pick<Entry, 'type' | 'data'>): boolean {
  if (core.pendingConfIndex > core.log.applied) return false;
  const { config } = core.tracker;
  try {
    const change = decodeConfChange(entry);
    if (leavesJoint(change) !== isJoint(config)) return false;
    changeConfiguration(config, change);
    return true;
  } catch {
    return false; // No change, or one that cannot be made: nothing else is thrown there.
  }
}

function appendEntry(core: RaftCore, type: EntryType, data: Uint8Array): void {
  invariant(core.role === 'leader', 'only a leader adds to the log by itself');
  const index = core.log.append(core.term, type, data);
  if (type !== 0) core.pendingConfIndex = index;
  core.uncommittedSize += data.length;
  core.appendDue = core.tracker.peers.length > 0;
}

/** Hands proposals to the leader, if one is known. */
function passOn(core: RaftCore, entries: readonly Entry[], from = core.id): boolean {
  if (core.leader === noNode || entries.length === 0) return false;
  core.send({ type: messageType.MsgProp, to: core.leader, from, entries });
  return true;
}
