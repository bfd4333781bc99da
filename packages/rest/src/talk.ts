import type { Exchange } from './exchange.ts';
import { toRestError, type RestError } from './status.ts';

/** A call of a stream, for whoever has its requests as they come and wants its answers. */
export class Talk {
  readonly #exchange: Pick<Exchange, 'route' | 'call' | 'settings'>;
  readonly #requests: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** What was wrong with a request. */
  #fault: RestError | undefined;

  constructor(
    exchange: Pick<Exchange, 'route' | 'call' | 'settings'>,
    requests: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ) {
    this.#exchange = exchange;
    this.#requests = requests;
  }

  /**
   * The answers, in protobuf's bytes. etcd is silent about a request that it can't read, and takes none after it; here
   * it ends the call, and the client is told why.
   *
   * @throws RestError, or what the backend throws
   */
  async *answers(): AsyncGenerator<Uint8Array, void, undefined> {
    const { route, call, settings } = this.#exchange;
    try {
      yield* settings.backend.stream(route.method.path, this.#taken(), call);
    } catch (error) {
      // The client should hear what it did wrong, not that the call was ended for it.
      throw this.#fault ?? error;
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  async *#taken(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* this.#requests;
    } catch (error) {
      this.#fault = toRestError(error);
      this.#exchange.call.cancel(this.#fault);
    }
  }
}
