import {
  copyBytes,
  fromLatin1,
  invariant,
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
import type { StoredBackend, StoredRows, StoredStage } from './stored-backend.ts';

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
  /** The one stage there can be, as it was handed out. */
  #staged: { readonly stage: StoredStage; readonly face: StagedBackend } | undefined;

  constructor(options: SimBackendOptions) {
    this.#options = options;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    if (this.#options.process.isGone) throw new ProcessGoneError();
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
    if (this.#options.process.isGone) throw new ProcessGoneError();
    const rows = this.#options.stored.live.copy();
    let isDisposed = false;
    return {
      scan: (bucket, range) => {
        invariant(!isDisposed, 'a snapshot that was disposed of is not read');
        return this.#scan(rows, bucket, range);
      },
      [Symbol.asyncDispose]: async () => {
        isDisposed = true;
      },
    };
  }

  async stage(): Promise<StagedBackend> {
    const { stored, writeMs } = this.#options;
    return this.#faceOf(await this.#step('stage.begin', writeMs, () => stored.beginStage()));
  }

  async sealedStage(): Promise<StagedBackend | undefined> {
    const { process, stored } = this.#options;
    if (process.isGone) return never();
    return stored.sealed && this.#faceOf(stored.sealed);
  }

  sizeBytes(): number {
    return this.#options.stored.live.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #faceOf(stage: StoredStage): StagedBackend {
    if (this.#staged?.stage !== stage) this.#staged = { stage, face: this.#newFace(stage) };
    return this.#staged.face;
  }

  #newFace(stage: StoredStage): StagedBackend {
    const { stored, writeMs } = this.#options;
    const checkReadable = (): void =>
      invariant(stage.state !== 'discarded', 'a stage that was thrown away is not read');
    return {
      get: (bucket, key) => {
        checkReadable();
        return stage.rows.get(bucket, key);
      },
      scan: (bucket, range) => {
        checkReadable();
        return this.#scan(stage.rows, bucket, range);
      },
      write: async (changes) => {
        invariant(stage.state === 'filling', 'a stage is written before it is sealed');
        const batch = copyOf(changes);
        await this.#step('stage.write', writeMs, () => stage.rows.apply(batch));
      },
      seal: async () => {
        invariant(stage.state === 'filling', 'a stage is sealed once');
        await this.#step('stage.seal', writeMs * 10, () => {
          if (stage.state === 'filling') stage.state = 'sealed';
        });
      },
      install: async () => {
        invariant(stage.state === 'sealed', 'a stage is installed once, when it is sealed');
        await this.#step('stage.install', writeMs * 10, () => stored.install(stage));
      },
      discard: () => this.#step('stage.discard', writeMs, () => stored.discard(stage)),
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

  #scan(rows: StoredRows, bucket: Bucket, range: ScanRange = {}): AsyncIterable<readonly BackendRow[]> {
    // As of the call, however late the first slice is asked for.
    return this.#slices(rows.range(bucket, range));
  }

  async *#slices(
    rows: readonly (readonly [key: string, value: Uint8Array])[],
  ): AsyncGenerator<readonly BackendRow[], void> {
    const { process } = this.#options;
    if (process.isGone) return never();
    for (let at = 0; at < rows.length; at += sliceRows) {
      // The first slice is at hand; the others are fetched.
      if (at > 0) await process.wait(0.02, 'backend scan', () => undefined);
      yield rows.slice(at, at + sliceRows).map(([key, value]) => [fromLatin1(key), copyBytes(value)]);
    }
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
