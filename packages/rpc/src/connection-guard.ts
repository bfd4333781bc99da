import { Slices, type Clock, type Timer } from '@quorate/std';
import {
  constants,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Debts } from './debts.ts';
import { status } from './errors.ts';
import type { StreamListener } from './grpc-js-door.ts';
import type { ClientLimits, CutReason } from './limits.ts';
import { MessageProgress } from './message-progress.ts';
import { PingPolicy } from './ping-policy.ts';
import { startReading, stopReading } from './reading.ts';
import { TrafficMeter } from './traffic-meter.ts';

/** How often connections are looked at; with many of them less often, since a look costs some 0.2 µs for each. */
const lookIntervalMs = 25;
const lookIntervalMsPerConnection = 0.05;
/** Calls of a connection that begin at once in so many milliseconds. */
const breathCallsMax = 8;
const breathMs = 10;
/** Of those that wait, so many of a connection are let in before it is the next connection's turn. */
const turnCallsMax = 8;
/** After so many that came at once, a connection is read on only some time after they were let in. */
const crowdMin = 200;
const restMs = 5;
/** So long calls are let in, or ended, before everything else that happens has its turn. */
const sliceMs = 2;
/** With so many calls that wait, nothing more is read of their connection. */
const waitingCallsMax = 64;
/** Pings and settings that come at once, and in a second for ever: no client has a reason for a hundredth of it. */
const signalsBurst = 1_000;
const signalsPerSecond = 100;
/** Calls of a connection that may be ended for what they hold, or the lack of it, at once and in a second for ever. */
const cutCallsBurst = 100;
const cutCallsPerSecond = 10;
/** Bytes of messages that are taken from a connection in one turn. */
const turnBytesMax = 256 * 1024;
/** Of all that waits to be taken, the part that one connection may hold before its next calls have to wait, and how many. */
const untakenShare = 1 / 16;
const heldCallsMax = 64;
/** Smaller ones come with calls, which are counted themselves. */
const largeChunkBytes = 4 * 1024;
/** Calls that end, or are given up, of which handlers hear at once. */
const endsAtOnceMax = 64;

export interface ConnectionGuardOptions {
  readonly limits: ClientLimits;
  readonly clock: Clock;
  /** Whether the method behind a path takes one request, which has to come as a whole with its call. */
  readonly isSingleRequest: (path: string) => boolean;
  readonly onCut: (reason: CutReason) => void;
  /** Shortest time between two pings of a client with calls under way. */
  readonly pingMinTimeMs: number;
}

type Arrival = Parameters<StreamListener>;

/** A connection of a client, with what is counted of it. */
interface Connection {
  readonly session: ServerHttp2Session;
  /** Told of bytes that come and go; some transports do not count. */
  readonly socket: Pick<Socket, 'bytesRead' | 'bytesWritten'> | undefined;
  readonly commonName: string | undefined;
  /** Told of each offence: a cut, a violation, an end without a call. */
  readonly onOffence: (() => void) | undefined;
  readonly meter: TrafficMeter;
  /** Counts calls that were ended by a limit as if they were bytes. */
  readonly cutCalls: TrafficMeter;
  readonly pings: PingPolicy;
  isCut: boolean;
  /** When calls were last counted from 0, and how many have come since. */
  breathAtMs: number;
  breathCalls: number;
  /** Calls that are to be let in. */
  readonly waiting: Arrival[];
  /** Calls that are to wait until it takes some of what it has asked for. */
  readonly held: Arrival[];
  untakenBytes: number;
  /** Nothing is read until they are, or for the rest of this turn. */
  isStopped: boolean;
  /** So many came at once that it rests before the next are read. */
  isCrowd: boolean;
  turnBytes: number;
  callsCut: number;
  /** Calls at present: their stream is open or their work runs. */
  readonly open: Set<Exchange>;
  calls: number;
  headerBytes: number;
  messageBytes: number;
}

/** What is known of a connection when it comes. */
export interface Newcomer {
  /** Of the client's certificate, and only of one that was verified. */
  readonly commonName?: string | undefined;
  /** Told when a connection was cut, violates HTTP/2, or ends without a call. */
  readonly onOffence?: (() => void) | undefined;
}

/** A call from its first header until its stream is closed and its work is done. */
export class Exchange {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  readonly id: string;
  readonly headerBytes: number;
  isStreamOpen = true;
  runs = false;
  readonly #guard: ConnectionGuard;

  constructor(guard: ConnectionGuard, made: Pick<Exchange, 'connection' | 'stream' | 'id' | 'headerBytes'>) {
    this.#guard = guard;
    this.connection = made.connection;
    this.stream = made.stream;
    this.id = made.id;
    this.headerBytes = made.headerBytes;
  }

  get commonName(): string | undefined {
    return this.connection.commonName;
  }

  /** That many bytes wait for the client to take them. */
  owe(bytes: number): void {
    this.#guard.owe(this, bytes);
  }

  /** The client has taken that many. */
  paid(bytes: number): void {
    this.#guard.paid(this, bytes);
  }

  /** The handler has begun, or is done. */
  setRuns(runs: boolean): void {
    this.runs = runs;
    if (!runs) this.#guard.settle(this);
  }

  /** The client has given it up, perhaps with a thousand others: tells the handler now or soon. */
  giveUp(tell: () => void): void {
    this.#guard.ends.run(tell);
  }
}

/**
 * Stands between the connections and grpc-js: lets calls in up to a limit, ends those that never become whole or are
 * never taken, and connections that send what no call needs. What passes through costs a few additions a call.
 *
 * Invariants: `#exchanges` holds each call from its first header until its stream is closed and its handler is done; a
 * connection's `open` counts its own.
 */
export class ConnectionGuard {
  /** What handlers are told of calls that were given up. */
  readonly ends: Slices;
  readonly #options: ConnectionGuardOptions;
  readonly #next: StreamListener;
  readonly #connections = new Map<Http2Session, Connection>();
  readonly #exchanges = new Map<string, Exchange>();
  readonly #unfinished = new Debts<Exchange>();
  readonly #untaken = new Debts<Exchange>();
  #arriving: (Newcomer & { readonly socket: Duplex }) | undefined;
  /** Connections with calls that wait, the next one first. */
  readonly #crowded = new Set<Connection>();
  /** Calls that were counted, and are let in later. */
  readonly #counted = new WeakSet<ServerHttp2Stream>();
  /** Of the calls at present. */
  #heldHeaderBytes = 0;
  #lastId = 0;
  #look: Timer | undefined;
  #isClosed = false;

  constructor(http2: Http2Server, next: StreamListener, options: ConnectionGuardOptions) {
    this.#options = options;
    this.#next = next;
    this.ends = new Slices({ atOnceMax: endsAtOnceMax, sliceMs }, options.clock);
    http2.on('session', (session) => this.#connect(session));
    // Node has ended the session by itself then. Errors of the socket are no violation.
    http2.on('sessionError', (error: NodeJS.ErrnoException, session: Http2Session) => {
      if (error.code?.startsWith('ERR_HTTP2') !== true) return;
      options.onCut('protocol');
      this.#connections.get(session)?.onOffence?.();
    });
    http2.on('stream', (stream, headers, flags, rawHeaders) =>
      this.#arrive(stream, headers, flags, rawHeaders),
    );
  }

  /** How much there is of all that has a limit. */
  get usage(): {
    readonly connections: number;
    readonly calls: number;
    readonly unfinishedBytes: number;
    readonly untakenBytes: number;
  } {
    return {
      connections: this.#connections.size,
      calls: this.#exchanges.size,
      unfinishedBytes: this.#unfinished.total,
      untakenBytes: this.#untaken.total,
    };
  }

  /** Looks at connections no more. */
  close(): void {
    this.#look?.cancel();
    this.#look = undefined;
    this.#isClosed = true;
  }

  /** Runs `inject`, which makes a session of this socket. */
  accept(socket: Duplex, newcomer: Newcomer, inject: () => void): void {
    this.#arriving = { socket, ...newcomer };
    try {
      inject();
    } finally {
      this.#arriving = undefined;
    }
  }

  /** The call that has this for its authority: that is all of a stream that grpc-js passes on to handlers. */
  exchangeOf(authority: string): Exchange | undefined {
    return this.#exchanges.get(authority);
  }

  owe(exchange: Exchange, bytes: number): void {
    if (!exchange.isStreamOpen) return;
    exchange.connection.pings.noteSent();
    this.#untaken.add(exchange, bytes, this.#options.clock.now());
    exchange.connection.untakenBytes += bytes;
    this.#shrink(this.#untaken, this.#options.limits.maxUntakenBytes, 'untaken_responses');
  }

  paid(exchange: Exchange, bytes: number): void {
    this.#take(exchange.connection, this.#untaken.pay(exchange, bytes));
  }

  /** Lets the calls in that have waited for it, when a connection has taken enough. */
  #take(connection: Connection, bytes: number): void {
    connection.untakenBytes -= bytes;
    if (connection.held.length === 0 || this.#holdsMuch(connection)) return;
    connection.waiting.push(...connection.held.splice(0));
    this.#admitSoon(connection);
  }

  #holdsMuch({ untakenBytes }: Connection): boolean {
    return untakenBytes > this.#options.limits.maxUntakenBytes * untakenShare;
  }

  /** Forgets a call of which nothing is left. */
  settle(exchange: Exchange): void {
    exchange.connection.pings.noteSent(); // Its status.
    if (exchange.isStreamOpen || exchange.runs) return;
    if (!this.#exchanges.delete(exchange.id)) return;
    exchange.connection.open.delete(exchange);
    this.#heldHeaderBytes -= exchange.headerBytes;
  }

  #connect(session: ServerHttp2Session): void {
    const { limits, clock } = this.#options;
    const arriving = this.#arriving;
    const meter = new TrafficMeter(
      { burstBytes: limits.overheadBurstBytes, bytesPerSecond: limits.overheadBytesPerSecond },
      clock.now(),
    );
    const connection: Connection = {
      ...{
        session,
        meter,
        cutCalls: new TrafficMeter(
          { burstBytes: cutCallsBurst, bytesPerSecond: cutCallsPerSecond },
          clock.now(),
        ),
        pings: new PingPolicy(this.#options.pingMinTimeMs),
        isCut: false,
        breathAtMs: -Infinity,
        breathCalls: 0,
        waiting: [],
        held: [],
        untakenBytes: 0,
        isStopped: false,
        isCrowd: false,
        turnBytes: 0,
        callsCut: 0,
        open: new Set(),
        calls: 0,
        headerBytes: 0,
        messageBytes: 0,
      },
      socket: arriving !== undefined && countsBytes(arriving.socket) ? arriving.socket : undefined,
      commonName: arriving?.commonName,
      onOffence: arriving?.onOffence,
    };
    this.#connections.set(session, connection);
    session.once('close', () => {
      this.#connections.delete(session);
      if (connection.calls === 0) connection.onOffence?.();
    });
    this.#countSignals(connection);
    if (!this.#isClosed) this.#look ??= this.#lookLater();
  }

  /** Pings and settings are told one by one, so that a flood of them ends within the bytes that were just read. */
  #countSignals(connection: Connection): void {
    const { clock } = this.#options;
    const { session } = connection;
    const count = (reason: 'pings' | 'settings'): (() => void) => {
      const meter = new TrafficMeter(
        { burstBytes: signalsBurst, bytesPerSecond: signalsPerSecond },
        clock.now(),
      );
      let readBytes = 0;
      return () => {
        readBytes++;
        if (meter.isOver({ readBytes, ...noTraffic }, clock.now())) this.#cutConnection(connection, reason);
      };
    };
    session.on('ping', count('pings'));
    session.on('ping', () => this.#policePing(connection));
    session.on('remoteSettings', count('settings'));
  }

  /** Ends a connection that pings more often than it was told, in the words that gRPC's clients know: they slow down. */
  #policePing(connection: Connection): void {
    const { session, socket, pings, open, waiting, held, isCut } = connection;
    const hasCalls = open.size + waiting.length + held.length > 0;
    const sentBytes = socket?.bytesWritten ?? 0;
    if (!pings.isTooMany({ nowMs: this.#options.clock.now(), hasCalls, sentBytes })) return;
    if (isCut || session.destroyed) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
    // No offence: others from there need not wait for it.
    this.#cutConnection(connection, 'pings', { isOffence: false });
  }

  /**
   * Lets a call in, at once or, when its connection has begun many just now, after all that was just read has been
   * taken in: those that were reset in the same breath have cost next to nothing by then. What comes of a request
   * meanwhile waits in its stream.
   */
  #arrive(...arrival: Parameters<StreamListener>): void {
    const [stream] = arrival;
    // A stream may fail more than once, and grpc-js listens once: the next error would end the process.
    stream.on('error', () => {});
    const connection = stream.session && this.#connections.get(stream.session);
    if (connection === undefined) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    // It is about to end, and this stream with it.
    if (connection.isCut) return;
    const { clock } = this.#options;
    const nowMs = clock.now();
    // Time passes during a long breath, too: once calls wait, only its end lets the next in.
    if (connection.breathCalls < breathCallsMax && nowMs - connection.breathAtMs > breathMs) {
      connection.breathAtMs = nowMs;
      connection.breathCalls = 0;
    }
    if (connection.breathCalls < breathCallsMax) {
      connection.breathCalls++;
      return this.#admit(connection, ...arrival);
    }
    const waiting = connection.waiting.push(arrival);
    if (waiting === waitingCallsMax) this.#stop(connection);
    connection.isCrowd ||= waiting >= crowdMin;
    this.#admitSoon(connection);
  }

  #admitSoon(connection: Connection): void {
    if (this.#crowded.size === 0) this.#options.clock.soon(() => this.#admitWaiting());
    this.#crowded.add(connection);
  }

  /** Lets in calls that wait, some of each connection in turn, for a slice of time. */
  #admitWaiting(): void {
    const { clock } = this.#options;
    const endMs = clock.now() + sliceMs;
    for (const connection of this.#crowded) {
      this.#crowded.delete(connection);
      for (const [stream, ...rest] of connection.waiting.splice(0, turnCallsMax)) {
        if (!connection.isCut && !stream.closed && !stream.destroyed)
          this.#admit(connection, stream, ...rest);
      }
      // One that goes to the end of a set is met again.
      if (connection.waiting.length > 0) this.#crowded.add(connection);
      else this.#breatheAgain(connection);
      if (clock.now() >= endMs) break;
    }
    if (this.#crowded.size > 0) clock.soon(() => this.#admitWaiting());
  }

  #breatheAgain(connection: Connection): void {
    connection.breathCalls = 0;
    if (!connection.isCrowd) return this.#goOn(connection);
    // Taking in the next as many is most of the work: others have their turns meanwhile.
    this.#options.clock.after(restMs, () => {
      connection.isCrowd = false;
      this.#goOn(connection);
    });
  }

  /** Reads nothing more of a connection, in the middle of what comes. */
  #stop(connection: Connection): void {
    connection.isStopped = true;
    stopReading(connection.socket);
  }

  #goOn(connection: Connection): void {
    const { isStopped, isCut, isCrowd, waiting } = connection;
    if (!isStopped || isCut || isCrowd || waiting.length >= waitingCallsMax) return;
    connection.isStopped = false;
    startReading(connection.socket);
  }

  /** However many bytes of messages come of one connection, others have their turn in between. */
  #countTurn(connection: Connection, bytes: number): void {
    if (connection.turnBytes === 0) {
      this.#options.clock.soon(() => {
        connection.turnBytes = 0;
        this.#goOn(connection);
      });
    }
    connection.turnBytes += bytes;
    if (connection.turnBytes > turnBytesMax && !connection.isStopped) this.#stop(connection);
  }

  #admit(connection: Connection, ...arrival: Arrival): void {
    const { limits } = this.#options;
    const [stream, headers, , rawHeaders] = arrival;
    const headerBytes = sizeOf(rawHeaders);
    if (!this.#counted.delete(stream) && !this.#count(connection, stream, headerBytes)) return;
    if (connection.open.size >= limits.maxConcurrentStreams) return this.#refuse(stream, 'connection_calls');
    if (this.#holdsMuch(connection)) return this.#hold(connection, arrival);
    if (this.#exchanges.size >= limits.maxConcurrentCalls) return this.#refuse(stream, 'calls');
    if (this.#heldHeaderBytes + headerBytes > limits.maxUnfinishedBytes) return this.#refuse(stream, 'calls');
    const exchange = new Exchange(this, { connection, stream, headerBytes, id: String(++this.#lastId) });
    connection.open.add(exchange);
    this.#exchanges.set(exchange.id, exchange);
    this.#heldHeaderBytes += headerBytes;
    stream.once('close', () => {
      exchange.isStreamOpen = false;
      this.#unfinished.forgive(exchange);
      this.#take(connection, this.#untaken.forgive(exchange));
      this.settle(exchange);
    });
    const path = headers[':path'] ?? '';
    headers[':authority'] = exchange.id;
    // One that waited here may have come to its end before anybody listened: a request without a message.
    const hasEnded = stream.readableEnded;
    this.#next(...arrival);
    if (hasEnded) stream.emit('end');
    if (stream.readableEnded || stream.destroyed) return;
    this.#followRequest(exchange, this.#options.isSingleRequest(path));
  }

  /** Counts a call; false when its headers are too large, and it was refused. */
  #count(connection: Connection, stream: ServerHttp2Stream, headerBytes: number): boolean {
    connection.calls++;
    // Node keeps to the limit, too, but only after the client has agreed to it.
    if (headerBytes <= this.#options.limits.maxHeaderBytes) {
      connection.headerBytes += headerBytes;
      return true;
    }
    this.#refuse(stream, 'header_bytes');
    // They are no bytes of a call: whoever goes on is out before the next of them are read.
    this.#lookAt(connection, this.#options.clock.now());
    return false;
  }

  /** Whoever asks for more than he takes waits with the next call; what he takes meanwhile lets it in. */
  #hold(connection: Connection, arrival: Arrival): void {
    if (connection.held.length >= heldCallsMax) return this.#refuse(arrival[0], 'connection_calls');
    this.#counted.add(arrival[0]);
    connection.held.push(arrival);
  }

  /** Counts what comes and is not whole. grpc-js listens, too, and decides when the stream flows. */
  #followRequest(exchange: Exchange, isSingle: boolean): void {
    const { clock, limits } = this.#options;
    const { stream, connection } = exchange;
    const progress = new MessageProgress();
    if (isSingle) this.#unfinished.add(exchange, 0, clock.now());
    stream.on('data', (chunk: Buffer) => {
      connection.messageBytes += chunk.length;
      if (chunk.length >= largeChunkBytes) this.#countTurn(connection, chunk.length);
      const before = progress.unfinishedBytes;
      const isWhole = progress.push(chunk);
      if (isWhole && !isSingle) this.#unfinished.forgive(exchange);
      const grown = progress.unfinishedBytes - (isWhole && !isSingle ? 0 : before);
      if (grown <= 0) return;
      this.#unfinished.add(exchange, grown, clock.now());
      this.#shrink(this.#unfinished, limits.maxUnfinishedBytes, 'unfinished_requests');
    });
    stream.once('end', () => this.#unfinished.forgive(exchange));
  }

  #shrink(debts: Debts<Exchange>, bytesMax: number, reason: CutReason): void {
    while (debts.total > bytesMax) {
      const debtor = debts.oldestLarge();
      if (debtor === undefined) return;
      const bytes = debts.forgive(debtor);
      if (debts === this.#untaken) debtor.connection.untakenBytes -= bytes;
      this.#cutCall(debtor, reason);
    }
  }

  #lookAround(): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.now();
    for (const connection of this.#connections.values()) this.#lookAt(connection, nowMs);
    this.#endLateRequests(limits.requestTimeoutMs === 0 ? -Infinity : nowMs - limits.requestTimeoutMs);
    this.#look = this.#connections.size > 0 ? this.#lookLater() : undefined;
  }

  #lookAt(connection: Connection, nowMs: number): void {
    const { socket, meter, calls, headerBytes, messageBytes } = connection;
    if (socket === undefined) return;
    const { bytesRead: readBytes, bytesWritten: writtenBytes } = socket;
    if (meter.isOver({ readBytes, writtenBytes, calls, headerBytes, messageBytes }, nowMs)) {
      this.#cutConnection(connection, 'overhead');
    }
  }

  #lookLater(): Timer {
    const intervalMs = Math.max(lookIntervalMs, this.#connections.size * lookIntervalMsPerConnection);
    return this.#options.clock.after(intervalMs, () => this.#lookAround());
  }

  #endLateRequests(beganBeforeMs: number): void {
    for (;;) {
      const oldest = this.#unfinished.oldest();
      if (oldest === undefined || oldest.sinceMs >= beganBeforeMs) return;
      this.#unfinished.forgive(oldest.debtor);
      this.#cutCall(oldest.debtor, 'request_timeout');
    }
  }

  #cutCall({ stream, connection }: Exchange, reason: CutReason): void {
    this.#options.onCut(reason);
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const counted = { readBytes: ++connection.callsCut, ...noTraffic };
    if (connection.cutCalls.isOver(counted, this.#options.clock.now())) {
      this.#cutConnection(connection, 'cut_calls');
    }
  }

  #cutConnection(connection: Connection, reason: CutReason, { isOffence = true } = {}): void {
    const { session } = connection;
    if (connection.isCut || session.destroyed) return;
    connection.isCut = true;
    stopReading(connection.socket);
    this.#options.onCut(reason);
    if (isOffence) connection.onOffence?.();
    // Not here: this may be in the middle of what was just read.
    this.#options.clock.soon(() => this.#end(connection, reason));
  }

  /** Ends the calls of a connection that was cut, for a slice of time, and the connection with the last of them. */
  #end(connection: Connection, reason: CutReason): void {
    const { clock } = this.#options;
    const { session, open } = connection;
    if (session.destroyed) return;
    const endMs = clock.now() + sliceMs;
    for (const { stream } of open) {
      if (clock.now() >= endMs) return clock.soon(() => this.#end(connection, reason));
      stream.destroy();
    }
    const error = new Error(`a connection was closed by a limit: ${reason}`);
    session.destroy(error, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Answers a call before anybody has looked at it. */
  #refuse(stream: ServerHttp2Stream, reason: CutReason): void {
    this.#options.onCut(reason);
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc+proto',
        'grpc-status': status.RESOURCE_EXHAUSTED,
        'grpc-message': 'etcdserver: too many requests',
      },
      { endStream: true },
    );
    // What is still to come of the request is nobody's.
    stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

/** For meters that count something else than bytes. */
const noTraffic = { writtenBytes: 0, calls: 0, headerBytes: 0, messageBytes: 0 };

/** As HTTP/2 counts (RFC 9113 §6.5.2): each field has 32 bytes beside its name and value. */
function sizeOf(rawHeaders: readonly string[]): number {
  let bytes = 16 * rawHeaders.length;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function countsBytes(socket: Duplex): socket is Duplex & Pick<Socket, 'bytesRead' | 'bytesWritten'> {
  return 'bytesRead' in socket && 'bytesWritten' in socket;
}
