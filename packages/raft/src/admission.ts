import type { Entry, Message, Snapshot } from '@quorate/wire';
import { faultOf, fromConfState } from './configuration.ts';
import { isLocal, isTermless, messageType } from './messages.ts';
import { noNode } from './types.ts';

/** Beyond every term and index there will ever be, and far enough from 2^53 to count on. */
const countMax = 2 ** 52;

/**
 * Whether a message makes sense at all, whatever state its receiver is in. A node of ours or etcd's sends no
 * other; one that does not is passed over, since acting on it could break an invariant here.
 */
export function isSensible(message: Message, ownId: bigint): boolean {
  const { type, from, term } = message;
  if (message.to !== ownId || isLocal(type)) return false;
  if (!isCount(term) || !isCount(message.index) || !isCount(message.logTerm)) return false;
  if (!isCount(message.commit) || !isCount(message.rejectHint)) return false;
  if (from === noNode) return false;
  // These name who asked first: a request may come back to where it started.
  if (isTermless(type)) return term === 0 && isRequestSensible(message);
  if (type === messageType.MsgTransferLeader) return true;
  if (term === 0 || from === ownId) return false;
  if (type === messageType.MsgApp) return isAppendSensible(message);
  if (type === messageType.MsgSnap) {
    return message.snapshot !== undefined && isSnapshotSensible(message.snapshot, term);
  }
  return type >= 0 && type <= messageType.MsgPreVoteResp;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= countMax;
}

function isEntryTypeKnown(entry: Entry): boolean {
  return entry.type === 0 || entry.type === 1 || entry.type === 2;
}

function isRequestSensible({ type, entries }: Message): boolean {
  if (type === messageType.MsgReadIndex) return entries.length === 1;
  return entries.length > 0 && entries.every(isEntryTypeKnown);
}

/** Entries follow the one they are said to follow, and their terms lie between its and the leader's. */
function isAppendSensible({ index, logTerm, term, entries }: Message): boolean {
  let last = logTerm;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.index !== index + 1 + i || entry.term < last || !isEntryTypeKnown(entry)) return false;
    last = entry.term;
  }
  if (entries.length > 0 && entries[0]!.term === 0) return false;
  return last <= term && (logTerm === 0) === (index === 0);
}

function isSnapshotSensible(snapshot: Snapshot, term: number): boolean {
  if (!isCount(snapshot.index) || snapshot.index === 0) return false;
  if (!isCount(snapshot.term) || snapshot.term === 0 || snapshot.term > term) return false;
  try {
    const config = fromConfState(snapshot.confState);
    return config.voters.size > 0 && faultOf(config) === undefined;
  } catch {
    return false; // No configuration: `fromConfState` throws nothing but that.
  }
}
