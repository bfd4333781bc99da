import { raftpb, type Message } from '@quorate/wire';
import { mismatchText, removedText } from './removal.ts';
import type { PeerHost } from './types.ts';

const { MessageType } = raftpb;

/** Messages between the parts of one member; no other member may send them. */
const localTypes: ReadonlySet<number> = new Set([
  MessageType.MsgHup,
  MessageType.MsgBeat,
  MessageType.MsgUnreachable,
  MessageType.MsgSnapStatus,
  MessageType.MsgCheckQuorum,
  MessageType.MsgStorageAppend,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApply,
  MessageType.MsgStorageApplyResp,
  MessageType.MsgForgetLeader,
]);

/** What becomes of a message that came: `refused` is told to its sender, where there is a way to. */
export type Admission =
  | { readonly kind: 'taken' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly text: typeof removedText | typeof mismatchText };

const taken: Admission = { kind: 'taken' };
const ignored: Admission = { kind: 'ignored' };
const fromRemoved: Admission = { kind: 'refused', text: removedText };
const toOther: Admission = { kind: 'refused', text: mismatchText };

/** Whether a message that came is one for the host. What its fields say is for raft to judge. */
export function admit(message: Message, host: PeerHost): Admission {
  if (host.isRemoved(message.from)) return fromRemoved;
  if (message.to !== host.id) return toOther;
  if (message.from === 0n || localTypes.has(message.type)) return ignored;
  return taken;
}
