import { invariant } from '@quorate/std';
import type { Message } from '@quorate/wire';
import { votersOf } from './configuration.ts';
import type { RaftCore } from './core.ts';
import { campaignTransferContext, messageType } from './messages.ts';
import { appendFirstOfTerm } from './proposals.ts';

/** Why a node campaigns: it heard of no leader, or the leader asked it to take over. */
export type CampaignCause = 'silence' | 'transfer';

/** Campaigns, unless this node leads or must not. Says whether it does. */
export function campaignIfAllowed(core: RaftCore, cause: CampaignCause): boolean {
  if (core.role === 'leader' || !core.isPromotable || hasUnappliedConfChange(core)) return false;
  // Who was asked by the leader need not find out first whether there is one (Raft thesis §3.10, §9.6).
  if (cause === 'silence' && core.settings.preVote) startPreVote(core);
  else startElection(core, cause);
  return true;
}

/**
 * A node asks for this one's vote, or whether it would get it. Its lease and the terms were looked at before:
 * the request is of this node's term, or a pre-vote for a later one.
 */
export function answerVoteRequest(core: RaftCore, message: Message): void {
  const isPreVote = message.type === messageType.MsgPreVote;
  invariant(message.term >= core.term, 'a request of an earlier term was answered before');
  invariant(isPreVote || message.term === core.term, 'a vote is given in the current term');
  const isFree = core.vote === 0n && core.leader === 0n;
  const mayGrant = core.vote === message.from || isFree || (isPreVote && message.term > core.term);
  // Only who has all that this node has may lead it, for only then it has all that is committed (§3.6.1).
  const grants = mayGrant && core.log.isUpToDate({ index: message.index, term: message.logTerm });
  core.send({
    type: isPreVote ? messageType.MsgPreVoteResp : messageType.MsgVoteResp,
    to: message.from,
    // A granted pre-vote speaks of the term it was asked for; a refused one tells the asker of a later term.
    term: grants ? message.term : core.term,
    reject: !grants,
  });
  if (!grants || isPreVote) return;
  core.electionElapsed = 0;
  core.vote = message.from;
}

/** An answer to this candidate's, or pre-candidate's, requests. */
export function handleVoteResponse(core: RaftCore, message: Message): void {
  const isPreVote = message.type === messageType.MsgPreVoteResp;
  if (isPreVote !== (core.role === 'preCandidate')) return; // Of a phase that is over.
  const askedTerm = isPreVote ? core.term + 1 : core.term;
  if (!message.reject && message.term !== askedTerm) return;
  recordVote(core, message.from, !message.reject);
}

/** This candidate's own vote is on disk: it counts from now on (§3.8). */
export function acknowledgeOwnVote(core: RaftCore): void {
  if (core.role === 'candidate') recordVote(core, core.id, true);
}

/** A configuration that was committed but is not known here yet could make this node's campaign wrong. */
function hasUnappliedConfChange(core: RaftCore): boolean {
  const { applied, committed } = core.log;
  if (applied >= committed) return false;
  return core.log.slice(applied + 1, Infinity, committed).some((entry) => entry.type !== 0);
}

/** Asks whether an election could be won, and disturbs nobody if it could not (§9.6). */
function startPreVote(core: RaftCore): void {
  core.startRole('preCandidate', core.term);
  requestVotes(core, { type: messageType.MsgPreVote, term: core.term + 1 });
  recordVote(core, core.id, true);
}

function startElection(core: RaftCore, cause: CampaignCause): void {
  invariant(core.isPromotable, 'only a voter with its whole log campaigns');
  core.startRole('candidate', core.term + 1);
  core.vote = core.id;
  requestVotes(core, {
    ...{ type: messageType.MsgVote, term: core.term },
    ...(cause === 'transfer' && { context: campaignTransferContext }),
  });
}

function requestVotes(
  core: RaftCore,
  request: Pick<Message, 'type' | 'term'> & { readonly context?: Uint8Array },
): void {
  for (const to of votersOf(core.tracker.config)) {
    if (to === core.id) continue;
    core.send({ ...request, to, index: core.log.lastIndex, logTerm: core.log.lastTerm });
  }
}

function recordVote(core: RaftCore, from: bigint, granted: boolean): void {
  if (!core.votes.has(from)) core.votes.set(from, granted); // The first answer stands.
  switch (core.tracker.tally(core.votes)) {
    case 'won':
      if (core.role === 'preCandidate') startElection(core, 'silence');
      else becomeLeader(core);
      return;
    case 'lost':
      core.becomeFollower(core.term, 0n);
      return;
    case 'pending':
  }
}

function becomeLeader(core: RaftCore): void {
  invariant(core.role === 'candidate', 'only a candidate is elected');
  invariant(core.isPromotable, 'only a voter with its whole log is elected');
  const { log, tracker } = core;
  core.startRole('leader', core.term);
  core.leader = core.id;
  for (const progress of tracker.members.values()) progress.reset(0, log.lastIndex + 1);
  const self = tracker.self;
  if (self !== undefined) {
    self.reset(log.stable, log.lastIndex + 1);
    self.becomeReplicate();
  }
  // There may be a change among the entries that are not applied; finding out would cost a walk over them.
  core.pendingConfIndex = log.lastIndex;
  appendFirstOfTerm(core);
}
