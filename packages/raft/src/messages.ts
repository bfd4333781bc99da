import { emptyBytes, fromUtf8, equalBytes } from '@quorate/std';
import { raftpb } from '@quorate/wire';
import type { Entry, Message } from '@quorate/wire';

/** The numbers of raftpb.MessageType. */
export const messageType = raftpb.MessageType;

/** Context of a vote request that a leader itself asked for: it overrules leases (Raft thesis §4.2.3). */
export const campaignTransferContext: Uint8Array = fromUtf8('CampaignTransfer');

const noEntries: readonly Entry[] = [];
const noResponses: readonly Message[] = [];

/** A message with every field that `fields` leaves out empty. */
export function makeMessage(
  fields: Pick<Message, 'type' | 'to' | 'from' | 'term'> & Partial<Message>,
): Message {
  return {
    type: fields.type,
    to: fields.to,
    from: fields.from,
    term: fields.term,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? noEntries,
    commit: fields.commit ?? 0,
    vote: fields.vote ?? 0n,
    snapshot: fields.snapshot,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    context: fields.context ?? emptyBytes,
    responses: fields.responses ?? noResponses,
  };
}

/**
 * Messages that speak for this node's own log or vote: they may leave only when that is on disk. A request
 * for votes is one of them, since it names the end of the log: were it sent sooner, a node that lost that end
 * in a crash could be elected on the strength of it. (etcd's library sends it at once.)
 */
export function speaksOfDisk(type: number): boolean {
  switch (type) {
    case messageType.MsgAppResp:
    case messageType.MsgVote:
    case messageType.MsgVoteResp:
    case messageType.MsgPreVote:
    case messageType.MsgPreVoteResp:
      return true;
    default:
      return false;
  }
}

/** Messages without a term: requests that any node may pass on to the leader of the day. */
export function isTermless(type: number): boolean {
  return type === messageType.MsgProp || type === messageType.MsgReadIndex;
}

/** Messages between the parts of one node, which no other node may send. */
export function isLocal(type: number): boolean {
  switch (type) {
    case messageType.MsgHup:
    case messageType.MsgBeat:
    case messageType.MsgUnreachable:
    case messageType.MsgSnapStatus:
    case messageType.MsgCheckQuorum:
    case messageType.MsgStorageAppend:
    case messageType.MsgStorageAppendResp:
    case messageType.MsgStorageApply:
    case messageType.MsgStorageApplyResp:
    case messageType.MsgForgetLeader:
      return true;
    default:
      return false;
  }
}

/** Whether a vote request is part of a leadership transfer. */
export function isTransferCampaign(message: Message): boolean {
  return equalBytes(message.context, campaignTransferContext);
}
