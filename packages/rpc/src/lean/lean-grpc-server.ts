import { Pages, type HeaderList, type Http2Limits, type Http2Stream } from '@quorate/http2';
import { AscendingMap, Slices, systemClock, type ByteSource, type Clock, type Timer } from '@quorate/std';
import type { Socket } from 'node:net';
import { Debts } from '../debts.ts';
import { RpcError, status } from '../errors.ts';
import type { GrpcObserver, GrpcServerOptions, GrpcUsage, ServedConnection } from '../grpc-server.ts';
import { defaultLimits, type ClientLimits, type CutReason } from '../limits.ts';
import { serverStopped } from '../run-until.ts';
import type { MethodTable } from '../transport.ts';
import { TrafficMeter } from '../traffic-meter.ts';
import { encodingHeader, errorHeader } from './headers.ts';
import { Inflater } from './inflate.ts';
import { LeanCall } from './lean-call.ts';
import { LeanSession, tooManyRequests, type Served } from './lean-session.ts';
import type { RequestHead } from './request-head.ts';

/** Between two pings of a client, where nobody says another time. */
const grpcPingMinTimeMs = 300_000;
/** How often deadlines and the like are looked at. */
const lookIntervalMs = 25;
/** So long calls are started before everything else that happens has its turn, so many of a connection in a row. */
const sliceMs = 1;
const rowMax = 8;
/** So long an answer may keep the memory that it is read from; then the client takes the rest from a copy. */
const lendMs = 2_000;
/** Calls that are given up of which handlers hear at once, and in each later turn: much of what they then do comes behind the slice. */
const endsAtOnceMax = 16;
const endsPerTurnMax = 32;
/** Of all that waits to be taken, the part that one connection may hold before it gets no more calls. */
const untakenShare = 1 / 16;
/** Requests that are no calls, each of which is a connection of HTTP/1 within: of a connection, and of all. */
const connectionRequestsMax = 100;
const requestsMax = 4_096;
/** Calls of a connection that may be ended for what they hold, or the lack of it, at once and in a second for ever. */
const cutCalls = { burstBytes: 100, bytesPerSecond: 10 };
const noTraffic = { writtenBytes: 0, calls: 0, headerBytes: 0, messageBytes: 0 };

/**
 * The methods behind HTTP/2 of our own, which knows gRPC only: what a call costs here is what it takes to read it and to
 * answer. Connections come in as sockets that somebody else accepted.
 *
 * Invariants: a call is in `#calls` from its header until its stream is closed and its handler is done; whatever is held
 * for a client is in `#unfinished`, `#held`, `#untaken` or `#buffered`, and those have limits.
 */
export class LeanGrpcServer implements AsyncDisposable {
  readonly clock: Clock;
  readonly observer: GrpcObserver;
  readonly maxReceiveBytes: number;
  /** What sessions write their answers to. */
  readonly pages = new Pages();
  readonly inflater: Inflater;
  /** Shortest time between two pings of a client with calls under way. */
  readonly pingMinTimeMs: number;
  readonly #methods: MethodTable;
  readonly #limits: ClientLimits;
  readonly #http2Limits: Partial<Http2Limits>;
  readonly #keepAlive: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly #sessions = new Set<LeanSession>();
  readonly #calls = new AscendingMap<LeanCall>();
  #callsBegun = 0;
  readonly #timed = new Set<LeanCall>();
  readonly #unfinished = new Debts<LeanCall>();
  /** Messages that are whole and wait for their handlers, or to be inflated. */
  readonly #held = new Debts<LeanCall>();
  readonly #untaken = new Debts<LeanCall>();
  /** What waits for sockets of clients that take nothing. */
  readonly #buffered = new Debts<LeanSession>();
  #requests = 0;
  /** Answers that are read from memory of the store while their clients take them; the oldest first. */
  readonly #lent = new Map<LeanCall, { readonly source: ByteSource; readonly sinceMs: number }>();
  readonly #cutCalls = new WeakMap<LeanSession, { readonly meter: TrafficMeter; count: number }>();
  /** What handlers are told of calls that were given up. */
  readonly #ends: Slices;
  /** Sessions with calls in line, the next one first. */
  readonly #crowded = new Set<LeanSession>();
  readonly #toFlush: LeanSession[] = [];
  readonly #nextTurn = new Set<LeanSession>();
  #heldHeaderBytes = 0;
  #look: Timer | undefined;
  #isStopping = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    this.clock = options.clock ?? systemClock;
    this.observer = options.observer ?? {};
    this.maxReceiveBytes = options.maxReceiveBytes;
    this.inflater = new Inflater(options.maxReceiveBytes);
    this.pingMinTimeMs = (options.keepAliveMinTimeMs ?? 5_000) || grpcPingMinTimeMs;
    this.#methods = options.methods;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#http2Limits = http2LimitsOf(this.#limits);
    this.#keepAlive = {
      intervalMs: options.keepAliveIntervalMs ?? 7_200_000,
      timeoutMs: options.keepAliveTimeoutMs ?? 20_000,
    };
    this.#ends = new Slices({ atOnceMax: endsAtOnceMax, perTurnMax: endsPerTurnMax, sliceMs }, this.clock);
    this.observer.onOpened?.(() => this.usage);
  }

  /** How much there is of all that has a limit. */
  get usage(): GrpcUsage {
    return {
      connections: this.#sessions.size,
      calls: this.#calls.size,
      unfinishedBytes: this.#unfinished.total + this.#held.total,
      untakenBytes: this.#untaken.total + this.#buffered.total,
    };
  }

  /** Serves a connection from its first byte on; the server owns the socket from now on. */
  serve(socket: Socket, connection: ServedConnection = {}): void {
    if (this.#isStopping) return void socket.destroy();
    const session = new LeanSession(this, socket, connection, this.#http2Limits);
    this.#sessions.add(session);
    this.#look ??= this.clock.after(lookIntervalMs, () => this.#lookAround());
  }

  /** Ends open-ended calls, lets all others under way finish for that long, then cuts the connections. */
  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#isStopping = true;
    for (const call of this.#calls.values()) if (call.isOpenEnded) call.fail(serverStopped());
    for (const session of this.#sessions) session.announceEnd();
    if (graceMs > 0 && this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.clock.after(graceMs, resolve);
        this.#onEmpty = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const session of [...this.#sessions]) session.destroy();
    this.#look?.cancel();
    this.#look = undefined;
    await this.inflater[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ graceMs: 0 });
  }

  // -- Calls

  /** A call from its header; undefined when it was refused. */
  begin(
    session: LeanSession,
    stream: Http2Stream<Served>,
    header: HeaderList,
    head: RequestHead,
  ): LeanCall | undefined {
    const method = this.#methods.get(head.path);
    const call = new LeanCall({
      session,
      number: ++this.#callsBegun,
      // A stream of calls only, from now on.
      stream: stream as Http2Stream<LeanCall>,
      head,
      header,
      method: method ?? unknownMethod,
      nowMs: session.turnMs,
    });
    this.#calls.add(call.number, call);
    session.calls++;
    this.#heldHeaderBytes += call.headerBytes;
    stream.context = call;
    const refusal = this.#refusalOf(session, header, call);
    if (refusal !== undefined) this.refuse(call, refusal);
    else if (head.method !== 'POST') {
      const text = `Received a HEADERS frame with :method ${JSON.stringify(head.method)} which should be POST`;
      refuseEarly(call, new RpcError(status.INTERNAL, text), 405);
    } else if (head.typeProblem !== undefined) {
      refuseEarly(call, new RpcError(status.INVALID_ARGUMENT, head.typeProblem), 415);
    } else if (head.timeoutProblem !== undefined) {
      refuseEarly(call, new RpcError(status.INTERNAL, `malformed grpc-timeout: ${head.timeoutProblem}`), 400);
    } else if (head.encoding === 'unknown') {
      const name = JSON.stringify(header.value('grpc-encoding') ?? '');
      const text = `grpc: Decompressor is not installed for grpc-encoding ${name}`;
      const error = new RpcError(status.UNIMPLEMENTED, text);
      call.fail(error, encodingHeader(error));
    } else if (method === undefined) {
      call.fail(this.#unimplemented(head.path));
    } else if (this.#isStopping && call.isOpenEnded) {
      call.fail(serverStopped());
    } else {
      if (call.deadlineMs !== Infinity) this.#timed.add(call);
      return call;
    }
    return undefined;
  }

  /** Lets in a request that is no call; false when there are too many. It counts until `requestEnded`. */
  admitRequest(session: LeanSession): boolean {
    const isOfConnection = session.requests >= connectionRequestsMax;
    if (isOfConnection || this.#requests >= requestsMax) {
      this.observer.onCut?.(isOfConnection ? 'connection_calls' : 'calls');
      return false;
    }
    session.requests++;
    this.#requests++;
    return true;
  }

  requestEnded(session: LeanSession): void {
    session.requests--;
    this.#requests--;
  }

  /** In the words of gRPC for Go, which are etcd's. */
  #unimplemented(path: string): RpcError {
    const at = path.lastIndexOf('/');
    const service = path.slice(1, at);
    const isKnown = [...this.#methods.keys()].some((known) => known.startsWith(`/${service}/`));
    let text = isKnown
      ? `unknown method ${path.slice(at + 1)} for service ${service}`
      : `unknown service ${service}`;
    if (at === 0) text = `malformed method name: ${JSON.stringify(path)}`;
    return new RpcError(status.UNIMPLEMENTED, text);
  }

  /** Answers a call before its handler has seen it. */
  refuse(call: LeanCall, reason: CutReason): void {
    this.observer.onCut?.(reason);
    call.fail(tooManyRequests());
  }

  /** Whether a connection has so much to take that it gets nothing more to do. */
  holdsMuch({ untakenBytes, bufferedBytes }: LeanSession): boolean {
    return untakenBytes + bufferedBytes > this.#limits.maxUntakenBytes * untakenShare;
  }

  #refusalOf(session: LeanSession, header: HeaderList, call: LeanCall): CutReason | undefined {
    const { maxConcurrentCalls, maxConcurrentStreams, maxUnfinishedBytes } = this.#limits;
    if (header.isTooLarge) return 'header_bytes';
    if (session.calls > maxConcurrentStreams) return 'connection_calls';
    if (this.#calls.size > maxConcurrentCalls) return 'calls';
    if (this.#heldHeaderBytes > maxUnfinishedBytes && call.headerBytes > 0) return 'calls';
    return undefined;
  }

  /** Starts calls of a session: its slice of this turn, and the rest in later ones. */
  run(session: LeanSession): void {
    this.#crowded.delete(session);
    const endMs = this.clock.now() + sliceMs;
    while (session.startSome(rowMax)) {
      if (this.clock.now() >= endMs) return this.runSoon(session);
    }
  }

  runSoon(session: LeanSession): void {
    if (this.#crowded.size === 0) setImmediate(() => this.#runCrowded());
    this.#crowded.add(session);
  }

  #runCrowded(): void {
    const endMs = this.clock.now() + sliceMs;
    for (const session of this.#crowded) {
      this.#crowded.delete(session);
      if (session.isClosed) continue;
      // One that goes to the end of a set is met again.
      if (session.startSome(rowMax)) this.#crowded.add(session);
      else session.rested();
      if (this.clock.now() >= endMs) break;
    }
    if (this.#crowded.size > 0) setImmediate(() => this.#runCrowded());
  }

  /** A session has had its share of this turn. */
  nextTurn(session: LeanSession): void {
    if (this.#nextTurn.size === 0) {
      setImmediate(() => {
        const sessions = [...this.#nextTurn];
        this.#nextTurn.clear();
        for (const one of sessions) if (!one.isClosed) one.beginTurn();
      });
    }
    this.#nextTurn.add(session);
  }

  /** At the end of this turn each session with something to say says it. */
  flushSoon(session: LeanSession): void {
    if (this.#toFlush.push(session) === 1) {
      setImmediate(() => {
        for (const one of this.#toFlush.splice(0)) one.flushNow();
      });
    }
  }

  // -- What is held

  countUnfinished(call: LeanCall, isEnd: boolean): void {
    const bytes = call.unfinishedBytes;
    const isWaited = call.isSingleRequest ? !isEnd : bytes > 0;
    if (!isWaited || call.isOver) return void this.#unfinished.forgive(call);
    this.#unfinished.add(call, bytes - this.#unfinished.owed(call), this.clock.now());
    this.#shrink(this.#unfinished, this.#limits.maxUnfinishedBytes, 'unfinished_requests');
  }

  countHeld(call: LeanCall): void {
    const bytes = call.stream.isClosed ? 0 : call.heldBytes;
    const before = this.#held.owed(call);
    if (bytes === before) return;
    if (bytes === 0) return void this.#held.forgive(call);
    this.#held.add(call, bytes - before, this.clock.now());
    this.#shrink(this.#held, this.#limits.maxUnfinishedBytes, 'unfinished_requests');
  }

  /** Counts what waits for the socket of a session, or that it waits no more. */
  countBuffered(session: LeanSession, bytes: number): void {
    const before = this.#buffered.owed(session);
    if (bytes === 0) return void (before > 0 && this.#buffered.forgive(session));
    this.#buffered.add(session, bytes - before, this.clock.now());
    while (this.#buffered.total > this.#limits.maxUntakenBytes) {
      const debtor = this.#buffered.oldestLarge();
      if (debtor === undefined) return;
      this.#buffered.forgive(debtor);
      debtor.cut('untaken_responses');
    }
  }

  countUntaken(call: LeanCall): void {
    const { session } = call;
    const bytes = call.stream.pendingBytes;
    const before = this.#untaken.owed(call);
    session.untakenBytes += bytes - before;
    if (bytes < before) session.taken();
    if (bytes === 0) return void (before > 0 && this.#untaken.forgive(call));
    this.#untaken.add(call, bytes - before, this.clock.now());
    this.#shrink(this.#untaken, this.#limits.maxUntakenBytes, 'untaken_responses');
  }

  #shrink(debts: Debts<LeanCall>, bytesMax: number, reason: CutReason): void {
    while (debts.total > bytesMax) {
      const debtor = debts.oldestLarge();
      if (debtor === undefined) return;
      const bytes = debts.forgive(debtor);
      if (debts === this.#untaken) debtor.session.untakenBytes -= bytes;
      this.#cutCall(debtor, reason);
    }
  }

  #cutCall(call: LeanCall, reason: CutReason): void {
    const { session } = call;
    this.observer.onCut?.(reason);
    call.stream.reset(0xb);
    session.flushSoon();
    const cuts = this.#cutCalls.get(session) ?? {
      meter: new TrafficMeter(cutCalls, this.clock.now()),
      count: 0,
    };
    this.#cutCalls.set(session, cuts);
    cuts.count++;
    if (cuts.meter.isOver({ readBytes: cuts.count, ...noTraffic }, this.clock.now()))
      session.cut('cut_calls');
  }

  /** What a call answers keeps memory of somebody else until it is sent. */
  lend(call: LeanCall, source: ByteSource): void {
    this.#lent.set(call, { source, sinceMs: this.clock.now() });
  }

  /** A client that takes its time does not keep what the store would have freed: it might be far more than the answer. */
  #endOldestLoan(nowMs: number): void {
    for (const [call, { source, sinceMs }] of this.#lent) {
      if (nowMs - sinceMs < lendMs) return;
      this.#lent.delete(call);
      // One copy a turn, since it may be large.
      return source.detach();
    }
  }

  /** The stream of a call is over; its handler may still run. */
  streamClosed(call: LeanCall): void {
    this.#lent.delete(call);
    this.#unfinished.forgive(call);
    this.#held.forgive(call);
    call.session.untakenBytes -= this.#untaken.forgive(call);
    call.dropUnfinished();
    call.session.taken();
    if (!call.isAnswered) this.#ends.run(() => call.giveUp());
    else call.hasRoom();
    this.settle(call);
  }

  /** Forgets a call of which nothing is left. */
  settle(call: LeanCall): void {
    if (call.deadlineMs !== Infinity) this.#timed.delete(call);
    if (call.runs || !call.stream.isClosed) return;
    if (this.#calls.take(call.number) === undefined) return;
    call.session.calls--;
    this.#heldHeaderBytes -= call.headerBytes;
  }

  // -- Sessions

  answered(session: LeanSession): void {
    if (this.#isStopping) session.drain();
  }

  closed(session: LeanSession): void {
    this.#sessions.delete(session);
    this.#buffered.forgive(session);
    this.#crowded.delete(session);
    this.#nextTurn.delete(session);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  #lookAround(): void {
    const nowMs = this.clock.now();
    for (const call of this.#timed) {
      if (call.isOver) this.#timed.delete(call);
      else if (call.deadlineMs <= nowMs)
        call.fail(new RpcError(status.DEADLINE_EXCEEDED, 'context deadline exceeded'));
    }
    this.#endOldestLoan(nowMs);
    const { requestTimeoutMs } = this.#limits;
    if (requestTimeoutMs > 0) this.#endLateRequests(nowMs - requestTimeoutMs);
    for (const session of this.#sessions) this.#keepAliveOf(session, nowMs);
    this.#look =
      this.#sessions.size > 0 ? this.clock.after(lookIntervalMs, () => this.#lookAround()) : undefined;
  }

  #endLateRequests(beganBeforeMs: number): void {
    for (;;) {
      const oldest = this.#unfinished.oldest();
      if (oldest === undefined || oldest.sinceMs >= beganBeforeMs) return;
      this.#unfinished.forgive(oldest.debtor);
      this.#cutCall(oldest.debtor, 'request_timeout');
    }
  }

  #keepAliveOf(session: LeanSession, nowMs: number): void {
    const { intervalMs, timeoutMs } = this.#keepAlive;
    if (intervalMs === 0 || timeoutMs === 0) return;
    if (session.pingedAtMs !== undefined) {
      if (session.lastReadMs > session.pingedAtMs) session.pingedAtMs = undefined;
      else if (nowMs - session.pingedAtMs >= timeoutMs) session.destroy();
    } else if (nowMs - session.lastReadMs >= intervalMs) session.ping();
  }
}

/** Refuses what is no call as gRPC has them. */
function refuseEarly(call: LeanCall, error: RpcError, httpStatus: number): void {
  call.fail(error, errorHeader(error, httpStatus));
}

/** Answers nothing: its calls are refused before. */
const unknownMethod = {
  kind: 'unary',
  handler: () => {
    throw new RpcError(status.UNIMPLEMENTED, 'unknown method');
  },
} as const;

/**
 * What a client may send before it hears that more is welcome. All of it may stand before what it says of the other direction:
 * with megabytes, lists that a client asked for wait while it writes.
 */
const windowBytes = 128 * 1024;

function http2LimitsOf(limits: ClientLimits): Partial<Http2Limits> {
  return {
    maxConcurrentStreams: limits.maxConcurrentStreams,
    maxHeaderListSize: limits.maxHeaderBytes,
    streamWindow: windowBytes,
    connectionWindow: windowBytes,
    resets: { burst: limits.resetBurst, perSecond: limits.resetsPerSecond },
    overheadBytes: { burst: limits.overheadBurstBytes, perSecond: limits.overheadBytesPerSecond },
  };
}
