import { emptyBytes, invariant } from '@quorate/std';
import { entrySize, readEntry, writeEntry } from './raft-entry.ts';
import { mergeSnapshot, newSnapshot, snapshotSize, writeSnapshot } from './raft-state.ts';
import { nestingMax, WireReader } from './reader.ts';
import type { Entry, Message } from './types.ts';
import { bigVarintSize, varintSize } from './varint.ts';
import {
  allocate,
  bytesFieldSize,
  sealed,
  splicedSize,
  writeBytesField,
  writeCount,
  writeFlag,
  writeHead,
  writeId,
} from './writer.ts';

const typeTag = 0x08;
const toTag = 0x10;
const fromTag = 0x18;
const termTag = 0x20;
const logTermTag = 0x28;
const indexTag = 0x30;
const entriesTag = 0x3a;
const commitTag = 0x40;
const snapshotTag = 0x4a;
const rejectTag = 0x50;
const rejectHintTag = 0x58;
const contextTag = 0x62;
const voteTag = 0x68;
const responsesTag = 0x72;
const lastField = 14;

/**
 * The bytes of a raftpb.Message. Every scalar is written, zero or not; the snapshot if there is one; context
 * unless it is empty.
 */
export function encodeMessage(message: Message): Uint8Array {
  const target = allocate(messageSize(message));
  return sealed(target, writeMessage(message, target, 0));
}

/** How many bytes `writeMessage` writes. */
export function messageSize(message: Message): number {
  return messageSizeAt(message, 0);
}

function messageSizeAt(message: Message, depth: number): number {
  invariant(depth <= nestingMax, 'a message that is encoded can be decoded again');
  // Ten one-byte tags, and a byte for `reject`.
  let size =
    11 +
    varintSize(message.type) +
    bigVarintSize(message.to) +
    bigVarintSize(message.from) +
    varintSize(message.term) +
    varintSize(message.logTerm) +
    varintSize(message.index) +
    varintSize(message.commit) +
    varintSize(message.rejectHint) +
    bytesFieldSize(message.context) +
    bigVarintSize(message.vote) +
    (message.snapshot === undefined ? 0 : splicedSize(snapshotSize(message.snapshot)));
  for (const entry of message.entries) size += splicedSize(entrySize(entry));
  for (const response of message.responses) size += splicedSize(messageSizeAt(response, depth + 1));
  return size;
}

/** Writes a message into `target`, which has room for `messageSize` bytes; returns the offset behind it. */
export function writeMessage(message: Message, target: Uint8Array, start: number): number {
  let offset = writeCount(typeTag, message.type, target, start);
  offset = writeId(toTag, message.to, target, offset);
  offset = writeId(fromTag, message.from, target, offset);
  offset = writeCount(termTag, message.term, target, offset);
  offset = writeCount(logTermTag, message.logTerm, target, offset);
  offset = writeCount(indexTag, message.index, target, offset);
  for (const entry of message.entries) {
    offset = writeHead(entriesTag, entrySize(entry), target, offset);
    offset = writeEntry(entry, target, offset);
  }
  offset = writeCount(commitTag, message.commit, target, offset);
  if (message.snapshot !== undefined) {
    offset = writeHead(snapshotTag, snapshotSize(message.snapshot), target, offset);
    offset = writeSnapshot(message.snapshot, target, offset);
  }
  offset = writeFlag(rejectTag, message.reject, target, offset);
  offset = writeCount(rejectHintTag, message.rejectHint, target, offset);
  offset = writeBytesField(contextTag, message.context, target, offset);
  offset = writeId(voteTag, message.vote, target, offset);
  for (const response of message.responses) {
    offset = writeHead(responsesTag, messageSize(response), target, offset);
    offset = writeMessage(response, target, offset);
  }
  return offset;
}

/** Opens a raftpb.Message; data of entries, snapshot and context are views. @throws WireError */
export function decodeMessage(bytes: Uint8Array, start?: number, endExclusive?: number): Message {
  return readMessage(new WireReader(bytes, start, endExclusive));
}

function readMessage(reader: WireReader): Message {
  const entries: Entry[] = [];
  const responses: Message[] = [];
  const message: Message = {
    type: 0,
    to: 0n,
    from: 0n,
    term: 0,
    logTerm: 0,
    index: 0,
    entries,
    commit: 0,
    vote: 0n,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: emptyBytes,
    responses,
  };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case typeTag:
        message.type = reader.enumNumber();
        break;
      case toTag:
        message.to = reader.unsignedId();
        break;
      case fromTag:
        message.from = reader.unsignedId();
        break;
      case termTag:
        message.term = reader.count();
        break;
      case logTermTag:
        message.logTerm = reader.count();
        break;
      case indexTag:
        message.index = reader.count();
        break;
      case entriesTag: {
        const outerEnd = reader.enter();
        entries.push(readEntry(reader));
        reader.leave(outerEnd);
        break;
      }
      case commitTag:
        message.commit = reader.count();
        break;
      case snapshotTag: {
        const outerEnd = reader.enter();
        message.snapshot = mergeSnapshot(reader, message.snapshot ?? newSnapshot());
        reader.leave(outerEnd);
        break;
      }
      case rejectTag:
        message.reject = reader.flag();
        break;
      case rejectHintTag:
        message.rejectHint = reader.count();
        break;
      case contextTag:
        message.context = reader.bytesView();
        break;
      case voteTag:
        message.vote = reader.unsignedId();
        break;
      case responsesTag: {
        const outerEnd = reader.enter();
        responses.push(readMessage(reader));
        reader.leave(outerEnd);
        break;
      }
      default:
        reader.skip(tag, lastField);
    }
  }
  return message;
}
