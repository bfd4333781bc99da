import type {
  Backend,
  BackendRow,
  BackendSnapshot,
  Bucket,
  BucketChange,
  ScanRange,
  StagedBackend,
} from '../backend.ts';
import { invariant } from '../invariant.ts';
import { MemoryBuckets, MemorySnapshot } from './memory-buckets.ts';

/** A `Backend` that lives as long as its object: for tests, and for simulated disks through `copy`. */
export class MemoryBackend implements Backend {
  #present = new MemoryBuckets();
  #stage: MemoryStage | undefined;

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    return this.#present.get(bucket, key);
  }

  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]> {
    return this.#present.scan(bucket, range);
  }

  /** As every backend's. Nothing of this one survives a crash, so `sync` makes no difference and may be left out. */
  async write(changes: readonly BucketChange[], _options?: { readonly sync: boolean }): Promise<void> {
    this.#present.write(changes);
  }

  snapshot(): BackendSnapshot {
    return new MemorySnapshot(this.#present);
  }

  async stage(): Promise<StagedBackend> {
    await this.#stage?.discard();
    return this.#begin(new MemoryBuckets(), 'filling');
  }

  async sealedStage(): Promise<StagedBackend | undefined> {
    return this.#stage?.state === 'sealed' ? this.#stage : undefined;
  }

  sizeBytes(): number {
    return this.#present.sizeBytes() + (this.#stage?.buckets.sizeBytes() ?? 0);
  }

  /** A second backend with what a crash at this moment would leave: all rows, and a stage if it is sealed. */
  copy(): MemoryBackend {
    const copy = new MemoryBackend();
    copy.#present = this.#present.copy();
    if (this.#stage?.state === 'sealed') copy.#begin(this.#stage.buckets.copy(), 'sealed');
    return copy;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #begin(buckets: MemoryBuckets, state: StageState): MemoryStage {
    return (this.#stage = new MemoryStage(buckets, state, (isInstalled) => {
      if (isInstalled) this.#present = buckets;
      this.#stage = undefined;
    }));
  }
}

/** `filling` -> `sealed` -> `installed`, and from both of the first to `discarded`. */
type StageState = 'filling' | 'sealed' | 'installed' | 'discarded';

class MemoryStage implements StagedBackend {
  readonly buckets: MemoryBuckets;
  state: StageState;
  readonly #onEnd: (isInstalled: boolean) => void;

  constructor(buckets: MemoryBuckets, state: StageState, onEnd: (isInstalled: boolean) => void) {
    this.buckets = buckets;
    this.state = state;
    this.#onEnd = onEnd;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    invariant(this.state !== 'discarded', 'a stage that was thrown away is not read');
    return this.buckets.get(bucket, key);
  }

  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]> {
    invariant(this.state !== 'discarded', 'a stage that was thrown away is not read');
    return this.buckets.scan(bucket, range);
  }

  async write(changes: readonly BucketChange[]): Promise<void> {
    invariant(this.state === 'filling', 'a stage is written before it is sealed');
    this.buckets.write(changes);
  }

  async seal(): Promise<void> {
    invariant(this.state === 'filling', 'a stage is sealed once');
    this.state = 'sealed';
  }

  async install(): Promise<void> {
    invariant(this.state === 'sealed', 'a stage is installed once, when it is sealed');
    this.state = 'installed';
    this.#onEnd(true);
  }

  async discard(): Promise<void> {
    if (this.state !== 'filling' && this.state !== 'sealed') return;
    this.state = 'discarded';
    this.#onEnd(false);
  }
}
