/**
 * Messages for a stream to a member, in order. Whoever pushes bounds them: on a watch stream there are at most three
 * for each watcher, on one of keep-alives one for each lease.
 */
export class RequestQueue implements AsyncIterable<Uint8Array> {
  readonly #messages: Uint8Array[] = [];
  #isEnded = false;
  #wake: (() => void) | undefined;

  /** Harmless when the stream has ended. */
  push(message: Uint8Array): void {
    if (this.#isEnded) return;
    this.#messages.push(message);
    this.#wake?.();
  }

  /** There are no more. */
  end(): void {
    this.#isEnded = true;
    this.#messages.length = 0;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      for (const message of this.#messages.splice(0)) yield message;
      if (this.#isEnded) return;
      if (this.#messages.length === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }
}
