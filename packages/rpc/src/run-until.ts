import type { MessageBatch } from '@quorate/wire';
import { RpcError, status } from './errors.ts';
import { onAborted, type OnRequest, type StreamCall, type StreamHandler } from './transport.ts';
import { untilAborted } from './until-aborted.ts';

/** What a client is told whose call a stopping server does not wait for; it goes on at another member. */
export function serverStopped(): RpcError {
  return new RpcError(status.UNAVAILABLE, 'etcdserver: server stopped');
}

/**
 * Runs a stream until its handler is done, or `end` aborts: then the call is over for the handler, too.
 *
 * @throws the reason of `end`, as soon as the handler has ended; what the handler throws before
 */
export async function runUntil(end: AbortSignal, call: StreamCall, handler: StreamHandler): Promise<void> {
  try {
    await handler(new EndingCall(call, end));
  } catch (error) {
    end.throwIfAborted();
    throw error;
  }
  end.throwIfAborted();
}

/** A call that is over for its handler when a second signal aborts as well. */
class EndingCall implements StreamCall {
  readonly signal: AbortSignal;
  readonly requests: AsyncIterable<Uint8Array>;
  readonly #call: StreamCall;
  readonly #end: AbortSignal;

  constructor(call: StreamCall, end: AbortSignal) {
    this.#call = call;
    this.#end = end;
    this.signal = AbortSignal.any([call.signal, end]);
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
    return this.#end.aborted || this.#call.send(message);
  }

  sendBatch(batch: MessageBatch): boolean {
    return this.#end.aborted || this.#call.sendBatch(batch);
  }

  /** Rejects at the end: the client may have nothing more to say for a long time. */
  receive(onRequest: OnRequest): Promise<void> {
    const received = this.#call.receive((request) => {
      if (!this.#end.aborted) return onRequest(request);
    });
    return untilAborted(received, this.#end);
  }

  onGivenUp(tell: () => void): void {
    onAborted(this.signal, tell);
  }

  async drained(): Promise<void> {
    try {
      await untilAborted(this.#call.drained(), this.#end);
    } catch (error) {
      // Waiting ends when the call does; that it has is for whoever sends next to see.
      if (!this.#end.aborted) throw error;
    }
  }

  /** Throws at the end, as `receive` does. */
  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    const requests = this.#call.requests[Symbol.asyncIterator]();
    for (;;) {
      const next = await untilAborted(requests.next(), this.#end);
      if (next.done === true) return;
      yield next.value;
    }
  }
}
