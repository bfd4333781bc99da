import type { Caller } from '@quorate/auth';
import { rpcpb } from '@quorate/wire';
import { RpcError, status } from './errors.ts';
import { decodeRequest } from './generated-method.ts';
import { statusText } from './status.ts';
import type { Member, MemberWatch } from './member.ts';
import type { ServiceMethod } from './service-method.ts';
import type { StreamCall } from './transport.ts';

/** Bytes taken from a watch stream at a time: enough to fill a socket, little enough to stay fair. */
const takeBytes = 256 * 1024;

/** `etcdserverpb.Watch`. */
export function watchService(
  member: Member,
): Record<keyof typeof rpcpb.WatchDefinition.methods, ServiceMethod> {
  return {
    watch: {
      kind: 'stream',
      clientStreams: true,
      serverStreams: true,
      isOpenEnded: true,
      // As with etcd, whose client makes its watchers again, with a new token, for what it reads there.
      takesDisproved: true,
      handler: (call, caller) => watch(member, call, caller),
    },
  };
}

async function watch(member: Member, call: StreamCall, caller: Caller): Promise<void> {
  const pump = new Pump(call, (onReadable) => member.watch({ onReadable, caller, reasonOf: statusText }));
  try {
    const reading = call.receive((bytes) => pump.request(decodeRequest(rpcpb.WatchRequest, bytes)));
    // A client that half-closed may go on listening; the stream ends when the call does.
    await Promise.race([pump.ended, reading.then(() => pump.ended)]);
  } finally {
    pump.stop();
  }
  if (call.signal.aborted) throw new RpcError(status.CANCELLED, 'etcdserver: watch canceled');
}

/**
 * Moves requests into a watch stream, and what it has to say into the transport: once in a turn, and when there is room.
 * No promise is made for that, since a member may have an event for thousands of streams.
 */
class Pump {
  readonly #call: StreamCall;
  readonly #stream: MemberWatch;
  readonly #end = Promise.withResolvers<void>();
  /** A pass is under way or will come. */
  #isAwake = false;
  #isStopped = false;
  #onTaken: (() => void)[] = [];

  constructor(call: StreamCall, open: (onReadable: () => void) => MemberWatch) {
    this.#call = call;
    this.#stream = open(() => this.#wake());
    if (call.signal.aborted) this.stop();
    else call.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** Resolves when it was stopped; rejects when it cannot go on. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  /** Hands a request on, now or when the client has read what it asked for before. */
  request(request: rpcpb.WatchRequest): void | Promise<void> {
    if (this.#stream.accepting) return this.#stream.request(request);
    return this.#taken().then(() => this.request(request));
  }

  /** Closes the stream; what waits for it goes on. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stream.close();
    this.#tellTaken();
    this.#end.resolve();
  }

  /** Resolves after the next take. */
  #taken(): Promise<void> {
    this.#wake();
    return new Promise((resolve) => this.#onTaken.push(resolve));
  }

  #tellTaken(): void {
    for (const onTaken of this.#onTaken.splice(0)) onTaken();
  }

  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    queueMicrotask(this.#pass);
  }

  readonly #pass = (): void => {
    if (this.#isStopped) return;
    try {
      this.#isAwake = false;
      const batch = this.#stream.takeBatch(takeBytes);
      this.#tellTaken();
      const hasRoom = batch.count === 0 || this.#call.sendBatch(batch);
      if (!hasRoom) this.#passAfter(this.#call.drained());
      else if (this.#stream.hasPending) this.#passNextTurn();
    } catch (error) {
      this.#end.reject(error);
    }
  };

  #passAfter(drained: Promise<void>): void {
    this.#isAwake = true;
    drained.then(this.#pass, (error: unknown) => this.#end.reject(error));
  }

  /** Lets others have their turn: reading history goes in slices. */
  #passNextTurn(): void {
    this.#isAwake = true;
    setImmediate(this.#pass);
  }
}
