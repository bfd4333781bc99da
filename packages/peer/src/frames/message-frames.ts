import { emptyBytes } from '@quorate/std';
import { decodeMessage, messageSize, raftpb, writeMessage, type Message } from '@quorate/wire';
import { badFrame, FrameBuffer, readLength, writeLength, type FrameScanner } from './frame-buffer.ts';

/**
 * Frames of the message stream, and of what stands before the store in a snapshot:
 *
 * ```
 * | length: 8 bytes, big-endian | raftpb.Message |
 * ```
 */
export const lengthBytes = 8;

/** A message that says only that the link is alive: a heartbeat from nobody to nobody. */
const linkHeartbeat: Message = {
  type: raftpb.MessageType.MsgHeartbeat,
  to: 0n,
  from: 0n,
  term: 0,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  vote: 0n,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: emptyBytes,
  responses: [],
};

/** Whether a message only keeps the link alive. */
export function isLinkHeartbeat(message: Message): boolean {
  return message.type === linkHeartbeat.type && message.from === 0n && message.to === 0n;
}

/** How many bytes the frame of a message takes. */
export function messageFrameSize(message: Message): number {
  return lengthBytes + messageSize(message);
}

/** Writes the frame of a message into `target`; returns the offset behind it. */
export function writeMessageFrame(message: Message, target: Uint8Array, offset: number): number {
  const end = writeMessage(message, target, offset + lengthBytes);
  writeLength(end - offset - lengthBytes, target, offset);
  return end;
}

/** The frames of messages `start .. endExclusive`, in one array. */
export function encodeMessageFrames(
  messages: readonly Message[],
  start = 0,
  endExclusive: number = messages.length,
): Uint8Array {
  let size = 0;
  for (let i = start; i < endExclusive; i++) size += messageFrameSize(messages[i]!);
  const target = Buffer.allocUnsafe(size);
  let offset = 0;
  for (let i = start; i < endExclusive; i++) offset = writeMessageFrame(messages[i]!, target, offset);
  return target;
}

const linkHeartbeatFrame = encodeMessageFrames([linkHeartbeat]);

/** Writes what is said on the message stream. It has no memory. */
export class MessageEncoder {
  readonly linkHeartbeat: Uint8Array = linkHeartbeatFrame;

  encode(messages: readonly Message[], start: number, endExclusive: number): Uint8Array {
    return encodeMessageFrames(messages, start, endExclusive);
  }

  /** The size of a message's frame, or a little more. */
  sizeMax(message: Message): number {
    return messageFrameSize(message);
  }
}

/** Opens what came on a message stream. */
export class MessageDecoder implements FrameScanner {
  readonly #buffer = new FrameBuffer(this);
  readonly #maxMessageBytes: number;

  constructor(options: { readonly maxMessageBytes: number }) {
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  /** Takes a chunk and gives its messages to `onMessage`, with bytes of their own. @throws PeerError, WireError */
  push(chunk: Uint8Array, onMessage: (message: Message) => void): void {
    this.#buffer.push(chunk, (frame) => {
      const message = decodeMessage(frame, lengthBytes);
      if (!isLinkHeartbeat(message)) onMessage(message);
    });
  }

  scan(bytes: Uint8Array, start: number, endExclusive: number): number {
    if (endExclusive - start < lengthBytes) return -1;
    const length = readLength(bytes, start);
    if (length > this.#maxMessageBytes) throw badFrame('a message is longer than the limit');
    const end = start + lengthBytes + length;
    return end <= endExclusive ? end : -1;
  }
}
