import { EtcdError } from './errors.ts';
import type { ViewChange } from './view.ts';

/** What one reader may leave waiting. Beyond it he is told so, rather than fill the memory of all. */
const waitingMax = 100_000;

/** The changes of a view on their way to one reader. */
export class ChangeFeed {
  #waiting: ViewChange[] = [];
  #failure: Error | undefined;
  #readable = Promise.withResolvers<void>();

  /** Returns false when the reader gets no more. */
  add(changes: readonly ViewChange[]): boolean {
    if (this.#failure !== undefined) return false;
    if (this.#waiting.length + changes.length > waitingMax) {
      const text = `a reader of changes left more than ${waitingMax} of them waiting`;
      this.fail(new EtcdError('RESOURCE_EXHAUSTED', text));
      return false;
    }
    for (const change of changes) this.#waiting.push(change);
    if (changes.length > 0) this.#readable.resolve();
    return true;
  }

  /** What waits is still delivered, and then this error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#readable.resolve();
  }

  /** The changes in order. @throws the failure, or the signal's reason */
  async *read(signal: AbortSignal | undefined): AsyncGenerator<ViewChange, never, undefined> {
    const onAbort = () => this.#readable.resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal?.throwIfAborted();
        const changes = this.#waiting;
        this.#waiting = [];
        for (const change of changes) {
          yield change;
          signal?.throwIfAborted();
        }
        if (changes.length > 0) continue;
        if (this.#failure !== undefined) throw this.#failure;
        this.#readable = Promise.withResolvers<void>();
        await this.#readable.promise;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
