import {
  ChangeList,
  fromUtf8,
  invariant,
  uint64FromBytes,
  uint64ToBytes,
  type Backend,
  type BackendReader,
  type BackendSnapshot,
  type BucketChanges,
  type Clock,
  type Timer,
} from '@quorate/std';

/** Keys of bucket `meta` (reference: backend buckets). */
export const metaKeys = {
  consistentIndex: fromUtf8('consistent_index'),
  term: fromUtf8('term'),
  confState: fromUtf8('confState'),
  storageVersion: fromUtf8('storageVersion'),
} as const;

/** The part of the store that gathers its own changes until they are asked for. */
export interface DrainedStore {
  drain(changes: BucketChanges): number;
  markFlushed(token: number): void;
}

export interface BackendWriterOptions {
  readonly backend: Backend;
  /** The store of the moment: a snapshot of the leader puts another one in its place. */
  readonly store: () => DrainedStore;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Entries applied since the last batch after which one is written at once. */
  readonly limit: number;
  /** What the batch stands for: the last applied entry. */
  readonly position: () => { readonly index: number; readonly term: number };
  readonly onWritten: (event: { readonly durationMs: number; readonly changes: number }) => void;
  readonly onFatal: (error: unknown) => void;
  /** The index that the backend holds already. */
  readonly writtenIndex: number;
}

/**
 * Writes what applied entries changed, off the path of requests: one atomic batch at a time, each with the
 * consistent index it stands for, so that a restart replays the log strictly from there.
 */
export class BackendWriter {
  readonly #options: BackendWriterOptions;
  #changes = new ChangeList();
  #entries = 0;
  #timer: Timer | undefined;
  #writing: Promise<number> | undefined;
  #writtenIndex: number;
  #closed = false;
  /** While another store is put in place nothing is written; resolves when it is. */
  #suspended: PromiseWithResolvers<void> | undefined;

  constructor(options: BackendWriterOptions) {
    this.#options = options;
    this.#writtenIndex = options.writtenIndex;
  }

  /** Where the parts write down what the entry being applied changes. Good until the next batch is taken. */
  get changes(): BucketChanges {
    return this.#changes;
  }

  /** The index up to which the backend holds every change. */
  get writtenIndex(): number {
    return this.#writtenIndex;
  }

  /** Entries were applied: a batch follows within the interval, or now when there are many. */
  noteApplied(count: number): void {
    this.#entries += count;
    if (this.#entries >= this.#options.limit) this.#writeSoon(0);
    else this.#writeSoon(this.#options.intervalMs);
  }

  /**
   * Writes all changes made so far, after a batch already under way. With `sync` they and all before them
   * survive a crash of the machine. Resolves to the index they stand for.
   */
  async flush(options: { readonly sync: boolean }): Promise<number> {
    return this.#writeNext(options.sync, () => {});
  }

  /**
   * A frozen view of the backend with every change made so far. `describe` is called at the moment that the
   * view shows.
   */
  async freeze<T>(describe: () => T): Promise<{ readonly description: T; readonly store: BackendSnapshot }> {
    let description: T | undefined;
    let store: BackendSnapshot | undefined;
    await this.#writeNext(
      false,
      () => {
        store = this.#options.backend.snapshot();
      },
      () => {
        description = describe();
      },
    );
    invariant(store !== undefined, 'the view is taken when the batch is written');
    // `describe` ran before the batch was written, whatever it returned.
    return { description: description as T, store };
  }

  /** Waits for the batch under way; from then on nothing is written before `resume`. */
  async suspend(): Promise<void> {
    if (this.#suspended === undefined) {
      this.#suspended = Promise.withResolvers();
      this.#suspended.promise.catch(() => {}); // Whoever waits for it has the error.
    }
    while (this.#writing !== undefined) await this.#writing.catch(() => {});
  }

  /** Another store is in place: changes of the one before are forgotten. */
  resume(): void {
    this.#changes = new ChangeList();
    this.#entries = 0;
    this.#writtenIndex = this.#options.position().index;
    this.#suspended?.resolve();
    this.#suspended = undefined;
  }

  /** No other store was put in place, and what the backend holds by now is not known: nothing is written any more. */
  abandon(error: unknown): void {
    this.close();
    this.#suspended?.reject(error);
  }

  /** Stops the timer; changes not yet written stay in the log, from which the next start replays them. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #writeSoon(delayMs: number): void {
    if (this.#closed || (this.#timer !== undefined && delayMs > 0)) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      if (this.#writing !== undefined || this.#suspended !== undefined) return this.#writeSoon(1);
      this.flush({ sync: false }).catch(this.#options.onFatal);
    });
  }

  async #writeNext(sync: boolean, onDone: () => void, onTaken = () => {}): Promise<number> {
    while (this.#writing !== undefined || this.#suspended !== undefined) {
      await (this.#suspended?.promise ?? this.#writing);
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing = this.#write(sync, onDone, onTaken);
    try {
      return await this.#writing;
    } finally {
      this.#writing = undefined;
    }
  }

  async #write(sync: boolean, onDone: () => void, onTaken: () => void): Promise<number> {
    const { backend, clock, position, onWritten } = this.#options;
    const store = this.#options.store();
    const { index, term } = position();
    onTaken();
    const batch = this.#changes;
    this.#changes = new ChangeList();
    this.#entries = 0;
    const token = store.drain(batch);
    batch.put('meta', metaKeys.consistentIndex, uint64ToBytes(BigInt(index)));
    batch.put('meta', metaKeys.term, uint64ToBytes(BigInt(term)));
    const startedAtMs = clock.now();
    await backend.write(batch.changes, { sync });
    onDone();
    store.markFlushed(token);
    this.#writtenIndex = index;
    onWritten({ durationMs: clock.now() - startedAtMs, changes: batch.changes.length });
    return index;
  }
}

/** The position that the backend stands for: 0 when it is new. */
export function readPosition(backend: BackendReader): { index: number; term: number } {
  const read = (key: Uint8Array): number => {
    const value = backend.get('meta', key);
    return value === undefined ? 0 : Number(uint64FromBytes(value));
  };
  return { index: read(metaKeys.consistentIndex), term: read(metaKeys.term) };
}
