import { invariant } from '@quorate/std';
import type { Duplex } from 'node:stream';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { ClientPort, type SecureSocket } from '../client-port.ts';
import type { HttpConnections } from '../http-front.ts';
import { LeanGrpcServer } from '../lean/lean-grpc-server.ts';
import { Channel } from './channel.ts';
import { tunnelPath, type TunnelEnd } from './methods.ts';
import { OutboundCalls } from './outbound-calls.ts';
import {
  gauge,
  type ThreadEvent,
  type ThreadOrder,
  type ThreadReport,
  type ThreadSetup,
} from './protocol.ts';
import { record } from './records.ts';
import { TunnelCall } from './tunnel.ts';

/** How often what is counted is written down for the main thread. */
const gaugeIntervalMs = 100;

/** What whoever made an I/O thread adds to it. */
export interface IoThreadOptions {
  /** TLS, for listeners that have it. */
  readonly secure?: SecureSocket | undefined;
  /** Called when all is served, before the thread ends. */
  readonly onClosed?: () => Promise<void> | void;
}

/**
 * The I/O thread that this is: it listens, serves TLS and HTTP/2, and passes calls, and the bytes of HTTP/1, on to the main
 * thread. Its module makes one of these, and calls `serve` when it is ready.
 */
export class IoThread {
  readonly #main: MessagePort;
  readonly #setup: ThreadSetup;
  readonly #channel: Channel;
  readonly #calls: OutboundCalls;
  readonly #gauges: Float64Array;

  constructor() {
    invariant(parentPort !== null, 'an I/O thread is not the main thread');
    this.#main = parentPort;
    // `IoThreads` gives it to each thread.
    this.#setup = (workerData as { readonly ioThread: ThreadSetup }).ioThread;
    this.#gauges = new Float64Array(this.#setup.gauges);
    this.#channel = new Channel(this.#setup.channel, {
      onRecord: (fields, bytes) => this.#calls.receive(fields, bytes),
    });
    this.#calls = new OutboundCalls(this.#setup.methods, this.#channel);
  }

  /** Tells whoever made the threads, on the main thread, of something: what JSON can say. */
  tell(event: unknown): void {
    this.#tell({ kind: 'app', event });
  }

  /** Serves from now on, where the main thread says, until it says that it is enough. */
  serve({ secure, onClosed }: IoThreadOptions = {}): void {
    const { grpc, port: portSettings } = this.#setup;
    const server = new LeanGrpcServer({
      ...grpc,
      methods: this.#calls.methods,
      observer: { onCut: (reason) => this.#tell({ kind: 'cut', reason }) },
    });
    const port = new ClientPort({
      ...portSettings,
      grpc: server,
      http: { all: this.#tunnels('all'), metrics: this.#tunnels('metrics') },
      onConnectionError: ({ message }) => this.#tell({ kind: 'connectionError', message }),
      onConnectionRefused: (reason) => this.#tell({ kind: 'refused', reason }),
      onConnectionDelayed: () => this.#tell({ kind: 'delayed' }),
    });
    const counting = setInterval(() => this.#count(server, port), gaugeIntervalMs);
    this.#main.on('message', (order: ThreadOrder) => {
      if (order.kind === 'listen') return void this.#listen(port, order, secure);
      void this.#close(port, { graceMs: order.graceMs, onClosed }).then(() => clearInterval(counting));
    });
    this.#report({ kind: 'ready' });
  }

  async #listen(
    port: ClientPort,
    { address, listener }: Extract<ThreadOrder, { kind: 'listen' }>,
    secure: SecureSocket | undefined,
  ): Promise<void> {
    const { serves, tls } = listener;
    try {
      const bound = await port.listen(
        { ...address, reusePort: true },
        { serves, secure: tls === 'never' ? undefined : secure, alsoCleartext: tls === 'optional' },
      );
      this.#report({ kind: 'listening', port: bound });
    } catch (error) {
      // What `listen` throws is an error of the system.
      const { message, code } = error as NodeJS.ErrnoException;
      this.#report({ kind: 'failed', message, code });
    }
  }

  async #close(
    port: ClientPort,
    { graceMs, onClosed }: { readonly graceMs: number; readonly onClosed: IoThreadOptions['onClosed'] },
  ): Promise<void> {
    await port.close({ graceMs });
    await onClosed?.();
    this.#report({ kind: 'closed' });
    this.#channel.close();
    this.#main.close();
  }

  /** HTTP is served by the main thread. */
  #tunnels(scope: TunnelEnd['scope']): HttpConnections {
    return {
      serve: (socket, { commonName, address }) => void this.#tunnel(scope, socket, { commonName, address }),
      // Who serves them closes them.
      closeIdle: () => {},
      close: () => {},
    };
  }

  async #tunnel(
    scope: TunnelEnd['scope'],
    socket: Duplex,
    origin: { readonly commonName: string | undefined; readonly address: string | undefined },
  ): Promise<void> {
    const call = new TunnelCall(socket, origin);
    try {
      await this.#calls.stream(tunnelPath({ scope, isEncrypted: 'encrypted' in socket }), call);
      call.end();
    } catch {
      call.cut();
    }
  }

  #count(server: LeanGrpcServer, port: ClientPort): void {
    const { connections, calls, unfinishedBytes, untakenBytes } = server.usage;
    const counted = {
      ...{ connections, calls, unfinishedBytes, untakenBytes },
      openConnections: port.connections.open,
      waitingConnections: port.connections.waiting,
      offenders: port.offenders,
      waitingBytes: this.#channel.waitingBytes,
      overflows: this.#channel.overflows,
      refused: this.#calls.refused,
    } satisfies Record<keyof typeof gauge, number>;
    for (const [name, place] of Object.entries(gauge)) {
      // The entries are those of `gauge`.
      this.#gauges[place] = counted[name as keyof typeof gauge];
    }
  }

  #tell(event: ThreadEvent): void {
    this.#channel.send(
      { kind: record.event, path: 0, call: 0, number: 0 },
      Buffer.from(JSON.stringify(event)),
    );
  }

  #report(report: ThreadReport): void {
    this.#main.postMessage(report);
  }
}
