import {
  ConnectionError,
  errorCode,
  Http2Connection,
  type HeaderList,
  type Http2Host,
  type Http2Limits,
  type Http2Stream,
} from '@quorate/http2';
import type { Socket } from 'node:net';
import { RpcError, status } from '../errors.ts';
import type { ServedConnection } from '../grpc-server.ts';
import type { CutReason } from '../limits.ts';
import { startReading, stopReading } from '../reading.ts';
import { PingPolicy } from '../ping-policy.ts';
import { HttpStream } from './http-stream.ts';
import { LeanCall } from './lean-call.ts';
import type { LeanGrpcServer } from './lean-grpc-server.ts';
import { headOf } from './request-head.ts';

/** Nothing more is taken in of a connection while so many of its calls are in line. */
const readyMax = 64;
/** Calls of a connection that wait until it takes what it asked for before. */
const heldMax = 64;
/** Bytes that are taken from a connection in one turn. */
const turnBytesMax = 64 * 1024;
/** Bytes that may wait in a socket, and in all for a client that does not read, before nothing more is read of it. */
const socketBytesMax = 256 * 1024;
const outputBytesMax = 1024 * 1024;
/** Bytes that are sent to a connection in one turn, however fast it takes them: long answers leave the others their turns. */
const turnOutputBytesMax = 512 * 1024;

/** What is served on a stream: a call, or a request that is none. */
export type Served = LeanCall | HttpStream;

/**
 * One connection: its socket, the state of HTTP/2 behind it, and the calls on it. What comes is taken in by slices, and
 * what is said in a turn goes out in one write.
 *
 * Invariant: calls in `#ready` are started in their order, each once.
 */
export class LeanSession implements Http2Host<Served> {
  readonly server: LeanGrpcServer;
  readonly commonName: string | undefined;
  readonly address: string | undefined;
  readonly #socket: Socket;
  readonly #served: ServedConnection;
  readonly #http2: Http2Connection<Served>;
  readonly #pings: PingPolicy;
  readonly #ready: LeanCall[] = [];
  /** Calls that wait until the client has taken more of what it asked for. */
  readonly #held: LeanCall[] = [];
  /** What came and was not taken in, from `#restAt` of the first piece on. */
  readonly #rest: Buffer[] = [];
  #restAt = 0;
  #turnBytes = 0;
  #isReading = true;
  #isFlushing = false;
  #waitsForSocket = false;
  #isClosed = false;
  #callsBegun = 0;
  /** Calls on it at present: their stream is open, or their handler runs. And requests that are no calls. */
  calls = 0;
  requests = 0;
  /** Bytes that it has asked for and not taken, as they were counted last. */
  untakenBytes = 0;
  /** When something was taken in last, when something came last, and when a ping was sent that is not answered yet. */
  turnMs: number;
  lastReadMs: number;
  pingedAtMs: number | undefined;

  constructor(
    server: LeanGrpcServer,
    socket: Socket,
    served: ServedConnection,
    limits: Partial<Http2Limits>,
  ) {
    this.server = server;
    this.#socket = socket;
    this.#served = served;
    this.commonName = served.commonName;
    this.address = socket.remoteAddress;
    this.lastReadMs = server.clock.now();
    this.turnMs = this.lastReadMs;
    this.#pings = new PingPolicy(server.pingMinTimeMs);
    this.#http2 = new Http2Connection<Served>(this, limits, server.pages);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', this.#drained);
    socket.on('end', () => this.#gone());
    socket.on('close', () => this.#gone());
    socket.on('error', () => this.#gone());
    this.flushSoon();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  // -- What comes

  #received(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.lastReadMs = this.server.clock.now();
    this.#rest.push(chunk);
    if (this.#rest.length === 1) this.#takeIn();
  }

  /** Takes in what came, until there are enough calls in line, and starts them. */
  #takeIn(): void {
    while (this.#rest.length > 0 && this.#ready.length < readyMax && !this.#isClosed) {
      const chunk = this.#rest[0] ?? noBytes;
      try {
        const from = this.#restAt;
        this.turnMs = this.server.clock.now();
        this.#restAt = this.#http2.receive(chunk, from, this.turnMs);
        this.#turnBytes += this.#restAt - from;
      } catch (error) {
        return error instanceof ConnectionError ? this.#violated(error) : this.#broke(error);
      }
      if (this.#restAt < chunk.length) break;
      this.#rest.shift();
      this.#restAt = 0;
    }
    if (this.#ready.length > 0) this.server.run(this);
    if (this.#ready.length === 0 && this.#rest.length > 0) this.server.nextTurn(this);
    this.flushSoon();
    this.#goOn();
  }

  /** Reads on, or not for now: each connection has its share of a turn. */
  #goOn(): void {
    if (this.#isClosed) return;
    const isOverTurn = this.#turnBytes >= turnBytesMax;
    const mayRead =
      this.#rest.length === 0 &&
      this.#ready.length < readyMax &&
      !isOverTurn &&
      this.#http2.outputBytes < outputBytesMax;
    if (isOverTurn) this.server.nextTurn(this);
    if (mayRead === this.#isReading) return;
    this.#isReading = mayRead;
    if (mayRead) startReading(this.#socket);
    else stopReading(this.#socket);
  }

  /** A new turn: what was left is taken in. */
  beginTurn(): void {
    this.#turnBytes = 0;
    this.#takeIn();
  }

  onRequest(stream: Http2Stream<Served>, header: HeaderList, isEnd: boolean): void {
    const head = headOf(header);
    const { onRequest, takesCalls = true } = this.#served;
    this.#callsBegun++;
    if (!header.isTooLarge && onRequest !== undefined && !(takesCalls && head.isCall)) {
      if (!this.server.admitRequest(this)) {
        stream.reset(errorCode.REFUSED_STREAM);
        return this.flushSoon();
      }
      const request = new HttpStream(stream, header, this);
      stream.context = request;
      onRequest(request, request.headers, 0, request.rawHeaders);
      if (isEnd) request.receive(noBytes, true);
      return;
    }
    if (!header.isTooLarge && !head.isCall) {
      stream.sendHeader(unsupportedMediaType, { isEnd: true });
      return this.flushSoon();
    }
    const call = this.server.begin(this, stream, header, head);
    if (call === undefined) return;
    stream.context = call;
    if (!call.isSingleRequest) this.ready(call);
    if (isEnd) this.#take(call, noBytes, true);
  }

  onData(stream: Http2Stream<Served>, bytes: Uint8Array, isEnd: boolean): void {
    const { context } = stream;
    if (context === undefined) return stream.acknowledge(bytes.length);
    if (context instanceof LeanCall) this.#take(context, bytes, isEnd);
    else context.receive(bytes, isEnd);
  }

  #take(call: LeanCall, bytes: Uint8Array, isEnd: boolean): void {
    if (call.take(bytes, isEnd)) this.ready(call);
    this.server.countUnfinished(call, isEnd);
  }

  /** Puts a call in line for its handler. */
  ready(call: LeanCall): void {
    if (call.isReady) return;
    if (this.server.holdsMuch(this)) return this.#hold(call);
    call.isReady = true;
    if (this.#ready.push(call) >= readyMax) this.#http2.stop();
    this.server.runSoon(this);
  }

  /** Whoever asks for more than he takes waits with the next call; what he takes meanwhile lets it in. */
  #hold(call: LeanCall): void {
    if (this.#held.length >= heldMax) return this.server.refuse(call, 'connection_calls');
    this.#held.push(call);
    this.server.countHeld(call);
  }

  /** The client has taken something. */
  taken(): void {
    if (this.#held.length === 0 || this.server.holdsMuch(this)) return;
    for (const call of this.#held.splice(0)) this.ready(call);
  }

  /** Starts the next calls in line, at most so many; false when none is left. */
  startSome(most: number): boolean {
    for (const call of this.#ready.splice(0, most)) call.start();
    return this.#ready.length > 0;
  }

  /** All that were in line are started. */
  rested(): void {
    if (this.#rest.length > 0) this.#takeIn();
    else this.#goOn();
  }

  onClosed(stream: Http2Stream<Served>, code: number | undefined): void {
    const { context } = stream;
    if (context instanceof LeanCall) return this.server.streamClosed(context);
    if (context === undefined) return;
    this.server.requestEnded(this);
    context.ended(code);
  }

  onRoom(stream: Http2Stream<Served>): void {
    stream.context?.hasRoom();
    if (stream.context instanceof LeanCall) this.sent(stream.context);
  }

  /** A client that pings more often than it was told goes, and hears why in the words that gRPC's clients know. */
  onPing(): void {
    const sentBytes = this.#socket.bytesWritten;
    if (!this.#pings.isTooMany({ nowMs: this.server.clock.now(), hasCalls: this.calls > 0, sentBytes }))
      return;
    this.server.observer.onCut?.('pings');
    // No offence: others from there need not wait for it.
    this.#end(errorCode.ENHANCE_YOUR_CALM, 'too_many_pings');
  }

  onPong(): void {
    this.pingedAtMs = undefined;
    this.server.answered(this);
  }

  // -- What goes

  /** Something of a call was sent, or waits to be. */
  sent(call: LeanCall): void {
    this.#pings.noteSent();
    this.server.countUntaken(call);
    this.flushSoon();
  }

  /** Sends what there is at the end of this turn. */
  flushSoon(): void {
    if (this.#isFlushing || this.#isClosed) return;
    this.#isFlushing = true;
    this.server.flushSoon(this);
  }

  /** Sends what there is. */
  flushNow(): void {
    try {
      this.#flush();
    } catch (error) {
      this.#broke(error);
    }
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#isClosed || this.#socket.destroyed) return;
    if (this.#waitsForSocket) return this.server.countBuffered(this, this.bufferedBytes);
    let sentBytes = 0;
    // With TLS a socket is never done with what it was given in the same turn.
    if (this.#socket.writableLength === 0) this.#http2.outputSent();
    // To one that is slow much goes at a time: the least that it keeps holds a page.
    const isSlow = this.#socket.writableLength > 0;
    while (this.#http2.outputBytes > 0 && !this.#waitsForSocket) {
      if (sentBytes >= turnOutputBytesMax) return this.flushSoon();
      sentBytes += this.#http2.outputBytes;
      this.#write(this.#http2.takeOutput(), isSlow ? this.#drained : undefined);
      // The system has taken all of it.
      if (this.#socket.writableLength === 0) this.#http2.outputSent();
      this.#waitsForSocket =
        isSlow || (this.#socket.writableNeedDrain && this.#socket.writableLength > socketBytesMax);
      if (!this.#waitsForSocket) this.#http2.pump();
    }
    if (this.#waitsForSocket) this.server.countBuffered(this, this.bufferedBytes);
    if (this.#http2.isOver && this.#http2.outputBytes === 0) this.#socket.end();
    this.taken();
    this.#goOn();
  }

  #write(parts: readonly Uint8Array[], onTaken: (() => void) | undefined): void {
    const last = parts.at(-1);
    if (parts.length > 1) this.#socket.cork();
    for (const part of parts) this.#socket.write(part, part === last ? onTaken : undefined);
    if (parts.length > 1) this.#socket.uncork();
  }

  /** The socket has taken all, or nobody waits for it any more. */
  readonly #drained = (): void => {
    if (this.#isClosed) return;
    this.#waitsForSocket = false;
    this.server.countBuffered(this, 0);
    if (this.#socket.writableLength === 0) this.#http2.outputSent();
    this.#http2.pump();
    this.flushSoon();
    this.#goOn();
  };

  /** Bytes that wait for the client to take them, beside those of its streams. */
  get bufferedBytes(): number {
    return this.#http2.outputBytes + this.#socket.writableLength;
  }

  ping(): void {
    this.pingedAtMs = this.server.clock.now();
    this.#http2.ping();
    this.flushSoon();
  }

  // -- The end

  /** Serves what has begun; `drain` behind it takes nothing new. */
  announceEnd(): void {
    this.#http2.announceEnd();
    this.#http2.ping();
    this.flushSoon();
  }

  drain(): void {
    this.#http2.drain();
    this.flushSoon();
  }

  /** Ends the connection for what it does. */
  cut(reason: CutReason): void {
    if (this.#isClosed) return;
    this.server.observer.onCut?.(reason);
    this.#served.onOffence?.();
    this.#end(errorCode.ENHANCE_YOUR_CALM, `a limit was exceeded: ${reason}`);
  }

  #violated(error: ConnectionError): void {
    const reason = error.budget === 'overheadBytes' ? 'overhead' : error.budget;
    const isNamed = reason === 'overhead' || reason === 'pings' || reason === 'settings';
    this.server.observer.onCut?.(isNamed ? reason : 'protocol');
    this.#served.onOffence?.();
    this.#end(error.errorCode, error.message);
  }

  /** A mistake of ours, in what this connection asks for: the others need not end for it. */
  #broke(error: unknown): void {
    this.server.observer.onInternalError?.('', error);
    this.#end(errorCode.INTERNAL_ERROR, 'internal error');
  }

  #end(code: number, why: string): void {
    if (this.#isClosed) return;
    this.#http2.fail(code, why);
    for (const part of this.#http2.takeOutput()) this.#socket.write(part);
    stopReading(this.#socket);
    this.#close();
    // What was said is to arrive, if the client reads at all.
    this.#socket.end();
    this.#destroyLater();
  }

  /** Nobody waits for ever for a client to take the last of what it was sent. */
  #destroyLater(): void {
    const linger = this.server.clock.after(lingerMs, () => this.#socket.destroy());
    this.#socket.once('close', () => linger.cancel());
  }

  /** The connection is gone, or nobody serves it any more. */
  destroy(): void {
    this.#gone();
    this.#socket.destroy();
  }

  #gone(): void {
    if (this.#isClosed) return;
    this.#http2.end(errorCode.CANCEL);
    if (this.#callsBegun === 0) this.#served.onOffence?.();
    this.#close();
    if (this.#socket.destroyed) return;
    this.#socket.destroySoon();
    this.#destroyLater();
  }

  #close(): void {
    this.#isClosed = true;
    this.#ready.length = 0;
    this.#held.length = 0;
    this.#rest.length = 0;
    this.server.closed(this);
  }
}

const noBytes = Buffer.alloc(0);
/** What a port for gRPC says to anything else. */
const unsupportedMediaType = [{ name: ':status', value: '415', isRepeated: true }];
/** For a client to hear why its connection ends. */
const lingerMs = 1_000;

/** Refuses a call before anybody has looked at it. */
export function tooManyRequests(): RpcError {
  return new RpcError(status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests');
}
