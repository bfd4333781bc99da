import { errorCode } from './errors.ts';
import { flag, frameType, writeUint32 } from './frames.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { Output } from './output.ts';
import type { Pages } from './pages.ts';
import { defaultWindow, minMaxFrameSize, windowMax, writeSettings, type SettingEntry } from './settings.ts';
import type { Http2Stream, OutgoingData, OutgoingHeader } from './stream.ts';

export interface SenderOptions<C> {
  readonly pages: Pages;
  /** Data wait in their streams while so many bytes wait for the socket. */
  readonly maxOutputBytes: number;
  /** What the client may send on a stream before it hears more. */
  readonly streamWindow: number;
  /**
   * A stream is over: both sides are done, or it was broken off, by either side for the reason `code`; `isBrokenOff` when
   * we did so while more may come of it.
   */
  readonly onClosed: (
    stream: Http2Stream<C>,
    end: { readonly code: number | undefined; readonly isBrokenOff: boolean },
  ) => void;
  /** All that was to be sent on a stream has gone to the output, where some of it had to wait. */
  readonly onRoom: (stream: Http2Stream<C>) => void;
}

/**
 * What a connection says: frames into an `Output`, data as far as both windows and the room in the output allow.
 *
 * Invariants: `#waiting` holds the streams that wait for the connection's window or for room in the output, and not for their
 * own window, in the order of their turns; on a stream that is done on our side nothing is sent any more but a reset.
 */
export class Sender<C> {
  readonly output: Output;
  readonly #options: SenderOptions<C>;
  readonly #hpack = new HpackEncoder();
  readonly #waiting = new Set<Http2Stream<C>>();
  #window = defaultWindow;
  #maxFrameSize = minMaxFrameSize;
  #sentBytes = 0;

  constructor(options: SenderOptions<C>) {
    this.#options = options;
    this.output = new Output(options.pages);
  }

  /** Bytes of data that were sent since somebody asked last. */
  takeSentBytes(): number {
    const bytes = this.#sentBytes;
    this.#sentBytes = 0;
    return bytes;
  }

  settings(entries: readonly SettingEntry[]): void {
    this.#control(frameType.SETTINGS, 0, 0, writeSettings(entries));
  }

  acknowledgeSettings(): void {
    this.#control(frameType.SETTINGS, flag.ACK, 0, empty);
  }

  ping(data: Uint8Array, { isAnswer }: { readonly isAnswer: boolean }): void {
    this.#control(frameType.PING, isAnswer ? flag.ACK : 0, 0, data);
  }

  /** `reason` is for whoever debugs the client. */
  goAway(lastStreamId: number, code: number, reason: string): void {
    const text = Buffer.from(reason);
    const payload = new Uint8Array(8 + text.length);
    writeUint32(payload, writeUint32(payload, 0, lastStreamId), code);
    payload.set(text, 8);
    this.#control(frameType.GOAWAY, 0, 0, payload);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.output.frameHead(4, frameType.WINDOW_UPDATE, 0, streamId);
    this.output.uint32(increment);
  }

  /** Says that a stream, also one that never was, is no more. */
  resetFrame(streamId: number, code: number): void {
    this.output.frameHead(4, frameType.RST_STREAM, 0, streamId);
    this.output.uint32(code);
  }

  /** Breaks a stream off, and says so. */
  reset(stream: Http2Stream<C>, code: number): void {
    if (stream.isClosed) return;
    this.resetFrame(stream.id, code);
    this.#close(stream, code, true);
  }

  /** Forgets what a stream had to send, and says nothing of it: the client, or the connection, has ended it. */
  close(stream: Http2Stream<C>, code: number): void {
    this.#close(stream, code, false);
  }

  #close(stream: Http2Stream<C>, code: number | undefined, isBrokenOff: boolean): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    stream.isLocalDone = true;
    stream.isRemoteDone = true;
    stream.pending = undefined;
    this.#waiting.delete(stream);
    this.#options.onClosed(stream, { code, isBrokenOff });
  }

  header(stream: Http2Stream<C>, header: OutgoingHeader, isEnd: boolean): void {
    stream.hasSentHeader = true;
    const block = this.#hpack.encode(header);
    const endFlag = isEnd ? flag.END_STREAM : 0;
    let at = 0;
    do {
      const length = Math.min(block.length - at, this.#maxFrameSize);
      const isLast = at + length === block.length;
      const type = at === 0 ? frameType.HEADERS : frameType.CONTINUATION;
      const flags = (isLast ? flag.END_HEADERS : 0) | (at === 0 ? endFlag : 0);
      this.output.frameHead(length, type, flags, stream.id);
      // The block is the encoder's again with its next header.
      this.output.copy(length === block.length ? block : block.subarray(at, at + length));
      at += length;
    } while (at < block.length);
    if (isEnd) this.#ended(stream);
  }

  /** Queues data, and what ends them, and sends what may be sent now. */
  data(stream: Http2Stream<C>, parts: readonly OutgoingData[], end: 'none' | 'bare' | OutgoingHeader): void {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    if (stream.pending === undefined && this.#fitsInOneFrame(stream, bytes)) {
      return this.#whole(stream, parts, bytes, end);
    }
    const pending = (stream.pending ??= { parts: [], at: 0, bytes: 0, end: 'none' });
    for (const part of parts) {
      if (part.length > 0) pending.parts.push(kept(part));
    }
    pending.bytes += bytes;
    pending.end = end;
    this.#send(stream);
  }

  /** Whether nothing is in the way of data, and nobody else waits for what they take. */
  #fitsInOneFrame(stream: Http2Stream<C>, bytes: number): boolean {
    const most = Math.min(this.#maxFrameSize, stream.sendWindow, this.#window);
    return bytes > 0 && bytes <= most && this.#waiting.size === 0 && this.#hasRoom();
  }

  #whole(
    stream: Http2Stream<C>,
    parts: readonly OutgoingData[],
    bytes: number,
    end: 'none' | 'bare' | OutgoingHeader,
  ): void {
    this.#dataHead(stream, bytes, end === 'bare' ? flag.END_STREAM : 0);
    for (const part of parts) this.#add(part, 0, part.length);
    if (end === 'bare') this.#ended(stream);
    else if (end !== 'none') this.header(stream, end, true);
  }

  #dataHead(stream: Http2Stream<C>, length: number, flags: number): void {
    stream.sendWindow -= length;
    this.#window -= length;
    this.#sentBytes += length;
    this.output.frameHead(length, frameType.DATA, flags, stream.id);
  }

  /** Goes on with a stream whose window has become wider. */
  wake(stream: Http2Stream<C>): void {
    if (stream.pending === undefined || stream.sendWindow <= 0 || this.#waiting.has(stream)) return;
    this.#send(stream);
    if (stream.pending === undefined && !stream.isClosed) this.#options.onRoom(stream);
  }

  #send(stream: Http2Stream<C>): void {
    // Behind others who wait for the same it has to wait, too; an end without data needs no window.
    if (this.#waiting.size === 0 || stream.pendingBytes === 0) while (this.#step(stream));
    if (stream.pending !== undefined && stream.sendWindow > 0) this.#waiting.add(stream);
  }

  /** Sends what waits, a frame of each stream in turn. */
  pump(): void {
    for (const stream of this.#waiting) {
      if (!this.#hasRoom() || this.#window <= 0) return;
      this.#waiting.delete(stream);
      this.#step(stream);
      // To the end of the line, where this loop meets it again.
      if (stream.pending === undefined) {
        if (!stream.isClosed) this.#options.onRoom(stream);
      } else if (stream.sendWindow > 0) this.#waiting.add(stream);
    }
  }

  #hasRoom(): boolean {
    return this.output.bytes < this.#options.maxOutputBytes;
  }

  /** Sends one frame of what is pending, and behind the last of them what ends it; false when it can't go on. */
  #step(stream: Http2Stream<C>): boolean {
    const { pending } = stream;
    if (pending === undefined) return false;
    const { end } = pending;
    if (pending.bytes > 0) {
      const length = Math.min(pending.bytes, this.#maxFrameSize, stream.sendWindow, this.#window);
      if (length <= 0 || !this.#hasRoom()) return false;
      pending.bytes -= length;
      const isEnd = pending.bytes === 0 && end === 'bare';
      this.#dataHead(stream, length, isEnd ? flag.END_STREAM : 0);
      for (let left = length; left > 0;) left -= this.#part(pending.parts, pending, left);
      if (pending.bytes > 0) return true;
    } else if (end === 'bare') this.output.frameHead(0, frameType.DATA, flag.END_STREAM, stream.id);
    // An end needs no window: it does not wait for another turn.
    stream.pending = undefined;
    if (end === 'bare') this.#ended(stream);
    else if (end !== 'none') this.header(stream, end, true);
    return false;
  }

  /** Moves at most `most` bytes of the first part to the output; returns how many. */
  #part(parts: OutgoingData[], pending: { at: number }, most: number): number {
    const first = parts[0] ?? empty;
    const taken = Math.min(most, first.length - pending.at);
    this.#add(first, pending.at, pending.at + taken);
    pending.at += taken;
    if (pending.at === first.length) {
      parts.shift();
      pending.at = 0;
    }
    return taken;
  }

  #add(part: OutgoingData, from: number, to: number): void {
    if (part instanceof Uint8Array) this.output.push(part, from, to);
    else this.output.read(part, to - from);
  }

  #ended(stream: Http2Stream<C>): void {
    stream.isLocalDone = true;
    // The answer is complete without the rest of the request (RFC 9113 §8.1).
    const isBrokenOff = !stream.isRemoteDone;
    if (isBrokenOff) this.resetFrame(stream.id, errorCode.NO_ERROR);
    this.#close(stream, undefined, isBrokenOff);
  }

  /** What the client announced counts from now on. */
  setHeaderTableSize(bytes: number): void {
    this.#hpack.setMaxTableSize(bytes);
  }

  setMaxFrameSize(bytes: number): void {
    this.#maxFrameSize = Math.min(bytes, frameSizeMax);
  }

  /** The client lets so many bytes more of the connection come. False when that is more than windows may be. */
  widen(increment: number): boolean {
    this.#window += increment;
    return this.#window <= windowMax;
  }

  acknowledge(stream: Http2Stream<C>, bytes: number): void {
    if (stream.isRemoteDone) return;
    stream.unacknowledged += bytes;
    // Not for every few bytes; half of the window is left when the client hears of it.
    if (stream.unacknowledged * 2 < this.#options.streamWindow) return;
    this.windowUpdate(stream.id, stream.unacknowledged);
    stream.receiveWindow += stream.unacknowledged;
    stream.unacknowledged = 0;
  }

  #control(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.output.frameHead(payload.length, type, flags, streamId);
    this.output.copy(payload);
  }
}

/** Larger frames are not made, whatever a client would take: a frame goes to the output whole. */
const frameSizeMax = 64 * 1024;
/** Pieces of that size are the caller's again at once. */
const copiedMax = 64;
const empty = new Uint8Array(0);

function kept(part: OutgoingData): OutgoingData {
  return part instanceof Uint8Array && part.length <= copiedMax ? Uint8Array.from(part) : part;
}
