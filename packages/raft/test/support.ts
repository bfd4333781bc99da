import { SeededRandom, fromUtf8, toUtf8 } from '@quorate/std';
import type { ConfState, Entry, HardState, Message } from '@quorate/wire';
import { RaftNode } from '../src/index.ts';
import type { RaftOptions, Ready } from '../src/index.ts';
import { makeMessage, messageType } from '../src/messages.ts';

export { messageType };

export const confState = (voters: bigint[], learners: bigint[] = []): ConfState => ({
  ...{ voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false },
});

/** Entries with these terms, from index 1 on. */
export const entriesOf = (...terms: number[]): Entry[] =>
  terms.map((term, i) => ({ term, index: i + 1, type: 0, data: fromUtf8(`${term}/${i + 1}`) }));

/** Node 1 of a group of three, unless told otherwise. */
export function startNode(overrides: Partial<RaftOptions> = {}): RaftNode {
  const hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  return new RaftNode({
    id: 1n,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: new SeededRandom(7),
    hardState,
    snapshot: { index: 0, term: 0, confState: confState([1n, 2n, 3n]) },
    entries: [],
    applied: 0,
    ...overrides,
  });
}

/** Node 1 as the leader of its next term, by the vote of node 2, with its first entry saved. */
export function startLeader(overrides: Partial<RaftOptions> = {}): RaftNode {
  const node = startNode({ preVote: false, ...overrides });
  node.campaign();
  drain(node);
  if (!node.isLeader) node.step(from(2n, messageType.MsgVoteResp, { term: node.term }));
  drain(node);
  return node;
}

/** A message to node 1. */
export function from(sender: bigint, type: number, fields: Partial<Message> = {}): Message {
  return makeMessage({ type, from: sender, to: 1n, term: 1, ...fields });
}

/** Saves and applies at once, until there is nothing to do; returns all messages, those after the disk last. */
export function drain(node: RaftNode): Message[] {
  return drainReadies(node).flatMap((ready) => [...ready.messages, ...ready.messagesAfterPersist]);
}

/** `drain`, for those who want the Readies. */
export function drainReadies(node: RaftNode): Ready[] {
  const readies: Ready[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    node.advance(ready);
    const last = ready.snapshot?.index ?? ready.committedEntries.at(-1)?.index;
    if (last !== undefined) node.appliedTo(last);
    node.checkInvariants();
    readies.push(ready);
  }
  return readies;
}

/** Steps a message and drains. */
export function stepped(node: RaftNode, message: Message): Message[] {
  node.step(message);
  node.checkInvariants();
  return drain(node);
}

export function ofType(messages: readonly Message[], type: number): Message[] {
  return messages.filter((message) => message.type === type);
}

export const texts = (entries: readonly Entry[]): string[] => entries.map(({ data }) => toUtf8(data));

export const termsOf = (node: RaftNode): (number | undefined)[] => {
  const { firstIndex, lastIndex } = node.status;
  return Array.from({ length: lastIndex - firstIndex + 1 }, (_, i) => node.termAt(firstIndex + i));
};

export function tick(node: RaftNode, count: number): void {
  for (let i = 0; i < count; i++) node.tick();
}
