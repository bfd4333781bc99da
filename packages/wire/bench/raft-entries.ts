import {
  decodeMessage,
  encodeMessage,
  entrySize,
  raftpb,
  writeEntry,
  writeWalRecordHead,
  type Entry,
  type Message,
} from '../src/index.ts';
import { measure } from './measure.ts';

/** A batch of 100 entries, into the log and to a follower. */

const entries = Array.from({ length: 100 }, (_, i): Entry => ({
  term: 7,
  index: 1_000_000 + i,
  type: 0,
  data: new Uint8Array(300).fill(i),
}));

const target = new Uint8Array(64 * 1024);
measure('100 log records of 300 B, written', () => {
  let offset = 0;
  for (const entry of entries) {
    const dataSize = entrySize(entry);
    const record = { type: 2, crc: 0xedb1dd94, dataSize };
    offset = writeWalRecordHead(record, target, offset);
    offset = writeEntry(entry, target, offset);
  }
  return offset;
});

const append: Message = {
  type: raftpb.MessageType.MsgApp,
  to: 0x8e9e05c52164694dn,
  from: 0xfe0c5170a8bb1d4an,
  term: 7,
  logTerm: 7,
  index: 999_999,
  entries,
  commit: 999_000,
  vote: 0n,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: new Uint8Array(0),
  responses: [],
};
const bytes = Buffer.from(encodeMessage(append));
const generated = raftpb.Message.decode(bytes);
measure('MsgApp of 100 entries of 300 B, encode', () => encodeMessage(append), bytes.length);
measure('MsgApp of 100 entries, encode, generated', () => raftpb.Message.encode(generated).finish());
measure('MsgApp of 100 entries of 300 B, decode', () => decodeMessage(bytes), bytes.length);
measure('MsgApp of 100 entries, decode, generated', () => raftpb.Message.decode(bytes));
const heartbeat = { ...append, type: raftpb.MessageType.MsgHeartbeat, entries: [] };
const beat = Buffer.from(encodeMessage(heartbeat));
measure('MsgHeartbeat, encode', () => encodeMessage(heartbeat));
measure('MsgHeartbeat, decode', () => decodeMessage(beat));
