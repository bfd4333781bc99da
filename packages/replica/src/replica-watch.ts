import type { WatchHub, WatchStream, WatchStreamOptions } from '@quorate/watch';
import type { rpcpb } from '@quorate/wire';

/** What a message may be larger than a request (reference: limits). */
const overheadBytes = 512 * 1024;

/** One client's watch stream on a member. */
export class ReplicaWatch {
  readonly #stream: WatchStream;

  /** Opens a stream for messages of at most about so many bytes. */
  static open(
    hub: WatchHub,
    options: Omit<WatchStreamOptions, 'maxFragmentBytes'> & { readonly maxRequestBytes: number },
  ): ReplicaWatch {
    const { maxRequestBytes, ...rest } = options;
    return new ReplicaWatch(hub.openStream({ ...rest, maxFragmentBytes: maxRequestBytes + overheadBytes }));
  }

  constructor(stream: WatchStream) {
    this.#stream = stream;
  }

  /** While false no `request` may be made; a `take` makes it true again. */
  get accepting(): boolean {
    return this.#stream.accepting;
  }

  /** Whether `take` has work; it goes in slices, so one may have nothing to hand out. */
  get hasPending(): boolean {
    return this.#stream.hasPending;
  }

  /** Creates or cancels a watcher, or asks for progress. */
  request(request: rpcpb.WatchRequest): void {
    this.#stream.request(request);
  }

  /** Encoded WatchResponses, up to about that many bytes; empty when there is nothing to say. */
  take(maxBytes: number): readonly Uint8Array[] {
    return this.#stream.take(maxBytes);
  }

  close(): void {
    this.#stream.close();
  }
}
