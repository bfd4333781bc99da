import { asBuffer } from '@quorate/std';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { ConnectionRefusal } from '../connections.ts';
import type { GrpcObserver, GrpcServerOptions, GrpcUsage } from '../grpc-server.ts';
import type { HttpScope } from '../http-front.ts';
import { defaultLimits, type ClientLimits, type CutReason } from '../limits.ts';
import type { MethodTable } from '../transport.ts';
import type { Duplex } from 'node:stream';
import { Channel, type ChannelEnd } from './channel.ts';
import { InboundCalls } from './inbound-calls.ts';
import { shapesOf } from './methods.ts';
import {
  gauge,
  gaugeCount,
  type ListenAddress,
  type ThreadEvent,
  type ThreadListener,
  type ThreadOrder,
  type ThreadReport,
  type ThreadSetup,
} from './protocol.ts';
import { record } from './records.ts';
import { ringMemory } from './ring.ts';
import { TunnelSocket } from './tunnel.ts';

/** Of each direction of each thread. */
const ringBytes = 4 * 1024 * 1024;
/** Nothing more is taken of a thread while so many bytes of answers wait for it. */
const waitingAnswersMax = 32 * 1024 * 1024;

/** I/O threads and what they serve. Limits are for all threads together: each has its share. */
export interface IoThreadsOptions {
  readonly count: number;
  /** The module of a thread: it makes an `IoThread` and calls `serve`. */
  readonly module: URL;
  /** What that module finds as `app` in `workerData`. */
  readonly app?: unknown;
  readonly methods: MethodTable;
  readonly grpc: Pick<
    GrpcServerOptions,
    'maxReceiveBytes' | 'keepAliveMinTimeMs' | 'keepAliveIntervalMs' | 'keepAliveTimeoutMs'
  > & { readonly limits?: Partial<ClientLimits> };
  readonly port: {
    readonly maxConnections: number;
    readonly requestTimeoutMs: number;
    readonly maxDelayMs: number;
  };
  /** Serves connections of HTTP/1, whose bytes come through a thread: of a member, its `ClientPort`. */
  readonly serveHttp: (
    socket: Duplex,
    connection: { readonly scope: HttpScope; readonly commonName: string | undefined },
  ) => void;
  /** Told of calls as if there were no threads. */
  readonly observer?: GrpcObserver;
  readonly onConnectionError?: (error: Error) => void;
  readonly onConnectionRefused?: (reason: ConnectionRefusal) => void;
  readonly onConnectionDelayed?: () => void;
  /** What a thread tells with `IoThread.tell`. */
  readonly onAppEvent?: (event: unknown) => void;
  /** A thread has died, its connections with it: a bug. Called once; the others go on until the owner stops them. */
  readonly onFatal: (error: unknown) => void;
}

/** How much there is of all that has a limit, and how the threads and the main thread keep up with each other. */
export interface IoThreadsUsage extends GrpcUsage {
  /** Bytes that wait, on either side, since a ring is full or they are too large for it. */
  readonly waitingBytes: number;
  /** Records that found a ring full. */
  readonly overflows: number;
  /** Calls that were refused since too much waited for the main thread. */
  readonly refused: number;
}

/**
 * Threads that hold the connections of clients: sockets, TLS, HTTP/2 and messages are theirs, and what is asked comes to this
 * thread, which has the state. Each listens by itself on the same addresses, and the system gives each its share of
 * the connections (`SO_REUSEPORT`).
 */
export class IoThreads implements AsyncDisposable {
  readonly #threads: readonly ThreadHandle[];

  /** Starts the threads; each is ready to listen. @throws Error that a thread's module threw */
  static async open(options: IoThreadsOptions): Promise<IoThreads> {
    let hasDied = false;
    const onFatal = (error: unknown): void => {
      if (hasDied) return;
      hasDied = true;
      options.onFatal(error);
    };
    const threads = Array.from({ length: options.count }, () => new ThreadHandle({ ...options, onFatal }));
    try {
      await Promise.all(threads.map((thread) => thread.ready));
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
    const opened = new IoThreads(threads);
    options.observer?.onOpened?.(() => opened.usage);
    return opened;
  }

  private constructor(threads: readonly ThreadHandle[]) {
    this.#threads = threads;
  }

  /** As it was up to a tenth of a second ago. */
  get usage(): IoThreadsUsage {
    const ofMain = (name: 'waitingBytes' | 'overflows'): number =>
      this.#threads.reduce((sum, thread) => sum + thread[name], 0);
    return {
      connections: this.#total('connections'),
      calls: this.#total('calls'),
      unfinishedBytes: this.#total('unfinishedBytes'),
      untakenBytes: this.#total('untakenBytes'),
      waitingBytes: this.#total('waitingBytes') + ofMain('waitingBytes'),
      overflows: this.#total('overflows') + ofMain('overflows'),
      refused: this.#total('refused'),
    };
  }

  /** As those of a `ClientPort`, up to a tenth of a second ago. */
  get connections(): { readonly open: number; readonly waiting: number } {
    return { open: this.#total('openConnections'), waiting: this.#total('waitingConnections') };
  }

  /** Addresses that are remembered for what their connections did; one may count in several threads. */
  get offenders(): number {
    return this.#total('offenders');
  }

  #total(name: keyof typeof gauge): number {
    return this.#threads.reduce((sum, thread) => sum + thread.gauge(name), 0);
  }

  /**
   * Listens on an address with all threads; resolves to the port (0 picks one).
   * @throws as `net.listen`; ENOTSUP where the system has no `SO_REUSEPORT`
   */
  async listen({ host, port }: ListenAddress, listener: ThreadListener): Promise<number> {
    let bound = port;
    for (const thread of this.#threads) bound = await thread.listen({ host, port: bound }, listener);
    return bound;
  }

  /** Accepts no more, lets calls finish for that long, then cuts every connection and ends the threads. */
  async close({ graceMs }: { readonly graceMs: number }): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close(graceMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ graceMs: 0 });
  }
}

/** The main thread's end of one thread. */
class ThreadHandle {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #channel: Channel;
  readonly #calls: InboundCalls;
  readonly #gauges: Float64Array;
  readonly #options: IoThreadsOptions;
  /** Who waits for reports, the next one first. */
  readonly #waiting: PromiseWithResolvers<ThreadReport>[] = [];
  #isOver = false;
  #closed: Promise<void> | undefined;

  constructor(options: IoThreadsOptions) {
    this.#options = options;
    const { setup, own } = newSetup(options);
    this.#gauges = new Float64Array(setup.gauges);
    this.#channel = new Channel(own, {
      holdAboveBytes: waitingAnswersMax,
      onRecord: (fields, bytes) => {
        if (fields.kind === record.event) this.#happened(bytes);
        else this.#calls.receive(fields, bytes);
      },
    });
    this.#calls = new InboundCalls(this.#channel, {
      methods: options.methods,
      observer: options.observer ?? {},
      serveTunnel: ({ scope, isEncrypted }) => {
        return async (call) => {
          const socket = new TunnelSocket(call, { isEncrypted });
          options.serveHttp(socket, { scope, commonName: call.commonName });
          await socket.ended;
        };
      },
    });
    this.#worker = new Worker(options.module, {
      name: 'quorate-io',
      workerData: { ioThread: setup, app: options.app },
      transferList: [setup.channel.wake, setup.channel.parcels],
      execArgv: [],
      env: {},
    });
    this.#worker.on('message', (report: ThreadReport) => {
      // Its exit may be told of in the same breath.
      if (report.kind === 'closed') this.#isOver = true;
      this.#waiting.shift()?.resolve(report);
    });
    this.#worker.once('error', (error: unknown) => this.#died(error));
    this.#worker.once('exit', (code) => this.#died(new Error(`an I/O thread ended with ${code}`)));
    this.ready = this.#report().then(() => undefined);
  }

  get waitingBytes(): number {
    return this.#channel.waitingBytes;
  }

  get overflows(): number {
    return this.#channel.overflows;
  }

  gauge(name: keyof typeof gauge): number {
    return this.#gauges[gauge[name]] ?? 0;
  }

  async listen(address: ListenAddress, listener: ThreadListener): Promise<number> {
    const report = await this.#order({ kind: 'listen', address, listener });
    if (report.kind === 'listening') return report.port;
    if (report.kind !== 'failed') throw new Error('an I/O thread did not say where it listens');
    throw Object.assign(new Error(report.message), { code: report.code });
  }

  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async terminate(): Promise<void> {
    this.#isOver = true;
    this.#release();
    await this.#worker.terminate();
  }

  async #close(graceMs: number): Promise<void> {
    // One that died has nothing left to close.
    if (!this.#isOver) await this.#order({ kind: 'close', graceMs }).catch(() => {});
    await this.terminate();
  }

  #order(order: ThreadOrder): Promise<ThreadReport> {
    if (this.#isOver) return Promise.reject(new Error('the I/O thread has ended'));
    this.#worker.postMessage(order);
    return this.#report();
  }

  #report(): Promise<ThreadReport> {
    const waiting = Promise.withResolvers<ThreadReport>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  #died(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release();
    const waiting = this.#waiting.splice(0);
    for (const { reject } of waiting) reject(error);
    // Whoever waits for a report hears of it there.
    if (waiting.length === 0) this.#options.onFatal(error);
  }

  #release(): void {
    this.#calls.cancelAll();
    this.#channel.close();
  }

  #happened(bytes: Uint8Array): void {
    const { observer, onConnectionRefused, onConnectionDelayed, onConnectionError, onAppEvent } =
      this.#options;
    // Only `IoThread` sends such records.
    const event = JSON.parse(asBuffer(bytes).toString()) as ThreadEvent;
    switch (event.kind) {
      case 'cut':
        return observer?.onCut?.(event.reason as CutReason);
      case 'refused':
        return onConnectionRefused?.(event.reason as ConnectionRefusal);
      case 'delayed':
        return onConnectionDelayed?.();
      case 'connectionError':
        return onConnectionError?.(new Error(event.message));
      case 'app':
        return onAppEvent?.(event.event);
    }
  }
}

/** What a thread is given, and the main thread's end of their channel. */
function newSetup({ methods, count, grpc, port }: IoThreadsOptions): {
  readonly setup: ThreadSetup;
  readonly own: ChannelEnd;
} {
  const wake = new MessageChannel();
  const parcels = new MessageChannel();
  const toMain = ringMemory(ringBytes);
  const toThread = ringMemory(ringBytes);
  // The thread itself keeps the process alive.
  for (const own of [wake.port1, parcels.port1] satisfies MessagePort[]) own.unref();
  const { maxReceiveBytes, keepAliveMinTimeMs, keepAliveIntervalMs, keepAliveTimeoutMs } = grpc;
  const setup: ThreadSetup = {
    channel: { incoming: toThread, outgoing: toMain, wake: wake.port2, parcels: parcels.port2 },
    methods: shapesOf(methods),
    gauges: new SharedArrayBuffer(gaugeCount * Float64Array.BYTES_PER_ELEMENT),
    grpc: {
      maxReceiveBytes,
      limits: shareOf({ ...defaultLimits, ...grpc.limits }, count),
      ...(keepAliveMinTimeMs !== undefined && { keepAliveMinTimeMs }),
      ...(keepAliveIntervalMs !== undefined && { keepAliveIntervalMs }),
      ...(keepAliveTimeoutMs !== undefined && { keepAliveTimeoutMs }),
    },
    port: { ...port, maxConnections: Math.ceil(port.maxConnections / count) },
  };
  return {
    setup,
    own: { incoming: toMain, outgoing: toThread, wake: wake.port1, parcels: parcels.port1 },
  };
}

/** What one of so many threads may hold: limits of a connection are the same, limits of all connections are divided. */
function shareOf(limits: ClientLimits, count: number): ClientLimits {
  return {
    ...limits,
    maxConcurrentCalls: Math.ceil(limits.maxConcurrentCalls / count),
    maxUnfinishedBytes: Math.ceil(limits.maxUnfinishedBytes / count),
    maxUntakenBytes: Math.ceil(limits.maxUntakenBytes / count),
  };
}
