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

/** A client, and the calls that run through it. */
interface Lent {
  readonly client: Client;
  calls: number;
}

/** The cluster: calls by path, bytes in and bytes out, each with the credentials of whoever makes it. */
export class Upstream implements AsyncDisposable {
  readonly #options: UpstreamOptions;
  #current: Lent;
  /** Clients of members as they were before, until their last call has ended. */
  readonly #retired = new Set<Lent>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#current = this.#open(options.endpoints);
  }

  /** The members that are asked. */
  get endpoints(): readonly string[] {
    return this.#current.client.endpoints;
  }

  /** Asks these members from now on. Calls under way, streams among them, stay with those they are at. */
  useEndpoints(endpoints: readonly string[]): void {
    const before = this.#current;
    this.#current = this.#open(endpoints);
    this.#retired.add(before);
    this.#endIfUnused(before);
  }

  /** @throws RpcError with code and text of the member, or the signal's reason */
  async unary(path: string, request: Uint8Array, call: UpstreamUnaryCall): Promise<Uint8Array> {
    const { metadata, signal, repeatable = false, waits = false, endpoint } = call;
    const lent = this.#borrow();
    try {
      const response = await lent.client.unary(path, request, {
        ...{ metadata, signal, repeatable, endpoint },
        ...(waits && { timeoutMs: Infinity }),
      });
      return this.#checked(response);
    } catch (error) {
      throw toProxiedError(error);
    } finally {
      this.#giveBack(lent);
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
    const lent = this.#borrow();
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
    await Promise.all([this.#current, ...this.#retired].map(({ client }) => client.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(endpoints: readonly string[]): Lent {
    return { client: new Client({ ...this.#options.client, endpoints }), calls: 0 };
  }

  #borrow(): Lent {
    this.#current.calls++;
    return this.#current;
  }

  #giveBack(lent: Lent): void {
    lent.calls--;
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
