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
      handler: (call, caller) => new Pump(member, call, caller).run(),
    },
  };
}

/**
 * Moves requests into a watch stream, and what it has to say into the transport: once in a turn, and when there is room.
 * No promise is made for that, since a member may have an event for thousands of streams.
 */
class Pump {
  readonly #member: Member;
  readonly #call: StreamCall;
  readonly #caller: Caller;
  readonly #end = Promise.withResolvers<void>();
  /** Opened for the first request: whoever opens calls and says nothing gets nothing made. */
  #stream: MemberWatch | undefined;
  /** A pass is under way or will come. */
  #isAwake = false;
  #isStopped = false;
  #onTaken: (() => void)[] = [];

  constructor(member: Member, call: StreamCall, caller: Caller) {
    this.#member = member;
    this.#call = call;
    this.#caller = caller;
  }

  /** Rejects when the call is over, or when it cannot go on: a client that half-closed may go on listening. */
  run(): Promise<void> {
    const call = this.#call;
    const fail = (error: unknown): void => this.#stop(error);
    call.onGivenUp(() => this.#stop(new RpcError(status.CANCELLED, 'etcdserver: watch canceled')));
    call.receive((bytes) => this.#request(decodeRequest(rpcpb.WatchRequest, bytes))).catch(fail);
    return this.#end.promise;
  }

  /** Hands a request on, now or when the client has read what it asked for before. */
  #request(request: rpcpb.WatchRequest): void | Promise<void> {
    if (this.#isStopped) return;
    const stream = (this.#stream ??= this.#open());
    if (stream.accepting) return stream.request(request);
    return this.#taken().then(() => this.#request(request));
  }

  #open(): MemberWatch {
    const onReadable = (): void => this.#wake();
    return this.#member.watch({ onReadable, caller: this.#caller, reasonOf: statusText });
  }

  /** Closes the stream, and ends the call with this error; what waits for the stream goes on. */
  #stop(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stream?.close();
    this.#tellTaken();
    this.#end.reject(error);
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
    const stream = this.#stream;
    if (this.#isStopped || stream === undefined) return;
    try {
      this.#isAwake = false;
      const batch = stream.takeBatch(takeBytes);
      this.#tellTaken();
      const hasRoom = batch.count === 0 || this.#call.sendBatch(batch);
      if (!hasRoom) this.#passAfter(this.#call.drained());
      else if (stream.hasPending) this.#passNextTurn();
    } catch (error) {
      this.#stop(error);
    }
  };

  #passAfter(drained: Promise<void>): void {
    this.#isAwake = true;
    drained.then(this.#pass, (error: unknown) => this.#stop(error));
  }

  /** Lets others have their turn: reading history goes in slices. */
  #passNextTurn(): void {
    this.#isAwake = true;
    setImmediate(this.#pass);
  }
}
