import type { MvccStore } from '@quorate/mvcc';
import type { BucketChanges, Clock } from '@quorate/std';

export interface CompactorOptions {
  /** The store of the moment: a snapshot of the leader puts another one in its place. */
  readonly store: () => MvccStore;
  readonly clock: Clock;
  readonly changes: () => BucketChanges;
  /** Writes the changes made so far to the backend. */
  readonly flush: () => Promise<unknown>;
  readonly sleepMs: number;
  readonly onCompacted: (event: { readonly revision: number; readonly durationMs: number }) => void;
  /** Told of each slice: the time in which nothing else ran, and the revisions that it removed. */
  readonly onSlice?: ((event: { readonly durationMs: number; readonly removed: number }) => void) | undefined;
  readonly onFatal: (error: unknown) => void;
}

/** Slices between two writes to the backend: what they remove is about as much as one batch may hold. */
const slicesPerBatch = 64;

/**
 * Removes in the background what a compaction made unreachable: a slice of about a millisecond, then a pause
 * in which requests are served.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** A compaction was scheduled (or one from before the start is unfinished): see to it. */
  wake(): void {
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#options.onFatal(error))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when nothing is left to remove. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Stops after the slice under way; the next start goes on from there. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { store, clock, flush, sleepMs, onCompacted } = this.#options;
    const startedAtMs = clock.now();
    let slices = 0;
    while (!this.#stopped && store().hasCompaction) {
      this.#slice();
      if (++slices % slicesPerBatch === 0) await flush();
      await new Promise<void>((resolve) => clock.after(slices % 8 === 0 ? sleepMs : 0, resolve));
    }
    if (this.#stopped || slices === 0) return;
    await flush();
    onCompacted({ revision: store().compactedRevision, durationMs: clock.now() - startedAtMs });
  }

  #slice(): void {
    const { clock, changes, onSlice } = this.#options;
    const store = this.#options.store();
    const startedAtMs = clock.now();
    const before = store.droppedCount;
    store.compactSlice(changes());
    onSlice?.({ durationMs: clock.now() - startedAtMs, removed: store.droppedCount - before });
  }
}
