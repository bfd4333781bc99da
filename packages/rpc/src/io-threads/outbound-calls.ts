import { asBuffer, Later } from '@quorate/std';
import { RpcError, status, type StatusCode } from '../errors.ts';
import type { Call, Method, MethodTable, StreamCall, UnaryHandler } from '../transport.ts';
import { CallHeads } from './call-head.ts';
import type { Channel, RecordFields } from './channel.ts';
import type { MethodShape } from './methods.ts';
import { record, SendWindow, TakenBytes, windowCost } from './records.ts';

/** No new call is taken while so many bytes wait for the main thread. */
const waitingBytesMax = 64 * 1024 * 1024;

/** A call that the main thread has not ended yet. */
interface Pending {
  /** A message of a stream, or with `count` several of them, or the response of a unary call. */
  receive(bytes: Uint8Array, count?: number): void;
  taken(bytes: number): void;
  /** It is over, well or not. */
  end(error: RpcError | undefined): void;
}

const emptyBytes = new Uint8Array(0);

/**
 * The methods of a member in an I/O thread: what is asked of them goes to the main thread, and what that says comes back.
 *
 * Invariant: a call is in `#pending` until the main thread has ended it, also when nobody waits for it any more.
 */
export class OutboundCalls {
  readonly methods: MethodTable;
  readonly #channel: Channel;
  readonly #shapes: readonly MethodShape[];
  readonly #pending = new Map<number, Pending>();
  readonly #heads = new CallHeads();
  #lastCall = 0;
  /** Calls that were refused since too much waited for the main thread. */
  refused = 0;

  constructor(shapes: readonly MethodShape[], channel: Channel) {
    this.#shapes = shapes;
    this.#channel = channel;
    this.methods = new Map(
      shapes.filter(({ isTunnel }) => !isTunnel).map((shape) => [shape.path, this.#methodOf(shape)]),
    );
  }

  /** Takes a record from the main thread. */
  receive({ kind, call, number }: RecordFields, bytes: Uint8Array): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    if (kind === record.message) return pending.receive(bytes);
    if (kind === record.batch) return pending.receive(bytes, number);
    if (kind === record.taken) return pending.taken(number);
    this.#pending.delete(call);
    if (kind === record.answer) pending.receive(bytes);
    else pending.end(number === status.OK ? undefined : errorOf(number, bytes));
  }

  /** Makes a call of a stream, from its beginning to its end. @throws RpcError with which it ended */
  async stream(path: string, call: StreamCall): Promise<void> {
    const index = this.#shapes.findIndex((shape) => shape.path === path);
    await this.#stream(index, call);
  }

  #methodOf(shape: MethodShape): Method {
    const index = this.#shapes.indexOf(shape);
    if (shape.kind === 'unary') return { kind: 'unary', handler: this.#unary(index) };
    const { clientStreams, serverStreams, isOpenEnded } = shape;
    const handler = (call: StreamCall) => this.#stream(index, call);
    return { kind: 'stream', clientStreams, serverStreams, isOpenEnded, handler };
  }

  #unary(path: number): UnaryHandler {
    return (request, call) => {
      const pending = new PendingAnswer();
      const number = this.#open(path, call, request, pending);
      this.#cancelWith(call, number);
      return pending;
    };
  }

  async #stream(path: number, call: StreamCall): Promise<void> {
    const window = new SendWindow();
    const taken = new TakenBytes((bytes) => this.#tell(record.taken, number, bytes));
    const taking = new Taking(call, taken);
    const ended = Promise.withResolvers<void>();
    const number = this.#open(path, call, emptyBytes, {
      receive: (bytes, count) => taking.take(bytes, count),
      taken: (bytes) => window.taken(bytes),
      end: (error) => {
        window.close();
        if (error === undefined) ended.resolve();
        else ended.reject(error);
      },
    });
    this.#cancelWith(call, number);
    this.#sendAll(number, call, window).catch(() => this.#tell(record.cancel, number));
    await ended.promise;
  }

  /** Sends messages of the client as fast as the main thread takes them. */
  async #sendAll(number: number, call: StreamCall, window: SendWindow): Promise<void> {
    await call.receive((message) => {
      if (!this.#pending.has(number)) return undefined;
      window.sent(windowCost(message));
      this.#channel.send({ kind: record.message, path: 0, call: number, number: 0 }, message);
      return window.hasRoom ? undefined : window.room();
    });
    this.#tell(record.halfClose, number);
  }

  /** Begins a call. @throws RpcError when too much waits already */
  #open(path: number, call: Call, request: Uint8Array, pending: Pending): number {
    if (this.#channel.waitingBytes > waitingBytesMax) {
      this.refused++;
      throw new RpcError(status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests');
    }
    const number = this.#free();
    this.#pending.set(number, pending);
    const head = this.#heads.of(call);
    this.#channel.send({ kind: record.open, path, call: number, number: head.length }, head, request);
    return number;
  }

  #cancelWith({ signal }: Call, number: number): void {
    const cancel = (): void => this.#tell(record.cancel, number, toldBy(signal));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  }

  /** Tells of a call that is not over. */
  #tell(kind: number, call: number, number = 0): void {
    if (this.#pending.has(call)) this.#channel.send({ kind, path: 0, call, number });
  }

  #free(): number {
    do this.#lastCall = (this.#lastCall + 1) >>> 0;
    while (this.#pending.has(this.#lastCall));
    return this.#lastCall;
  }
}

/** The answer to a unary call, when it comes. */
class PendingAnswer extends Later<Uint8Array> implements Pending {
  receive(bytes: Uint8Array): void {
    this.resolve(bytes);
  }

  taken(): void {}

  end(error: RpcError | undefined): void {
    this.reject(error);
  }
}

/** Hands messages of the main thread to a client, and says that they are taken when the transport has room for more. */
class Taking {
  readonly #call: StreamCall;
  readonly #taken: TakenBytes;
  #heldBytes = 0;
  #isWaiting = false;

  constructor(call: StreamCall, taken: TakenBytes) {
    this.#call = call;
    this.#taken = taken;
  }

  /** Takes a message, or a batch of so many. */
  take(bytes: Uint8Array, count: number | undefined): void {
    const hasRoom =
      count === undefined
        ? this.#call.send(bytes)
        : this.#call.sendBatch({ bytes, count, release: () => {} });
    this.#heldBytes += bytes.length;
    if (hasRoom && !this.#isWaiting) this.#tell();
    else if (!this.#isWaiting) {
      this.#isWaiting = true;
      void this.#call.drained().then(() => {
        this.#isWaiting = false;
        this.#tell();
      });
    }
  }

  #tell(): void {
    this.#taken.add(this.#heldBytes);
    this.#heldBytes = 0;
  }
}

/** The status that a client was told which has not left by itself; 0 for none. */
function toldBy({ reason }: AbortSignal): number {
  return reason instanceof RpcError && reason.status !== status.CANCELLED ? reason.status : status.OK;
}

function errorOf(code: number, text: Uint8Array): RpcError {
  // The main thread sends none but those of gRPC.
  return new RpcError(code as StatusCode, asBuffer(text).toString());
}
