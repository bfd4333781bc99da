import { fromUtf8, equalBytes, toUtf8 } from '@quorate/std';
import type { ConfState, Entry, Message } from '@quorate/wire';
import { decodeConfChange, leavesJoint } from '../conf-change.ts';
import type { ConfChangeType } from '../conf-change.ts';
import { messageType } from '../messages.ts';
import { decodePosition } from '../read-queue.ts';
import type { ProgressStatus, RaftStatus, Ready } from '../types.ts';

const signs = {
  addNode: '+',
  removeNode: '-',
  updateNode: '=',
  addLearner: '~',
} satisfies Record<ConfChangeType, string>;

const typeNames = new Map<number, string>(Object.entries(messageType).map(([name, type]) => [type, name]));
const transferContext = fromUtf8('CampaignTransfer');

/** `2/12 "data"`: term, index, and what is in it. */
export function describeEntry(entry: Entry): string {
  const id = `${entry.term}/${entry.index}`;
  if (entry.type !== 0) return `${id} ${describeConfChange(entry)}`;
  return entry.data.length === 0 ? id : `${id} "${toUtf8(entry.data)}"`;
}

/** `[2/12 "data", 2/13 conf +4]` */
export function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(', ')}]`;
}

/** `1->3 MsgApp term=2 …`: who to whom, and what the type gives a meaning to. */
export function describeMessage(message: Message): string {
  const name = typeNames.get(message.type) ?? `type ${message.type}`;
  const term = message.term === 0 ? '' : ` term=${message.term}`;
  return `${message.from}->${message.to} ${name}${term}${describeBody(message)}`;
}

/** `voters=1,2,3 learners=4`: only what is not empty. */
export function describeConfState(state: ConfState): string {
  const sets = [
    ['voters', state.voters],
    ['outgoing', state.votersOutgoing],
    ['learners', state.learners],
    ['learnersNext', state.learnersNext],
  ] as const;
  const parts = sets.filter(([, ids]) => ids.length > 0).map(([name, ids]) => `${name}=${ids.join()}`);
  return [...parts, ...(state.autoLeave ? ['autoLeave'] : [])].join(' ');
}

/** `1 leader term=2 vote=1 leader=1 commit=4 applied=4 last=4` */
export function describeStatus(status: RaftStatus): string {
  const { id, role, term, vote, leader, commit, applied, lastIndex, leadTransferee } = status;
  const transfer = leadTransferee === 0n ? '' : ` transferee=${leadTransferee}`;
  return (
    `${id} ${role} term=${term} vote=${vote} leader=${leader} commit=${commit} applied=${applied}` +
    ` last=${lastIndex}${transfer}`
  );
}

/** `2 replicate match=4 next=5 inflights=0`, and what else is remarkable. */
export function describeProgress(progress: ProgressStatus): string {
  const { id, state, match, next, learner, paused, recentActive, inflightCount, pendingSnapshot } = progress;
  return (
    `${id} ${state} match=${match} next=${next}` +
    (inflightCount > 0 ? ` inflights=${inflightCount}` : '') +
    (pendingSnapshot > 0 ? ` snapshot=${pendingSnapshot}` : '') +
    (learner ? ' learner' : '') +
    (paused ? ' paused' : '') +
    (recentActive ? ' active' : '')
  );
}

/** What a Ready asks to save; undefined when nothing. */
export function describeSaving(ready: Ready): string | undefined {
  const { hardState, entries, snapshot, mustSync } = ready;
  const parts: string[] = [];
  if (snapshot !== undefined) parts.push(`snapshot=${snapshot.term}/${snapshot.index}`);
  if (hardState !== undefined)
    parts.push(`term=${hardState.term} vote=${hardState.vote} commit=${hardState.commit}`);
  if (entries.length > 0) parts.push(`entries=${describeEntries(entries)}`);
  if (parts.length === 0) return undefined;
  return [...parts, ...(mustSync ? ['sync'] : [])].join(' ');
}

/** `conf +4`: a `~` stands before a learner, `conf2` for version 2. */
export function describeConfChange(entry: Pick<Entry, 'type' | 'data'>): string {
  const name = entry.type === 1 ? 'conf' : 'conf2';
  const change = decodeConfChange(entry);
  if (leavesJoint(change)) return `${name} leave`;
  const transition = change.transition === 'auto' ? '' : `${change.transition} `;
  return `${name} ${transition}${change.changes.map(({ type, nodeId }) => `${signs[type]}${nodeId}`).join(' ')}`;
}

function describeBody(message: Message): string {
  const { type, index, logTerm, commit, entries, reject, rejectHint, context, snapshot } = message;
  switch (type) {
    case messageType.MsgApp:
      return ` log=${logTerm}/${index} commit=${commit} entries=${describeEntries(entries)}`;
    case messageType.MsgAppResp:
      return reject ? ` reject=${index} hint=${logTerm}/${rejectHint}` : ` index=${index}`;
    case messageType.MsgVote:
    case messageType.MsgPreVote:
      return ` log=${logTerm}/${index}${equalBytes(context, transferContext) ? ' transfer' : ''}`;
    case messageType.MsgVoteResp:
    case messageType.MsgPreVoteResp:
      return reject ? ' rejected' : ' granted';
    case messageType.MsgHeartbeat:
      return ` commit=${commit}${describePosition(context)}`;
    case messageType.MsgHeartbeatResp:
      return describePosition(context);
    case messageType.MsgSnap:
      return snapshot === undefined
        ? ''
        : ` snapshot=${snapshot.term}/${snapshot.index} ${describeConfState(snapshot.confState)}`;
    case messageType.MsgProp:
      return ` entries=${describeEntries(entries)}`;
    case messageType.MsgReadIndex:
      return ` "${toUtf8(entries[0]?.data ?? context)}"`;
    case messageType.MsgReadIndexResp:
      return ` index=${index} "${toUtf8(entries[0]?.data ?? context)}"`;
    default:
      return '';
  }
}

function describePosition(context: Uint8Array): string {
  return context.length === 0 ? '' : ` read=${decodePosition(context)}`;
}
