import { AscendingMap } from '@quorate/std';
import { Budget, type BudgetOptions } from './budget.ts';
import { ConnectionError, errorCode, type BudgetName } from './errors.ts';
import { FrameSplitter } from './frame-splitter.ts';
import { flag, frameType, readUint32 } from './frames.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { Pages } from './pages.ts';
import type { HeaderList } from './hpack/header-list.ts';
import { Sender } from './sender.ts';
import { defaultWindow, minMaxFrameSize, readSettings, setting, windowMax } from './settings.ts';
import { Http2Stream } from './stream.ts';

/** What a connection allows its client. */
export interface Http2Limits {
  /** Requests at once; those beyond are refused, and the client may try again. */
  readonly maxConcurrentStreams: number;
  /** Of a header, names and values with 32 for each field. */
  readonly maxHeaderListSize: number;
  readonly maxHeaderFields: number;
  /** Of a header as it comes, and how many frames it may continue in. */
  readonly maxHeaderBlockBytes: number;
  readonly maxContinuations: number;
  /** What a client may send of one request, and of all, before it hears that more is welcome: 65,535 at least. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Data wait in their streams while so many bytes wait for the socket. */
  readonly maxOutputBytes: number;
  /** Streams that the client breaks off, or makes us break off. */
  readonly resets: BudgetOptions;
  readonly pings: BudgetOptions;
  readonly settings: BudgetOptions;
  /** Bytes of frames that belong to no request and no answer. */
  readonly overheadBytes: BudgetOptions;
}

/** What holds where nothing else is said. */
export const defaultHttp2Limits: Http2Limits = {
  maxConcurrentStreams: 1_024,
  maxHeaderListSize: 32 * 1024,
  maxHeaderFields: 128,
  maxHeaderBlockBytes: 64 * 1024,
  maxContinuations: 8,
  streamWindow: 1024 * 1024,
  connectionWindow: 4 * 1024 * 1024,
  maxOutputBytes: 256 * 1024,
  resets: { burst: 1_000, perSecond: 100 },
  pings: { burst: 1_000, perSecond: 100 },
  settings: { burst: 1_000, perSecond: 100 },
  overheadBytes: { burst: 256 * 1024, perSecond: 64 * 1024 },
};

/** Whoever serves the requests of a connection. What is called here may send, and may stop the connection. */
export interface Http2Host<C> {
  /** The header of a request is there, and all of the request when `isEnd`. Its fields are shared: nobody changes them. */
  onRequest(stream: Http2Stream<C>, header: HeaderList, isEnd: boolean): void;
  /**
   * Bytes of a request, a view of what was received; `stream.acknowledge` lets more come. The last when `isEnd`.
   */
  onData(stream: Http2Stream<C>, bytes: Uint8Array, isEnd: boolean): void;
  /** A stream is over. `code` is why it was broken off, by either side, undefined when both were done. */
  onClosed(stream: Http2Stream<C>, code: number | undefined): void;
  /** What had to wait on a stream has been sent. */
  onRoom(stream: Http2Stream<C>): void;
  /** A ping of ours was answered. */
  onPong?(): void;
  /** The client has said that it begins nothing any more. */
  onGoAway?(): void;
  /** The client has pinged us. */
  onPing?(): void;
}

interface HeaderBlock {
  readonly streamId: number;
  readonly isEnd: boolean;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** How many are remembered. */
const brokenOffMax = 1_024;
/** Settings in a frame: there are seven in RFC 9113 and those that extend it. */
const settingsMax = 32;
/** Bytes that a client may say beside each request: windows for its answer, pings to measure the connection. */
const requestShare = 64;
/** Of a frame's payload that is nothing but a mark, the head is what it costs. */
const frameCost = 9;
/** Of what is transferred, how much may be told of the transfer: windows, pings to measure it. */
const transferShare = 1 / 8;

/**
 * The server's side of a connection of HTTP/2 (RFC 9113): what came in, frames of answers out. It has no socket and no
 * clock: `receive` takes bytes and the time, `output` has what is to be sent. Whatever a server must check is checked here,
 * and whatever a client may do without asking for anything has a budget.
 *
 * Invariants: `#streams` holds the streams of which a side is not done; no request is told of whose header breaks a rule;
 * after a ConnectionError, `fail` or `end` nothing is received any more, also of what is just being taken in.
 */
export class Http2Connection<C> {
  readonly #host: Http2Host<C>;
  readonly #limits: Http2Limits;
  readonly #sender: Sender<C>;
  readonly #splitter = new FrameSplitter({ maxFrameSize: minMaxFrameSize });
  readonly #hpack: HpackDecoder;
  readonly #streams = new AscendingMap<Http2Stream<C>>();
  /** Streams that we broke off, the last of them, and their windows: what was under way to them is no mistake. */
  readonly #brokenOff = new Map<number, number>();
  readonly #budgets: Record<'resets' | 'pings' | 'settings' | 'overheadBytes', Budget>;
  /** A header of which more has to come, before anything else may. */
  #block: HeaderBlock | undefined;
  #lastStreamId = 0;
  /** Streams behind this one are not served: we are about to go away. */
  #lastServed = 0x7fff_ffff;
  #hasSettings = false;
  #unackedSettings = 0;
  #initialSendWindow = defaultWindow;
  #receiveWindow: number;
  #unacknowledged = 0;
  #isStopped = false;
  #isOver = false;
  #nowMs = 0;

  /** Connections that share `pages` need fewer of them. */
  constructor(host: Http2Host<C>, limits: Partial<Http2Limits> = {}, pages = new Pages()) {
    this.#host = host;
    this.#limits = { ...defaultHttp2Limits, ...limits };
    const { streamWindow, connectionWindow, maxOutputBytes, maxHeaderListSize, maxHeaderFields } =
      this.#limits;
    this.#sender = new Sender({
      pages,
      maxOutputBytes,
      streamWindow,
      onClosed: (stream, { code, isBrokenOff }) => {
        this.#streams.take(stream.id);
        if (isBrokenOff) this.#remember(stream.id, stream.receiveWindow);
        host.onClosed(stream, code);
      },
      onRoom: (stream) => host.onRoom(stream),
    });
    this.#hpack = new HpackDecoder({
      maxTableSize: 4096,
      maxListSize: maxHeaderListSize,
      maxFields: maxHeaderFields,
    });
    this.#budgets = {
      resets: new Budget(this.#limits.resets),
      pings: new Budget(this.#limits.pings),
      settings: new Budget(this.#limits.settings),
      overheadBytes: new Budget(this.#limits.overheadBytes),
    };
    this.#receiveWindow = Math.max(connectionWindow, defaultWindow);
    this.#sender.settings([
      [setting.MAX_CONCURRENT_STREAMS, this.#limits.maxConcurrentStreams],
      [setting.INITIAL_WINDOW_SIZE, streamWindow],
      [setting.MAX_HEADER_LIST_SIZE, maxHeaderListSize],
    ]);
    this.#unackedSettings = 1;
    if (connectionWindow > defaultWindow) this.#sender.windowUpdate(0, connectionWindow - defaultWindow);
  }

  /** Streams of which a side is not done. */
  get streams(): Pick<AscendingMap<Http2Stream<C>>, 'size' | 'get'> {
    return this.#streams;
  }

  /** Bytes to be sent that wait for nothing but the socket. */
  get outputBytes(): number {
    return this.#sender.output.bytes;
  }

  /** True when no frame comes any more and nothing is left to be served. */
  get isOver(): boolean {
    return this.#isOver || (this.#lastServed !== 0x7fff_ffff && this.#streams.size === 0);
  }

  /** What is to be sent, in pieces; they are the caller's until he calls `outputSent`, or for good if he never does. */
  takeOutput(): readonly Uint8Array[] {
    return this.#sender.output.take();
  }

  /** All pieces that were taken are sent, and nobody reads them any more. */
  outputSent(): void {
    this.#sender.output.sent();
  }

  /** Sends more of what had to wait, after the output was taken. */
  pump(): void {
    this.#sender.pump();
  }

  /**
   * Takes what has come, from `from` on; returns where it stopped, which is before the end after `stop`: call again with
   * the rest.
   * @throws ConnectionError when the client has violated HTTP/2; a GOAWAY that says so is in the output, all streams are
   * closed, and nothing else may be received
   */
  receive(bytes: Uint8Array, from: number, nowMs: number): number {
    if (this.#isOver) return bytes.length;
    this.#nowMs = nowMs;
    this.#isStopped = false;
    try {
      return this.#splitter.push(bytes, from, this.#takeFrame);
    } catch (error) {
      if (error instanceof ConnectionError) this.fail(error.errorCode, error.message);
      throw error;
    }
  }

  /** Makes `receive` return after this frame. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Ends the connection: all streams are closed, and a GOAWAY says why. */
  fail(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#sender.goAway(this.#lastStreamId, code, reason);
    this.end(code);
  }

  /** The connection is gone: all streams are closed, nothing is sent. */
  end(code: number): void {
    this.#isOver = true;
    for (const stream of this.#streams.values()) this.#sender.close(stream, code);
  }

  /** Says that no more requests are welcome, without saying yet which is the last (§6.8). */
  announceEnd(): void {
    this.#sender.goAway(0x7fff_ffff, errorCode.NO_ERROR, '');
  }

  /** Serves what has begun, and nothing else any more. */
  drain(): void {
    if (this.#lastServed !== 0x7fff_ffff) return;
    this.#lastServed = this.#lastStreamId;
    this.#sender.goAway(this.#lastStreamId, errorCode.NO_ERROR, '');
  }

  /** Asks the client for an answer: `onPong`. */
  ping(): void {
    this.#sender.ping(new Uint8Array(8), { isAnswer: false });
  }

  /** A field, as the splitter calls it for each frame. */
  readonly #takeFrame = (
    type: number,
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean => {
    if (this.#block !== undefined && (type !== frameType.CONTINUATION || streamId !== this.#block.streamId)) {
      throw violation('a frame comes in the middle of a header');
    }
    if (!this.#hasSettings && (type !== frameType.SETTINGS || (flags & flag.ACK) !== 0)) {
      throw violation('the first frame is not SETTINGS');
    }
    switch (type) {
      case frameType.DATA:
        this.#data(flags, streamId, bytes, start, end);
        break;
      case frameType.HEADERS:
        this.#headers(flags, streamId, bytes, start, end);
        break;
      case frameType.CONTINUATION:
        this.#continuation(flags, streamId, bytes.subarray(start, end));
        break;
      case frameType.WINDOW_UPDATE:
        this.#windowUpdate(streamId, bytes, start, end);
        break;
      case frameType.RST_STREAM:
        this.#reset(streamId, bytes, start, end);
        break;
      case frameType.SETTINGS:
        this.#settings(flags, streamId, bytes.subarray(start, end));
        break;
      case frameType.PING:
        this.#ping(flags, streamId, bytes.subarray(start, end));
        break;
      case frameType.GOAWAY:
        this.#goAway(streamId, end - start);
        break;
      case frameType.PRIORITY:
        this.#priority(streamId, end - start);
        break;
      case frameType.PUSH_PROMISE:
        throw violation('a client has sent PUSH_PROMISE');
      default:
        // Of types that nobody knows nothing is said (§4.1).
        this.#overhead(end - start);
    }
    // Whoever serves requests may have ended it while this one came.
    return !this.#isStopped && !this.#isOver;
  };

  // -- Requests

  #headers(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if ((streamId & 1) === 0) throw violation('HEADERS come on a stream that no client begins');
    let from = start;
    let to = end;
    if ((flags & flag.PADDED) !== 0) {
      to -= padding(bytes, start, end);
      from++;
    }
    if ((flags & flag.PRIORITY) !== 0) from += 5;
    if (from > to) throw sizeViolation('HEADERS are too short for their padding or priority');
    const isEnd = (flags & flag.END_STREAM) !== 0;
    if ((flags & flag.END_HEADERS) !== 0) return this.#header(streamId, bytes, from, to, isEnd);
    const block = Uint8Array.from(bytes.subarray(from, to));
    this.#block = { streamId, isEnd, parts: [block], bytes: block.length };
  }

  #continuation(flags: number, streamId: number, part: Uint8Array): void {
    const block = this.#block;
    if (block === undefined) throw violation('CONTINUATION comes without HEADERS');
    block.parts.push(Uint8Array.from(part));
    block.bytes += part.length;
    const { maxHeaderBlockBytes, maxContinuations } = this.#limits;
    if (block.bytes > maxHeaderBlockBytes || block.parts.length > maxContinuations + 1) {
      throw tooMuch('headerBlock', 'a header has no end');
    }
    if ((flags & flag.END_HEADERS) === 0) return;
    this.#block = undefined;
    this.#header(streamId, Buffer.concat(block.parts), 0, block.bytes, block.isEnd);
  }

  #header(streamId: number, bytes: Uint8Array, start: number, end: number, isEnd: boolean): void {
    // Whatever becomes of it, it has to be decoded: later headers refer to it.
    const header = this.#hpack.decode(bytes, start, end);
    if (streamId <= this.#lastStreamId) return this.#laterHeader(streamId, header, isEnd);
    this.#lastStreamId = streamId;
    if (streamId > this.#lastServed) return this.#refuse(streamId, end - start);
    if (this.#streams.size >= this.#limits.maxConcurrentStreams) return this.#refuse(streamId, end - start);
    if (header.isTooLarge) this.#overhead(end - start);
    else if (header.requestProblem !== undefined) return this.#misbehave(streamId, errorCode.PROTOCOL_ERROR);
    const stream = new Http2Stream<C>(this.#sender, {
      id: streamId,
      isRemoteDone: isEnd,
      sendWindow: this.#initialSendWindow,
      receiveWindow: this.#limits.streamWindow,
    });
    stream.contentLength = header.contentLength;
    if (isEnd && stream.contentLength > 0) return this.#misbehave(streamId, errorCode.PROTOCOL_ERROR);
    this.#streams.add(streamId, stream);
    this.#budgets.overheadBytes.earn(requestShare);
    this.#host.onRequest(stream, header, isEnd);
  }

  /** A second header is the end of a request; what it says is nothing that anybody here asks for. */
  #laterHeader(streamId: number, header: HeaderList, isEnd: boolean): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      // One that we have ended may still get what was under way (§5.1).
      if (this.#brokenOff.has(streamId)) return this.#overhead(header.size);
      throw new ConnectionError(errorCode.STREAM_CLOSED, 'HEADERS come on a stream that is over');
    }
    if (stream.isRemoteDone) return this.#abort(stream, errorCode.STREAM_CLOSED);
    if (!isEnd || header.isTooLarge || header.trailerProblem !== undefined) {
      return this.#abort(stream, errorCode.PROTOCOL_ERROR);
    }
    this.#overhead(header.size);
    this.#finish(stream, empty);
  }

  #refuse(streamId: number, bytes: number): void {
    this.#overhead(bytes);
    this.#breakOff(streamId, errorCode.REFUSED_STREAM);
  }

  /** A request that never becomes one. */
  #misbehave(streamId: number, code: number): void {
    this.#breakOff(streamId, code);
    this.#countReset();
  }

  #breakOff(streamId: number, code: number): void {
    this.#sender.resetFrame(streamId, code);
    this.#remember(streamId, this.#limits.streamWindow);
  }

  #remember(streamId: number, window: number): void {
    this.#brokenOff.set(streamId, window);
    const [oldest] = this.#brokenOff.keys();
    if (this.#brokenOff.size > brokenOffMax && oldest !== undefined) this.#brokenOff.delete(oldest);
  }

  /** A stream ends for what its client did. */
  #abort(stream: Http2Stream<C>, code: number): void {
    this.#sender.reset(stream, code);
    this.#countReset();
  }

  #countReset(): void {
    if (this.#budgets.resets.spend(1, this.#nowMs)) throw tooMuch('resets', 'too many streams are reset');
  }

  /** A frame for a stream that is over, or that we have just ended: one that never was is a violation. */
  #late(streamId: number): void {
    if (streamId > this.#lastStreamId || (streamId & 1) === 0)
      throw violation('a frame is for a stream that is idle');
    this.#overhead(0);
  }

  #data(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (streamId === 0) throw violation('DATA are on no stream');
    let from = start;
    let to = end;
    if ((flags & flag.PADDED) !== 0) {
      to -= padding(bytes, start, end);
      from++;
    }
    if (from > to) throw violation('DATA are padded with more than there is');
    const length = end - start;
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError(errorCode.FLOW_CONTROL_ERROR, 'more DATA come than the connection takes');
    }
    // What the connection takes is not what holds a client back: each of its streams does.
    this.#acknowledgeConnection(length);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#lateData(streamId, length);
    if (stream.isRemoteDone) return this.#abort(stream, errorCode.STREAM_CLOSED);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.#abort(stream, errorCode.FLOW_CONTROL_ERROR);
    if (length > to - from) {
      this.#overhead(length - (to - from));
      stream.acknowledge(length - (to - from));
    }
    this.#budgets.overheadBytes.earn((to - from) * transferShare);
    stream.contentBytes += to - from;
    const isEnd = (flags & flag.END_STREAM) !== 0;
    if (from === to && !isEnd) return this.#overhead(0);
    const content = bytes.subarray(from, to);
    if (isEnd) return this.#finish(stream, content);
    if (stream.contentLength >= 0 && stream.contentBytes > stream.contentLength) {
      return this.#abort(stream, errorCode.PROTOCOL_ERROR);
    }
    this.#host.onData(stream, content, false);
  }

  /** What a client had sent of a request before it heard that nobody takes it is no more than its window. */
  #lateData(streamId: number, length: number): void {
    this.#late(streamId);
    const window = this.#brokenOff.get(streamId) ?? 0;
    if (length > window) this.#overhead(length);
    if (this.#brokenOff.has(streamId)) this.#brokenOff.set(streamId, window - length);
    else this.#misbehave(streamId, errorCode.STREAM_CLOSED);
  }

  #finish(stream: Http2Stream<C>, content: Uint8Array): void {
    if (stream.contentLength >= 0 && stream.contentBytes !== stream.contentLength) {
      return this.#abort(stream, errorCode.PROTOCOL_ERROR);
    }
    stream.isRemoteDone = true;
    this.#host.onData(stream, content, true);
  }

  #acknowledgeConnection(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged * 2 < this.#limits.connectionWindow) return;
    this.#sender.windowUpdate(0, this.#unacknowledged);
    this.#receiveWindow += this.#unacknowledged;
    this.#unacknowledged = 0;
  }

  #reset(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== 4) throw sizeViolation('RST_STREAM has a wrong size');
    if (streamId === 0) throw violation('RST_STREAM is for no stream');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) this.#late(streamId);
    else this.#sender.close(stream, readUint32(bytes, start));
    this.#countReset();
  }

  // -- What belongs to no request

  #windowUpdate(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== 4) throw sizeViolation('WINDOW_UPDATE has a wrong size');
    this.#overhead(4);
    const increment = readUint32(bytes, start) & 0x7fff_ffff;
    if (streamId === 0) {
      if (increment === 0) throw violation('WINDOW_UPDATE widens by nothing');
      if (!this.#sender.widen(increment)) {
        throw new ConnectionError(errorCode.FLOW_CONTROL_ERROR, 'the window of the connection is too wide');
      }
    } else {
      const stream = this.#streams.get(streamId);
      if (stream === undefined) return this.#late(streamId);
      if (increment === 0) return this.#abort(stream, errorCode.PROTOCOL_ERROR);
      stream.sendWindow += increment;
      if (stream.sendWindow > windowMax) return this.#abort(stream, errorCode.FLOW_CONTROL_ERROR);
      return this.#sender.wake(stream);
    }
    this.#sender.pump();
  }

  #settings(flags: number, streamId: number, payload: Uint8Array): void {
    if (streamId !== 0) throw violation('SETTINGS are on a stream');
    if (this.#budgets.settings.spend(1, this.#nowMs)) throw tooMuch('settings', 'too many SETTINGS');
    if ((flags & flag.ACK) !== 0) {
      if (payload.length > 0) throw sizeViolation('an acknowledgement of SETTINGS says something');
      if (--this.#unackedSettings < 0) throw violation('SETTINGS are acknowledged that were never sent');
      return;
    }
    this.#hasSettings = true;
    const entries = readSettings(payload);
    if (entries.length > settingsMax) throw tooMuch('settings', 'too many settings in a frame');
    // Each stream is told of the last of its windows only.
    let initialWindow = this.#initialSendWindow;
    for (const [id, value] of entries) {
      if (id === setting.HEADER_TABLE_SIZE) this.#sender.setHeaderTableSize(value);
      else if (id === setting.MAX_FRAME_SIZE) this.#sender.setMaxFrameSize(value);
      else if (id === setting.INITIAL_WINDOW_SIZE) initialWindow = value;
    }
    if (initialWindow !== this.#initialSendWindow) this.#setInitialWindow(initialWindow);
    // The client counts by them only from here on (§6.5.3), so what they allow goes behind.
    this.#sender.acknowledgeSettings();
    for (const stream of this.#streams.values()) this.#sender.wake(stream);
  }

  #setInitialWindow(bytes: number): void {
    const change = bytes - this.#initialSendWindow;
    this.#initialSendWindow = bytes;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > windowMax) {
        throw new ConnectionError(errorCode.FLOW_CONTROL_ERROR, 'SETTINGS make a window too wide');
      }
    }
  }

  #ping(flags: number, streamId: number, payload: Uint8Array): void {
    if (streamId !== 0) throw violation('PING is on a stream');
    if (payload.length !== 8) throw sizeViolation('PING has a wrong size');
    if (this.#budgets.pings.spend(1, this.#nowMs)) throw tooMuch('pings', 'too many PING frames');
    if ((flags & flag.ACK) !== 0) return this.#host.onPong?.();
    this.#sender.ping(payload, { isAnswer: true });
    this.#host.onPing?.();
  }

  #goAway(streamId: number, length: number): void {
    if (streamId !== 0) throw violation('GOAWAY is on a stream');
    if (length < 8) throw sizeViolation('GOAWAY has a wrong size');
    this.#overhead(length);
    this.#host.onGoAway?.();
  }

  /** Priorities are of no use to anybody (§5.3.2), their frames have to be right nevertheless. */
  #priority(streamId: number, length: number): void {
    if (streamId === 0) throw violation('PRIORITY is for no stream');
    this.#overhead(length);
    if (length === 5) return;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#misbehave(streamId, errorCode.FRAME_SIZE_ERROR);
    this.#abort(stream, errorCode.FRAME_SIZE_ERROR);
  }

  /** Counts a frame that belongs to no request; answers that were sent explain some of them. */
  #overhead(bytes: number): void {
    const { overheadBytes } = this.#budgets;
    overheadBytes.earn(this.#sender.takeSentBytes() * transferShare);
    if (overheadBytes.spend(frameCost + bytes, this.#nowMs))
      throw tooMuch('overheadBytes', 'more comes than requests need');
  }
}

const empty = new Uint8Array(0);

/** How much of the end of a payload is padding; its length stands in front. */
function padding(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) throw sizeViolation('a padded frame has no length of its padding');
  return bytes[start] ?? 0;
}

function violation(message: string): ConnectionError {
  return new ConnectionError(errorCode.PROTOCOL_ERROR, message);
}

function sizeViolation(message: string): ConnectionError {
  return new ConnectionError(errorCode.FRAME_SIZE_ERROR, message);
}

function tooMuch(budget: BudgetName, message: string): ConnectionError {
  return new ConnectionError(errorCode.ENHANCE_YOUR_CALM, message, budget);
}
