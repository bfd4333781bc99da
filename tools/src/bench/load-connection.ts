import { connect, type Socket } from 'node:net';
import {
  CallHeaders,
  connectionPreface,
  frameFlag,
  frameHeadSize,
  frameOf,
  framePayloadMax,
  frameType,
  initialWindow,
  settingId,
  settingsFrame,
  windowUpdateFrame,
  writeFrameHead,
} from './http2-frames.ts';
import { MessageAssembly, messageHeadSize } from './message-assembly.ts';

/** What is read at once; large answers need fewer turns with more. */
const readBytes = 256 * 1024;

const nothing = Buffer.alloc(0);

const ownWindow = 2 ** 31 - 1;

/** When the server may send less than this, it gets a new window. */
const ownWindowLow = 2 ** 30;

/** Gets messages as views that hold only until it returns. */
export type OnMessage = (message: Buffer) => void;

interface OpenCall {
  readonly onMessage: OnMessage;
  readonly isUnary: boolean;
  sendWindow: number;
  messages: number;
  /** The message of which a part has come. */
  begun: MessageAssembly | undefined;
}

/** A DATA frame of which a part has come. */
interface OpenFrame {
  readonly call: OpenCall | undefined;
  readonly streamId: number;
  readonly flags: number;
  left: number;
}

/** A stream of messages both ways. */
export interface LoadStream {
  send(message: Uint8Array): void;
}

/**
 * A gRPC client that costs next to nothing, so that on a machine it shares with the server it measures the
 * server: HTTP/2 frames straight onto a socket, one write for all that a turn of the event loop sends, no
 * promise and no stream object for a call. It does not read header blocks: a call has succeeded when its
 * message came before its trailers.
 */
export class LoadConnection {
  readonly #socket: Socket;
  readonly #headers: CallHeaders;
  readonly #path: string;
  readonly #onError: (error: Error) => void;
  readonly #calls = new Map<number, OpenCall>();
  #nextStreamId = 1;
  #outgoing: Buffer[] = [];
  #isFlushing = false;
  /** Messages that wait for the server's window, in order. */
  #blocked: { readonly streamId: number; readonly call: OpenCall; readonly frame: Buffer; size: number }[] =
    [];
  #sendWindow = initialWindow;
  #streamWindow = initialWindow;
  #receiveWindow = ownWindow;
  /** The part of a frame that has come, if it is not DATA. */
  #unread: Buffer = nothing;
  #frame: OpenFrame | undefined;
  #spare: MessageAssembly | undefined;
  #isClosed = false;

  /** Connects to `host:port` for calls to `path`, or to others where they say so; `onError` hears of the first failure and no more. */
  static async connect(options: {
    readonly endpoint: string;
    readonly path: string;
    readonly onError: (error: Error) => void;
  }): Promise<LoadConnection> {
    const connection = new LoadConnection(options);
    const socket = connection.#socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    connection.#begin();
    return connection;
  }

  private constructor(options: {
    readonly endpoint: string;
    readonly path: string;
    readonly onError: (error: Error) => void;
  }) {
    const [host = '', port = ''] = options.endpoint.split(':');
    this.#headers = new CallHeaders(options.endpoint);
    this.#path = options.path;
    this.#onError = options.onError;
    // One buffer for all that comes: what is read is looked at and forgotten.
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const callback = (size: number) => {
      this.#take(buffer.subarray(0, size));
      return true;
    };
    this.#socket = connect({ host, port: Number(port), noDelay: true, onread: { buffer, callback } });
  }

  #begin(): void {
    const socket = this.#socket;
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    this.#write(Buffer.from(connectionPreface, 'latin1'));
    this.#write(
      settingsFrame([
        [settingId.enablePush, 0],
        [settingId.initialWindowSize, ownWindow],
      ]),
    );
    this.#write(windowUpdateFrame(0, ownWindow - initialWindow));
  }

  /** One request, one answer. */
  unary(request: Uint8Array, onMessage: OnMessage, path = this.#path): void {
    const { streamId, call } = this.#open({ onMessage, isUnary: true, path });
    this.#sendMessage(streamId, call, request, frameFlag.endStream);
  }

  /** Opens a stream; it stays open as long as the connection. */
  stream(onMessage: OnMessage): LoadStream {
    const { streamId, call } = this.#open({ onMessage, isUnary: false, path: this.#path });
    return { send: (message) => this.#sendMessage(streamId, call, message, 0) };
  }

  /** Cuts the connection; what is under way is forgotten. */
  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#onError(error);
  }

  #open({
    onMessage,
    isUnary,
    path,
  }: {
    readonly onMessage: OnMessage;
    readonly isUnary: boolean;
    readonly path: string;
  }): { streamId: number; call: OpenCall } {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    const call: OpenCall = {
      onMessage,
      isUnary,
      sendWindow: this.#streamWindow,
      messages: 0,
      begun: undefined,
    };
    this.#calls.set(streamId, call);
    this.#write(frameOf(frameType.headers, frameFlag.endHeaders, streamId, this.#headers.next(path)));
    return { streamId, call };
  }

  #sendMessage(streamId: number, call: OpenCall, message: Uint8Array, flags: number): void {
    const size = messageHeadSize + message.length;
    if (size > framePayloadMax) throw new RangeError('the message does not fit into a frame');
    const frame = Buffer.allocUnsafe(frameHeadSize + size);
    const at = writeFrameHead(frame, 0, { length: size, type: frameType.data, flags, streamId });
    frame[at] = 0;
    frame.writeUInt32BE(message.length, at + 1);
    frame.set(message, at + messageHeadSize);
    this.#blocked.push({ streamId, call, frame, size });
    this.#sendBlocked();
  }

  #sendBlocked(): void {
    for (;;) {
      const next = this.#blocked[0];
      if (next === undefined || next.size > this.#sendWindow || next.size > next.call.sendWindow) return;
      this.#blocked.shift();
      this.#sendWindow -= next.size;
      next.call.sendWindow -= next.size;
      this.#write(next.frame);
    }
  }

  #write(frame: Buffer): void {
    this.#outgoing.push(frame);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    process.nextTick(() => {
      this.#isFlushing = false;
      const frames = this.#outgoing;
      this.#outgoing = [];
      if (!this.#isClosed) this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
    });
  }

  /** Takes what was read, which is overwritten afterwards. */
  #take(chunk: Buffer): void {
    try {
      this.#read(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #read(chunk: Buffer): void {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let at = 0;
    for (;;) {
      if (this.#frame !== undefined) at = this.#readData(this.#frame, bytes, at);
      if (this.#frame !== undefined || bytes.length - at < frameHeadSize) break;
      const payloadAt = at + frameHeadSize;
      const size = bytes.readUIntBE(at, 3);
      const type = bytes[at + 3]!;
      const flags = bytes[at + 4]!;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      if (type === frameType.data)
        this.#beginData({ call: this.#calls.get(streamId), streamId, flags, left: size });
      else if (payloadAt + size > bytes.length) break;
      else this.#onFrame(type, flags, streamId, bytes.subarray(payloadAt, payloadAt + size));
      at = type === frameType.data ? payloadAt : payloadAt + size;
    }
    this.#unread = at === bytes.length ? nothing : Buffer.from(bytes.subarray(at));
  }

  #beginData(frame: OpenFrame): void {
    if ((frame.flags & frameFlag.padded) !== 0) throw new Error('the server sends padded frames');
    this.#frame = frame;
    this.#receiveWindow -= frame.left;
    if (this.#receiveWindow >= ownWindowLow) return;
    this.#write(windowUpdateFrame(0, ownWindow - this.#receiveWindow));
    this.#receiveWindow = ownWindow;
  }

  /** Takes what there is of a DATA frame; returns the offset behind it. */
  #readData(frame: OpenFrame, bytes: Buffer, at: number): number {
    const end = Math.min(at + frame.left, bytes.length);
    if (frame.call !== undefined) this.#takeMessages(frame.call, bytes.subarray(at, end));
    frame.left -= end - at;
    if (frame.left > 0) return end;
    this.#frame = undefined;
    if ((frame.flags & frameFlag.endStream) !== 0) this.#onEnd(frame.streamId);
    return end;
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case frameType.headers:
        if ((flags & frameFlag.endStream) !== 0) this.#onEnd(streamId);
        return;
      case frameType.settings:
        return this.#onSettings(flags, payload);
      case frameType.ping:
        if ((flags & frameFlag.ack) === 0) this.#write(frameOf(frameType.ping, frameFlag.ack, 0, payload));
        return;
      case frameType.windowUpdate:
        return this.#onWindowUpdate(streamId, payload.readUInt32BE(0));
      case frameType.resetStream:
        throw new Error(`the server reset a call with error ${payload.readUInt32BE(0)}`);
      case frameType.goAway:
        throw new Error(`the server ends the connection with error ${payload.readUInt32BE(4)}`);
      default: // Others carry nothing we need.
    }
  }

  #onEnd(streamId: number): void {
    const call = this.#calls.get(streamId);
    this.#calls.delete(streamId);
    if (call === undefined) return;
    if (!call.isUnary) throw new Error('the server ended a stream');
    if (call.messages !== 1) throw new Error(`a call was answered with ${call.messages} messages`);
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & frameFlag.ack) !== 0) return;
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== settingId.initialWindowSize) continue;
      const window = payload.readUInt32BE(at + 2);
      for (const call of this.#calls.values()) call.sendWindow += window - this.#streamWindow;
      this.#streamWindow = window;
    }
    this.#write(frameOf(frameType.settings, frameFlag.ack, 0, new Uint8Array(0)));
    this.#sendBlocked();
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) this.#sendWindow += increment;
    else {
      const call = this.#calls.get(streamId);
      if (call !== undefined) call.sendWindow += increment;
    }
    this.#sendBlocked();
  }

  /** Hands on the messages that `part` completes, and keeps the rest of it. */
  #takeMessages(call: OpenCall, part: Buffer): void {
    let at = 0;
    if (call.begun !== undefined) {
      at = call.begun.add(part);
      if (!call.begun.isWhole) return;
      onWhole(call, call.begun.message);
      this.#spare = call.begun;
      call.begun = undefined;
    }
    while (part.length - at >= messageHeadSize) {
      if (part[at] !== 0) throw new Error('the server compressed a message nobody asked it to');
      const end = at + messageHeadSize + part.readUInt32BE(at + 1);
      if (end > part.length) break;
      onWhole(call, part.subarray(at + messageHeadSize, end));
      at = end;
    }
    if (at === part.length) return;
    call.begun = this.#spare ?? new MessageAssembly();
    this.#spare = undefined;
    call.begun.begin();
    call.begun.add(part.subarray(at));
  }
}

function onWhole(call: OpenCall, message: Buffer): void {
  call.messages++;
  call.onMessage(message);
}
