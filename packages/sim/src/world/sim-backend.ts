import {
  copyBytes,
  fromLatin1,
  toLatin1,
  type Backend,
  type BackendRow,
  type BackendSnapshot,
  type Bucket,
  type BucketChange,
  type ScanRange,
  type StagedBackend,
} from '@quorate/std';
import type { Chance } from './chance.ts';
import { never, ProcessGoneError, type SimProcess } from './process.ts';
import type { StoredBackend, StoredRows } from './stored-backend.ts';

export interface SimBackendOptions {
  /** The rows; they outlive the process. */
  readonly stored: StoredBackend;
  readonly process: SimProcess;
  readonly chance: Chance;
  /** Typical time of a batch; one that syncs takes ten times as long. */
  readonly writeMs: number;
}

/** Rows that a scan hands out at once: few, so that much can happen in between. */
const sliceRows = 64;

/**
 * The store as one process sees it: batches take time and are places where the process may die. Batches that
 * were not synced are lost by a crash of the machine, the newest first.
 */
export class SimBackend implements Backend {
  readonly #options: SimBackendOptions;

  constructor(options: SimBackendOptions) {
    this.#options = options;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    this.#checkAlive();
    return this.#options.stored.live.get(bucket, key);
  }

  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]> {
    return this.#scan(this.#options.stored.live, bucket, range);
  }

  async write(changes: readonly BucketChange[], { sync }: { readonly sync: boolean }): Promise<void> {
    const { stored, writeMs } = this.#options;
    const batch = copyOf(changes);
    await this.#step('write', sync ? writeMs * 10 : writeMs, () => stored.write(batch, { sync }));
  }

  snapshot(): BackendSnapshot {
    this.#checkAlive();
    const rows = this.#options.stored.live.copy();
    return {
      scan: (bucket, range) => this.#scan(rows, bucket, range),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async stage(): Promise<StagedBackend> {
    const { stored, writeMs } = this.#options;
    const rows = await this.#step('stage', writeMs, () => stored.stage());
    return this.#staged(rows);
  }

  async sealedStage(): Promise<StagedBackend | undefined> {
    if (this.#options.process.isGone) return never();
    const rows = this.#options.stored.sealed;
    return rows && this.#staged(rows);
  }

  sizeBytes(): number {
    return this.#options.stored.live.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #staged(rows: StoredRows): StagedBackend {
    const { stored, writeMs } = this.#options;
    return {
      get: (bucket, key) => rows.get(bucket, key),
      scan: (bucket, range) => this.#scan(rows, bucket, range),
      write: async (changes) => {
        const batch = copyOf(changes);
        await this.#step('stage.write', writeMs, () => rows.apply(batch));
      },
      seal: () => this.#step('stage.seal', writeMs * 10, () => stored.seal(rows)),
      install: () => this.#step('stage.install', writeMs * 10, () => stored.install(rows)),
      discard: () => this.#step('stage.discard', writeMs, () => stored.discard(rows)),
    };
  }

  /** The effect comes at the end of the time it takes: until then a crash finds nothing of it. */
  async #step<T>(name: string, typicalMs: number, effect: () => T): Promise<T> {
    const { process, chance } = this.#options;
    if (!process.reach(`backend.${name}.before`)) return never();
    const result = await process.wait(chance.heavyTail(typicalMs), `backend ${name}`, effect);
    if (!process.reach(`backend.${name}.after`)) return never();
    return result;
  }

  async *#scan(
    rows: StoredRows,
    bucket: Bucket,
    range: ScanRange = {},
  ): AsyncGenerator<readonly BackendRow[], void> {
    const { process } = this.#options;
    if (process.isGone) return never();
    const all = rows.range(bucket, range);
    for (let at = 0; at < all.length; at += sliceRows) {
      // The first slice is at hand; the others are fetched.
      if (at > 0) await process.wait(0.02, 'backend scan', () => undefined);
      yield all.slice(at, at + sliceRows).map(([key, value]) => [fromLatin1(key), copyBytes(value)]);
    }
  }

  #checkAlive(): void {
    if (this.#options.process.isGone) throw new ProcessGoneError();
  }
}

/** A batch that nobody else holds: what the caller does to its bytes later is its own business. */
function copyOf(changes: readonly BucketChange[]): BucketChange[] {
  return changes.map(({ bucket, key, value }) => ({
    bucket,
    key: fromLatin1(toLatin1(key)),
    value: value && copyBytes(value),
  }));
}
