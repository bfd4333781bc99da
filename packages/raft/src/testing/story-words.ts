import { fromUtf8, uint64ToBytes } from '@quorate/std';
import type { Entry, HardState, Message } from '@quorate/wire';
import { encodeConfChange, encodeConfChangeV2 } from '../conf-change.ts';
import type { ConfChangeSingle, ConfChangeTransition, ConfChangeType } from '../conf-change.ts';
import { makeMessage, messageType } from '../messages.ts';
import { noMembers } from './member.ts';
import type { MemberOptions } from './member.ts';

const signs: Record<string, ConfChangeType> = {
  '+': 'addNode',
  '-': 'removeNode',
  '=': 'updateNode',
  '~': 'addLearner',
};

const transitions: Record<string, ConfChangeTransition> = {
  implicit: 'jointImplicit',
  explicit: 'jointExplicit',
};

const optionNames: Record<string, keyof MemberOptions> = {
  election: 'electionTicks',
  heartbeat: 'heartbeatTicks',
  'message-size': 'maxSizePerMessage',
  inflights: 'maxInflightMessages',
  'inflight-size': 'maxInflightSize',
  uncommitted: 'maxUncommittedSize',
  'apply-size': 'maxCommittedSizePerReady',
  reads: 'maxPendingReads',
};

const switchNames: Record<string, keyof MemberOptions> = {
  'pre-vote': 'preVote',
  'check-quorum': 'checkQuorum',
  'step-down': 'stepDownOnRemoval',
};

/** `1 2 3 learners 4 spare 5 election=10 pre-vote=no` */
export function parseGroup(words: readonly string[]): {
  readonly ids: readonly bigint[];
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  readonly options: MemberOptions;
} {
  const lists: Record<string, bigint[]> = { voters: [], learners: [], spare: [] };
  const options: Record<string, number | boolean> = {};
  let list = lists['voters']!;
  for (const word of words) {
    const [name = '', value] = word.split('=');
    if (value === undefined) {
      if (lists[name] !== undefined) list = lists[name];
      else list.push(BigInt(name));
      continue;
    }
    const number = optionNames[name];
    const yesNo = switchNames[name];
    if (number !== undefined) options[number] = Number(value);
    else if (yesNo !== undefined) options[yesNo] = value === 'yes';
    else throw new Error(`there is no option ${name}`);
  }
  const { voters = [], learners = [], spare = [] } = lists;
  return { ids: [...voters, ...learners, ...spare], voters, learners, options };
}

/** `+4 -2 ~3 explicit`, `v1 +4`, `leave` */
export function parseConfChange(words: readonly string[]): {
  readonly type: 1 | 2;
  readonly data: Uint8Array;
} {
  let transition: ConfChangeTransition = 'auto';
  const changes: ConfChangeSingle[] = [];
  for (const word of words) {
    const type = signs[word[0] ?? ''];
    const named = transitions[word];
    if (named !== undefined) transition = named;
    else if (type !== undefined) changes.push({ type, nodeId: BigInt(word.slice(1)) });
    else if (word !== 'leave' && word !== 'v1') throw new Error(`${word} is no change`);
  }
  const [first] = changes;
  if (words.includes('v1') && first !== undefined) return { type: 1, data: encodeConfChange(first) };
  return { type: 2, data: encodeConfChangeV2({ transition, changes }) };
}

/** The word `entries=1/1:a,2/2:b` among others: terms, indexes, data. */
export function parseEntries(words: readonly string[]): Entry[] {
  const list = fieldsOf(words)['entries'];
  if (list === undefined) return [];
  return list.split(',').map((word) => {
    const [id = '', data = ''] = word.split(':');
    return { ...parseLogId(id), type: 0, data: fromUtf8(data) };
  });
}

/** `term=2 vote=1 commit=1` among others. */
export function parseHardState(words: readonly string[]): HardState {
  const { term = '0', vote = '0', commit = '0' } = fieldsOf(words);
  return { term: Number(term), vote: BigInt(vote), commit: Number(commit) };
}

/** `2->1 MsgApp term=3 log=1/1 commit=1 index=1 hint=1 reject=yes entries=2/2:a context=x snapshot=2/9 voters=1,2` */
export function parseMessage([link = '', name = '', ...words]: readonly string[]): Message {
  const type = Object.entries(messageType).find(([known]) => known === name)?.[1] ?? Number(name);
  const fields = fieldsOf(words);
  const [from = '0', to = '0'] = link.split('->');
  const snapshotId = fields['snapshot'];
  const voters = fields['voters']?.split(',').map(BigInt) ?? [];
  const log = fields['log'] === undefined ? { term: 0, index: 0 } : parseLogId(fields['log']);
  return makeMessage({
    ...{ type, from: BigInt(from), to: BigInt(to), term: Number(fields['term'] ?? 0) },
    ...{ index: Number(fields['index'] ?? log.index), logTerm: log.term },
    commit: Number(fields['commit'] ?? 0),
    reject: fields['reject'] === 'yes',
    rejectHint: Number(fields['hint'] ?? 0),
    entries: parseEntries(words),
    context: fromUtf8(fields['context'] ?? ''),
    snapshot:
      snapshotId === undefined
        ? undefined
        : { ...parseLogId(snapshotId), data: uint64ToBytes(0n), confState: { ...noMembers, voters } },
  });
}

function parseLogId(word: string): { readonly term: number; readonly index: number } {
  const [term, index] = word.split('/').map(Number);
  if (term === undefined || index === undefined) throw new Error(`${word} is no term and index`);
  return { term, index };
}

function fieldsOf(words: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at > 0) fields[word.slice(0, at)] = word.slice(at + 1);
  }
  return fields;
}
