import type { MessageBatch } from '@quorate/wire';
import { RpcError, status } from './errors.ts';
import type { Member } from './member.ts';
import type { OnRequest, StreamCall, StreamHandler } from './transport.ts';
import { untilAborted } from './until-aborted.ts';

/** What a client that demands a leader is told when there is none. */
export function noLeader(): RpcError {
  return new RpcError(status.UNAVAILABLE, 'etcdserver: no leader');
}

/**
 * Runs a stream for a client that demands a leader. A stream costs more to open than a refused request, so it
 * outlives short elections: it ends when the member has given up on there being a leader.
 */
export async function whileLed(member: Member, call: StreamCall, handler: StreamHandler): Promise<void> {
  const lost = new AbortController();
  const takeBack = member.onLeaderLost(() => lost.abort(noLeader()));
  try {
    await handler(new LedCall(call, lost.signal));
  } catch (error) {
    lost.signal.throwIfAborted();
    throw error;
  } finally {
    takeBack();
  }
  lost.signal.throwIfAborted();
}

/** A call that is over for its handler, too, when the leader is lost. */
class LedCall implements StreamCall {
  readonly signal: AbortSignal;
  readonly requests: AsyncIterable<Uint8Array>;
  readonly #call: StreamCall;
  readonly #lost: AbortSignal;

  constructor(call: StreamCall, lost: AbortSignal) {
    this.#call = call;
    this.#lost = lost;
    this.signal = AbortSignal.any([call.signal, lost]);
    this.requests = this.#read();
  }

  get commonName(): string | undefined {
    return this.#call.commonName;
  }

  get address(): string | undefined {
    return this.#call.address;
  }

  metadata(key: string): string | undefined {
    return this.#call.metadata(key);
  }

  send(message: Uint8Array): boolean {
    // What is sent behind the end is for nobody.
    return this.#lost.aborted || this.#call.send(message);
  }

  sendBatch(batch: MessageBatch): boolean {
    return this.#lost.aborted || this.#call.sendBatch(batch);
  }

  /** Rejects when the leader is lost: the client may have nothing more to say for a long time. */
  receive(onRequest: OnRequest): Promise<void> {
    const received = this.#call.receive((request) => {
      if (!this.#lost.aborted) return onRequest(request);
    });
    return untilAborted(received, this.#lost);
  }

  async drained(): Promise<void> {
    try {
      await untilAborted(this.#call.drained(), this.#lost);
    } catch (error) {
      // Waiting ends when the call does; that it has is for whoever sends next to see.
      if (!this.#lost.aborted) throw error;
    }
  }

  /** Throws when the leader is lost, as `receive` does. */
  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    const requests = this.#call.requests[Symbol.asyncIterator]();
    for (;;) {
      const next = await untilAborted(requests.next(), this.#lost);
      if (next.done === true) return;
      yield next.value;
    }
  }
}
