import { Client, EtcdError, type ClientOptions } from '@quorate/client';
import { RpcError, status } from '@quorate/rpc';
import { toProxiedError } from './upstream-errors.ts';

/** What a call to the cluster carries. */
export interface UpstreamCall {
  readonly metadata?: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/** What more there is to say of a call with one answer. */
export interface UpstreamUnaryCall extends UpstreamCall {
  /** It changes nothing, so that another member is asked when one does not answer. */
  readonly repeatable?: boolean;
  /** It waits for others, for as long as its client does. */
  readonly waits?: boolean;
  /** This member and no other. */
  readonly endpoint?: string;
}

export interface UpstreamOptions {
  /** All but the endpoints. */
  readonly client: Omit<ClientOptions, 'endpoints'>;
  readonly endpoints: readonly string[];
  readonly maxReceiveBytes: number;
}

/** Calls that last, for one connection: a member takes 1024 at once. */
const lastingCallsMax = 512;

/** A client with connections of its own, and the calls that run through it. */
interface Lent {
  readonly client: Client;
  calls: number;
}

/**
 * The cluster: calls by path, bytes in and bytes out, each with the credentials of whoever makes it.
 *
 * Members limit what one connection may have at once, and how often it may give up, and here many clients share it. So
 * calls that last have connections apart from those that are soon over, as many as it takes; and a call that is soon
 * over is not given up at the member when its client gives up, but left to end by itself.
 */
export class Upstream implements AsyncDisposable {
  readonly #options: UpstreamOptions;
  #endpoints: readonly string[];
  #brief: Lent;
  #lasting: Lent[] = [];
  /** Clients of members as they were before, until their last call has ended. */
  readonly #retired = new Set<Lent>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#endpoints = [...options.endpoints];
    this.#brief = this.#open();
  }

  /** The members that are asked. */
  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Asks these members from now on. Calls under way, streams among them, stay with those they are at. */
  useEndpoints(endpoints: readonly string[]): void {
    const before = [this.#brief, ...this.#lasting];
    this.#endpoints = [...endpoints];
    this.#brief = this.#open();
    this.#lasting = [];
    for (const lent of before) {
      this.#retired.add(lent);
      this.#endIfUnused(lent);
    }
  }

  /** @throws RpcError with code and text of the member, or the signal's reason */
  async unary(path: string, request: Uint8Array, call: UpstreamUnaryCall): Promise<Uint8Array> {
    const { metadata, signal, repeatable = false, waits = false, endpoint } = call;
    signal.throwIfAborted();
    const lent = this.#borrow({ lasts: waits });
    const answer = lent.client
      .unary(path, request, {
        ...{ metadata, repeatable, endpoint },
        ...(waits && { timeoutMs: Infinity, signal }),
      })
      .finally(() => this.#giveBack(lent));
    try {
      return this.#checked(await (waits ? answer : unlessAborted(answer, signal)));
    } catch (error) {
      throw toProxiedError(error);
    }
  }

  /**
   * Streams both ways. One that was never opened is tried at each of the members; after that nothing is repeated.
   *
   * @throws RpcError, or the signal's reason
   */
  async *stream(
    path: string,
    requests: AsyncIterable<Uint8Array>,
    { metadata, signal }: UpstreamCall,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const lent = this.#borrow({ lasts: true });
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          for await (const response of lent.client.stream(path, requests, { metadata, signal })) {
            yield this.#checked(response);
          }
          return;
        } catch (error) {
          const mayRepeat =
            error instanceof EtcdError && error.unsent && attempt < lent.client.endpoints.length;
          if (!mayRepeat) throw toProxiedError(error);
        }
      }
    } finally {
      this.#giveBack(lent);
    }
  }

  /** Ends all streams and waits for the calls under way. */
  async close(): Promise<void> {
    const all = [this.#brief, ...this.#lasting, ...this.#retired];
    await Promise.all(all.map(({ client }) => client.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Lent {
    return { client: new Client({ ...this.#options.client, endpoints: this.#endpoints }), calls: 0 };
  }

  #borrow({ lasts }: { readonly lasts: boolean }): Lent {
    let lent = lasts ? this.#lasting.find(({ calls }) => calls < lastingCallsMax) : this.#brief;
    if (lent === undefined) {
      lent = this.#open();
      this.#lasting.push(lent);
    }
    lent.calls++;
    return lent;
  }

  #giveBack(lent: Lent): void {
    lent.calls--;
    // One client for calls that last is kept for the next of them.
    if (lent.calls === 0 && this.#lasting.length > 1 && this.#lasting.includes(lent)) {
      this.#lasting = this.#lasting.filter((other) => other !== lent);
      this.#retired.add(lent);
    }
    this.#endIfUnused(lent);
  }

  #endIfUnused(lent: Lent): void {
    if (lent.calls > 0 || !this.#retired.delete(lent)) return;
    // It has no calls and no streams: what is left to close are connections.
    void lent.client.close();
  }

  #checked(response: Uint8Array): Uint8Array {
    const { maxReceiveBytes } = this.#options;
    if (response.length <= maxReceiveBytes) return response;
    const text = `grpc: received message larger than max (${response.length} vs. ${maxReceiveBytes})`;
    throw new RpcError(status.RESOURCE_EXHAUSTED, text);
  }
}

/** The answer, or the signal's reason as soon as it is aborted; what comes of the answer then is nobody's business. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    // By convention the reason is an Error.
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
