import type { EventResponse } from './event-response.ts';
import type { EventSubset } from './live-queue.ts';

/** Memory of responses that are kept for streams which have not taken them yet. */
const defaultBytesMax = 1024 * 1024;

/**
 * Responses that the streams of a hub have in common. The first one that tells its watchers of a revision makes the response;
 * it is kept until the last one has come by.
 *
 * Bound: `bytesMax`. At the bound the oldest ones go, and streams that are so late make them for themselves.
 *
 * Invariant: a response is here if and only if its `isShared` is set, and `bytes` is the sum of their `countedBytes`.
 */
export class SharedResponses {
  readonly #bytesMax: number;
  /** By wish; a subset has few. */
  readonly #bySubset = new Map<EventSubset, (EventResponse | undefined)[]>();
  #bytes = 0;

  constructor(bytesMax = defaultBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** Memory that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What audiences of this wish are told of a subset, if one of them was. */
  find(subset: EventSubset, wish: number): EventResponse | undefined {
    return this.#bySubset.get(subset)?.[wish];
  }

  /** Keeps a response, in the place of another one. */
  keep(subset: EventSubset, wish: number, response: EventResponse): void {
    let responses = this.#bySubset.get(subset);
    if (responses === undefined) this.#bySubset.set(subset, (responses = []));
    this.#drop(responses[wish]);
    responses[wish] = response;
    response.isShared = true;
  }

  /** Counts what a response that is kept has come to, and keeps to the bound. */
  count(response: EventResponse): void {
    const { bytes } = response;
    this.#bytes += bytes - response.countedBytes;
    response.countedBytes = bytes;
    for (const subset of this.#bySubset.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.forget(subset);
    }
  }

  /** Nobody will ask for this subset any more. */
  forget(subset: EventSubset): void {
    const responses = this.#bySubset.get(subset);
    if (responses === undefined) return;
    this.#bySubset.delete(subset);
    for (const response of responses) this.#drop(response);
  }

  #drop(response: EventResponse | undefined): void {
    if (response === undefined) return;
    response.isShared = false;
    response.setRow(undefined);
    this.#bytes -= response.countedBytes;
    response.countedBytes = 0;
  }
}
