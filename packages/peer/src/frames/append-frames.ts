import { emptyBytes } from '@quorate/std';
import {
  decodeEntry,
  decodeMessage,
  entrySize,
  raftpb,
  writeEntry,
  type Entry,
  type Message,
} from '@quorate/wire';
import { badFrame, FrameBuffer, readLength, writeLength, type FrameScanner } from './frame-buffer.ts';
import { isLinkHeartbeat, lengthBytes, messageFrameSize, writeMessageFrame } from './message-frames.ts';

/**
 * Frames of the msgapp stream (etcd's msgappv2). A leader that streams its log sends the head of a message
 * only once: an append that follows the one before needs nothing but its entries and the commit index.
 *
 * ```
 * 0 link heartbeat  | 0 |
 * 1 entries         | 1 | count: 8 | count x ( size: 8 | raftpb.Entry ) | commit: 8 |
 * 2 message         | 2 | size: 8 | raftpb.Message |
 * ```
 *
 * Numbers are big-endian. Both sides remember the term and the last index of what went by, from 0 and 0 on. A
 * message sets them; each entry of an entries frame moves the index by one.
 */
const linkHeartbeatKind = 0;
const entriesKind = 1;
const messageKind = 2;

const linkHeartbeatFrame = new Uint8Array([linkHeartbeatKind]);

/** What both ends of a stream remember. */
class Position {
  term = 0;
  index = 0;

  /** Whether a message can be told by its entries alone: it follows the last one, and has nothing else in it. */
  isFollowedBy(message: Message): boolean {
    return (
      message.type === raftpb.MessageType.MsgApp &&
      message.index === this.index &&
      message.logTerm === this.term &&
      message.term === this.term &&
      !message.reject &&
      message.rejectHint === 0 &&
      message.vote === 0n &&
      message.context.length === 0 &&
      message.snapshot === undefined &&
      message.responses.length === 0 &&
      (message.entries[0]?.index ?? this.index + 1) === this.index + 1
    );
  }

  follow(entries: readonly Entry[]): void {
    this.index += entries.length;
  }

  moveTo(message: Message): void {
    this.term = message.term;
    this.index = message.entries.at(-1)?.index ?? message.index;
  }
}

/** Writes what is said on the msgapp stream. It has a memory: what it encodes must be sent, and in this order. */
export class AppendEncoder {
  readonly linkHeartbeat: Uint8Array = linkHeartbeatFrame;
  readonly #position = new Position();

  encode(messages: readonly Message[], start: number, endExclusive: number): Uint8Array {
    let size = 0;
    for (let i = start; i < endExclusive; i++) size += this.sizeMax(messages[i]!);
    const target = Buffer.allocUnsafe(size);
    let offset = 0;
    for (let i = start; i < endExclusive; i++) offset = this.#write(messages[i]!, target, offset);
    return target.subarray(0, offset);
  }

  /** The size of a message's frame, or a little more. */
  sizeMax(message: Message): number {
    // An entry costs up to 7 bytes more in an entries frame than in a message, where its length is a varint.
    return 1 + messageFrameSize(message) + lengthBytes * (message.entries.length + 2);
  }

  #write(message: Message, target: Uint8Array, start: number): number {
    if (isLinkHeartbeat(message)) {
      target[start] = linkHeartbeatKind;
      return start + 1;
    }
    if (this.#position.isFollowedBy(message)) {
      this.#position.follow(message.entries);
      return writeEntriesFrame(message, target, start);
    }
    this.#position.moveTo(message);
    target[start] = messageKind;
    return writeMessageFrame(message, target, start + 1);
  }
}

function writeEntriesFrame({ entries, commit }: Message, target: Uint8Array, start: number): number {
  target[start] = entriesKind;
  let offset = writeLength(entries.length, target, start + 1);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    offset = writeLength(entrySize(entry), target, offset);
    offset = writeEntry(entry, target, offset);
  }
  return writeLength(commit, target, offset);
}

/** Opens what came on a msgapp stream from `from` to `to`. */
export class AppendDecoder implements FrameScanner {
  readonly #buffer = new FrameBuffer(this);
  readonly #position = new Position();
  readonly #from: bigint;
  readonly #to: bigint;
  readonly #maxMessageBytes: number;

  // How far an entries frame was scanned that is not complete yet. Scanned: bytes from the start of the frame.
  #scanned = 0;
  #entriesLeft = 0;

  constructor(options: { readonly from: bigint; readonly to: bigint; readonly maxMessageBytes: number }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  /** Takes a chunk and gives its messages to `onMessage`, with bytes of their own. @throws PeerError, WireError */
  push(chunk: Uint8Array, onMessage: (message: Message) => void): void {
    this.#buffer.push(chunk, (frame) => {
      if (frame[0] === entriesKind) onMessage(this.#openEntries(frame));
      else if (frame[0] === messageKind) onMessage(this.#openMessage(frame));
    });
  }

  scan(bytes: Uint8Array, start: number, endExclusive: number): number {
    const available = endExclusive - start;
    const kind = bytes[start]!;
    if (kind === linkHeartbeatKind) return start + 1;
    if (kind !== entriesKind && kind !== messageKind) throw badFrame(`a frame of unknown kind ${kind}`);
    if (available < 1 + lengthBytes) return -1;
    const head = readLength(bytes, start + 1);
    if (kind === entriesKind) return this.#scanEntries(bytes, start, endExclusive, head);
    if (head > this.#maxMessageBytes) throw badFrame('a message is longer than the limit');
    const size = 1 + lengthBytes + head;
    return size <= available ? start + size : -1;
  }

  /** Goes from entry to entry, and goes on where it stopped when more bytes have come. */
  #scanEntries(bytes: Uint8Array, start: number, endExclusive: number, count: number): number {
    if (this.#scanned === 0) {
      // Each has at least its length, so a count beyond that cannot be true within the limit.
      if (count > this.#maxMessageBytes / lengthBytes) throw badFrame('more entries than the limit');
      this.#entriesLeft = count;
      this.#scanned = 1 + lengthBytes;
    }
    while (this.#entriesLeft > 0) {
      if (start + this.#scanned + lengthBytes > endExclusive) return -1;
      const next = this.#scanned + lengthBytes + readLength(bytes, start + this.#scanned);
      if (next > this.#maxMessageBytes) throw badFrame('entries are longer than the limit');
      if (start + next > endExclusive) return -1;
      this.#scanned = next;
      this.#entriesLeft--;
    }
    const end = start + this.#scanned + lengthBytes;
    if (end > endExclusive) return -1;
    this.#scanned = 0;
    return end;
  }

  #openEntries(frame: Uint8Array): Message {
    const { term, index } = this.#position;
    const entries: Entry[] = [];
    const count = readLength(frame, 1);
    let offset = 1 + lengthBytes;
    for (let i = 0; i < count; i++) {
      const end = offset + lengthBytes + readLength(frame, offset);
      const entry = decodeEntry(frame, offset + lengthBytes, end);
      // The head that is put back would be that of another message.
      if (entry.index !== index + 1 + i) throw badFrame('an entry that does not follow the last one');
      entries.push(entry);
      offset = end;
    }
    this.#position.follow(entries);
    return {
      type: raftpb.MessageType.MsgApp,
      to: this.#to,
      from: this.#from,
      term,
      logTerm: term,
      index,
      entries,
      commit: Math.min(readLength(frame, offset), Number.MAX_SAFE_INTEGER),
      vote: 0n,
      snapshot: undefined,
      reject: false,
      rejectHint: 0,
      context: emptyBytes,
      responses: [],
    };
  }

  #openMessage(frame: Uint8Array): Message {
    const message = decodeMessage(frame, 1 + lengthBytes);
    this.#position.moveTo(message);
    return message;
  }
}
