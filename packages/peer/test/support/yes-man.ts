import { raftpb, type Message } from '@quorate/wire';
import { makeMessage } from '../../src/testing/index.ts';

const { MessageType } = raftpb;

/**
 * A follower without a log: it remembers only where its log would end, grants every vote and acknowledges what
 * it is sent. That is enough for another member to lead a cluster of two.
 */
export class YesMan {
  lastIndex: number;
  commit = 0;
  /** Data of the entries that it was sent, by index. */
  readonly entries = new Map<number, Uint8Array>();
  readonly heard = new Set<number>();

  /** @param lastIndex of the entries that a new cluster begins with, one for each member. */
  constructor(lastIndex: number) {
    this.lastIndex = lastIndex;
  }

  /** What it answers to a message; undefined when that needs no answer. */
  answer(message: Message): Message | undefined {
    this.heard.add(message.type);
    const base = { from: message.to, to: message.from, term: message.term };
    switch (message.type) {
      case MessageType.MsgPreVote:
        return makeMessage({ ...base, type: MessageType.MsgPreVoteResp });
      case MessageType.MsgVote:
        return makeMessage({ ...base, type: MessageType.MsgVoteResp });
      case MessageType.MsgHeartbeat:
        this.commit = Math.max(this.commit, message.commit);
        return makeMessage({ ...base, type: MessageType.MsgHeartbeatResp, context: message.context });
      case MessageType.MsgApp:
        return makeMessage({ ...base, type: MessageType.MsgAppResp, ...this.#append(message) });
      default:
        return undefined;
    }
  }

  #append(message: Message): Partial<Message> {
    if (message.index > this.lastIndex) {
      return { reject: true, index: message.index, rejectHint: this.lastIndex };
    }
    for (const { index, data } of message.entries) {
      this.entries.set(index, data);
      this.lastIndex = index;
    }
    this.commit = Math.max(this.commit, message.commit);
    return { index: message.index + message.entries.length };
  }
}
