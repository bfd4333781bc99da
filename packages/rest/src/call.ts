import type { Clock, Timer } from '@quorate/std';
import type { IncomingHttpHeaders } from 'node:http';
import type { RestCall } from './backend.ts';
import { requestMetadata } from './metadata.ts';
import { code, RestError } from './status.ts';

/** A call of an HTTP request, from its head on until somebody ends it. */
export class OpenCall implements RestCall, Disposable {
  readonly metadata: ReadonlyMap<string, string>;
  readonly address: string | undefined;
  readonly #ended = new AbortController();
  readonly #deadline: Timer | undefined;

  /** @throws RestError where the headers make no sense */
  constructor(
    headers: IncomingHttpHeaders,
    options: { readonly address: string | undefined; readonly clock: Clock },
  ) {
    const { metadata, timeoutMs } = requestMetadata(headers);
    this.metadata = metadata;
    this.address = options.address;
    if (timeoutMs === undefined) return;
    const expire = (): void =>
      this.cancel(new RestError(code.DEADLINE_EXCEEDED, 'context deadline exceeded'));
    // No timer is that short, and whoever has so little time has none.
    if (timeoutMs < 1) expire();
    else this.#deadline = options.clock.after(timeoutMs, expire);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Nobody wants the answer any more. Harmless after the end. */
  cancel(reason: RestError = new RestError(code.CANCELLED, 'context canceled')): void {
    this.#ended.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#deadline?.cancel();
    this.cancel();
  }
}
