import type { WatchStream } from '@quorate/watch';
import type { rpcpb } from '@quorate/wire';

/** One client's watch stream on a member. */
export class ReplicaWatch {
  readonly #stream: WatchStream;

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
