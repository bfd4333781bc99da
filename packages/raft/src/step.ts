import type { Message, Snapshot } from '@quorate/wire';
import { isSensible } from './admission.ts';
import type { RaftCore } from './core.ts';
import { answerVoteRequest, campaignIfAllowed, handleVoteResponse } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './following.ts';
import { isTransferCampaign, messageType } from './messages.ts';
import { handleProposal } from './proposals.ts';
import { askLeader, passToLeader, takeAnswer } from './reading.ts';
import { handleAppendResponse, handleHeartbeatResponse } from './replication.ts';
import { passTransferOn, startTransfer } from './transfer.ts';
import { noNode } from './types.ts';

/** A message from another node. What makes no sense is counted and passed over; this never throws for it. */
export function step(core: RaftCore, message: Message): void {
  if (!isSensible(message, core.id)) {
    core.ignoredMessageCount++;
    return;
  }
  if (message.term > core.term && !enterTerm(core, message)) return;
  if (message.term < core.term && message.term !== 0) return answerEarlierTerm(core, message);
  if (message.type === messageType.MsgVote || message.type === messageType.MsgPreVote) {
    return answerVoteRequest(core, message);
  }
  if (core.role === 'leader') stepLeader(core, message);
  else if (isFromLeader(message.type)) stepFollower(core, message);
  else stepOther(core, message);
}

/** A message of a later term. Says whether it is to be looked at further. */
function enterTerm(core: RaftCore, message: Message): boolean {
  switch (message.type) {
    case messageType.MsgVote:
    case messageType.MsgPreVote:
      // While a leader is heard of nobody else is wanted, so that a removed node cannot disturb; unless that
      // leader itself asked for the campaign (Raft thesis §4.2.3).
      if (core.isInLease && !isTransferCampaign(message)) return false;
      if (message.type === messageType.MsgVote) core.becomeFollower(message.term, noNode);
      return true; // A pre-vote asks what would be, and changes no term (§9.6).
    case messageType.MsgPreVoteResp:
      // A granted one carries the term it was asked for, which nobody may have entered yet.
      if (message.reject) core.becomeFollower(message.term, noNode);
      return true;
    default:
      core.becomeFollower(message.term, isFromLeader(message.type) ? message.from : noNode);
      return true;
  }
}

/**
 * A message of an earlier term. Its sender may be stuck: a leader that came back with an old term is not
 * listened to, and a node that came back with a newer one, but does not campaign because it gets no pre-votes,
 * does not listen. So they are told of this term. Nothing else is worth an answer.
 */
function answerEarlierTerm(core: RaftCore, message: Message): void {
  const { checkQuorum, preVote } = core.settings;
  if (message.type === messageType.MsgPreVote) {
    core.send({ type: messageType.MsgPreVoteResp, to: message.from, reject: true });
  } else if ((checkQuorum || preVote) && isHeartbeatOrAppend(message.type)) {
    core.send({ type: messageType.MsgAppResp, to: message.from });
  }
}

function stepLeader(core: RaftCore, message: Message): void {
  switch (message.type) {
    case messageType.MsgProp:
      return handleProposal(core, message);
    case messageType.MsgReadIndex:
      return askLeader(core, readOf(message));
    case messageType.MsgTransferLeader:
      return startTransfer(core, message.from);
    case messageType.MsgAppResp:
    case messageType.MsgHeartbeatResp: {
      const progress = core.tracker.get(message.from);
      if (progress === undefined) return; // It was removed.
      if (message.type === messageType.MsgAppResp) return handleAppendResponse(core, progress, message);
      return handleHeartbeatResponse(core, progress, message);
    }
    case messageType.MsgVoteResp:
    case messageType.MsgPreVoteResp:
    case messageType.MsgTimeoutNow:
      return; // Late: this node leads already.
    default:
      core.ignoredMessageCount++; // Two leaders in one term: there is no such thing.
  }
}

/** A message that only the leader of this term sends. */
function stepFollower(core: RaftCore, message: Message): void {
  if (core.leader !== noNode && core.leader !== message.from) {
    core.ignoredMessageCount++; // Two leaders in one term: there is no such thing.
    return;
  }
  if (core.role !== 'follower') core.becomeFollower(core.term, message.from); // The election is lost (§3.4).
  core.leader = message.from;
  core.electionElapsed = 0;
  if (message.type === messageType.MsgApp) handleAppend(core, message);
  else if (message.type === messageType.MsgHeartbeat) handleHeartbeat(core, message);
  else if (hasSnapshot(message)) handleSnapshot(core, message);
}

/** A message to a node that does not lead, from one that need not lead either. */
function stepOther(core: RaftCore, message: Message): void {
  switch (message.type) {
    case messageType.MsgProp:
      return handleProposal(core, message);
    case messageType.MsgReadIndex:
      return passToLeader(core, readOf(message));
    case messageType.MsgTransferLeader:
      return passTransferOn(core, message);
    case messageType.MsgReadIndexResp:
      return takeAnswer(core, message);
    case messageType.MsgVoteResp:
    case messageType.MsgPreVoteResp:
      if (core.role !== 'follower') handleVoteResponse(core, message);
      return;
    case messageType.MsgTimeoutNow:
      if (core.leader === message.from) campaignIfAllowed(core, 'transfer');
      return;
    case messageType.MsgAppResp:
    case messageType.MsgHeartbeatResp:
      return; // Late: this node leads no more.
    default:
      core.ignoredMessageCount++;
  }
}

function isFromLeader(type: number): boolean {
  return isHeartbeatOrAppend(type) || type === messageType.MsgSnap;
}

function isHeartbeatOrAppend(type: number): boolean {
  return type === messageType.MsgHeartbeat || type === messageType.MsgApp;
}

function hasSnapshot(message: Message): message is Message & { readonly snapshot: Snapshot } {
  return message.snapshot !== undefined;
}

function readOf(message: Message): { readonly from: bigint; readonly context: Uint8Array } {
  return { from: message.from, context: message.entries[0]!.data };
}
