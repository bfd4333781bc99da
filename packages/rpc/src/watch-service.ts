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
      // As with etcd, whose client makes its watchers again, with a new token, for what it reads there.
      takesDisproved: true,
      handler: (call, caller) => watch(member, call, caller),
    },
  };
}

async function watch(member: Member, call: StreamCall, caller: Caller): Promise<void> {
  const pump = new Pump(call);
  const stream = member.watch({ onReadable: () => pump.wake(), caller, reasonOf: statusText });
  try {
    const writing = pump.run(stream);
    const reading = (async () => {
      for await (const bytes of call.requests) {
        // A client that asks faster than it reads is not read from meanwhile.
        while (!stream.accepting && !call.signal.aborted) await pump.taken();
        await stream.request(decodeRequest(rpcpb.WatchRequest, bytes));
        pump.wake();
      }
    })();
    // A client that half-closed may go on listening; the stream ends when the call does.
    await Promise.race([writing, reading.then(() => writing)]);
  } finally {
    pump.stop();
    stream.close();
  }
  if (call.signal.aborted) throw new RpcError(status.CANCELLED, 'etcdserver: watch canceled');
}

/** Moves what is there into the transport, and waits where there is nothing or no room. */
class Pump {
  readonly #call: StreamCall;
  #stopped = false;
  #wake: (() => void) | undefined;
  #awake = false;
  #onTaken: (() => void)[] = [];

  constructor(call: StreamCall) {
    this.#call = call;
    call.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  wake(): void {
    this.#awake = true;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    for (const onTaken of this.#onTaken.splice(0)) onTaken();
    this.wake();
  }

  /** Resolves after the next take, or when the pump stops. */
  taken(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.wake();
    return new Promise((resolve) => this.#onTaken.push(resolve));
  }

  async run(stream: MemberWatch): Promise<void> {
    while (!this.#stopped && !this.#call.signal.aborted) {
      this.#awake = false;
      const responses = stream.take(takeBytes);
      for (const onTaken of this.#onTaken.splice(0)) onTaken();
      let hasRoom = true;
      for (const response of responses) hasRoom = this.#call.send(response);
      if (!hasRoom) await this.#call.drained();
      else if (stream.hasPending) await nextTurn();
      else if (!this.#awake) await this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}

/** Lets others have their turn: reading history goes in slices. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
