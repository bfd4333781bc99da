import { accessOfWatch, type Caller } from '@quorate/auth';
import type { KeyRange } from '@quorate/std';
import { watchRange, type WatchHub, type WatchStream, type WatchStreamOptions } from '@quorate/watch';
import type { MessageBatch, rpcpb } from '@quorate/wire';
import type { Gate } from './gate.ts';

/** What a message may be larger than a request (reference: limits). */
const overheadBytes = 512 * 1024;

/** How a watch stream is opened. */
export interface WatchOptions {
  /** Called when `take` may have something. */
  readonly onReadable: () => void;
  /** Nobody, unless given. */
  readonly caller?: Caller;
  /** What to tell a client of the error for which it may not watch. */
  readonly reasonOf?: (refusal: unknown) => string;
}

export interface ReplicaWatchOptions extends Omit<WatchStreamOptions, 'maxFragmentBytes' | 'authorize'> {
  readonly maxRequestBytes: number;
  readonly caller: Caller;
  readonly gate: Gate;
  /** What to tell a client of the error for which it may not watch. */
  readonly reasonOf: (refusal: unknown) => string;
}

/** One client's watch stream on a member. Its watchers are what its caller may read, at any time. */
export class ReplicaWatch {
  readonly #stream: WatchStream;
  readonly #options: ReplicaWatchOptions;

  /** Opens a stream for messages of at most about so many bytes. */
  constructor(hub: WatchHub, options: ReplicaWatchOptions) {
    this.#options = options;
    this.#stream = hub.openStream({
      ...options,
      maxFragmentBytes: options.maxRequestBytes + overheadBytes,
      authorize: (range) => this.#refusalOf(range),
    });
  }

  /** While false no `request` may be made; a `take` makes it true again. */
  get accepting(): boolean {
    return this.#stream.accepting;
  }

  /** Whether `take` has work; it goes in slices, so one may have nothing to hand out. */
  get hasPending(): boolean {
    return this.#stream.hasPending;
  }

  /**
   * Creates or cancels a watcher, or asks for progress. A promise, which never rejects, when it takes a while: this
   * member does not know of the permission, and asks whether others do. The next request waits for it.
   */
  request(request: rpcpb.WatchRequest): void | Promise<void> {
    const { requestUnion } = request;
    if (requestUnion?.$case === 'createRequest' && !this.#options.gate.isOpen) {
      const range = watchRange(requestUnion.value);
      return this.#options.gate
        .require(this.#options.caller, () => accessOfWatch(range))
        .catch(() => {}) // The stream asks again, and has the answer.
        .then(() => this.#stream.request(request));
    }
    this.#stream.request(request);
  }

  /** Encoded WatchResponses, up to about that many bytes; empty when there is nothing to say. */
  take(maxBytes: number): readonly Uint8Array[] {
    return this.#stream.take(maxBytes);
  }

  /** The same in one piece, as a transport sends it. */
  takeBatch(maxBytes: number): MessageBatch {
    return this.#stream.takeBatch(maxBytes);
  }

  close(): void {
    this.#stream.close();
  }

  #refusalOf(range: KeyRange): string | undefined {
    const { gate, caller, reasonOf } = this.#options;
    if (gate.isOpen) return undefined;
    try {
      gate.check(caller, accessOfWatch(range));
      return undefined;
    } catch (refusal) {
      return reasonOf(refusal);
    }
  }
}
