import {
  invariant,
  type BackendRow,
  type Bucket,
  type BucketChange,
  type ScanRange,
  type StagedBackend,
} from '@quorate/std';
import type { LevelSlot } from './level-slot.ts';

/** `filling` -> `sealed` -> `installed`, and from both of the first to `discarded`. */
export type StageState = 'filling' | 'sealed' | 'installed' | 'discarded';

/** What a stage asks of its backend; each takes its turn among all writes. */
export interface StageHost {
  write(slot: LevelSlot, changes: readonly BucketChange[]): Promise<void>;
  seal(slot: LevelSlot): Promise<void>;
  install(slot: LevelSlot): Promise<void>;
  discard(slot: LevelSlot, options: { readonly wasSealed: boolean }): Promise<void>;
}

/** The slot that is not the present one, while it is filled and until it is installed or thrown away. */
export class LevelStage implements StagedBackend {
  readonly #slot: LevelSlot;
  readonly #host: StageHost;
  #state: StageState;

  constructor(slot: LevelSlot, host: StageHost, state: StageState) {
    this.#slot = slot;
    this.#host = host;
    this.#state = state;
  }

  get state(): StageState {
    return this.#state;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    invariant(this.#state !== 'discarded', 'a stage that was thrown away is not read');
    return this.#slot.get(bucket, key);
  }

  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]> {
    invariant(this.#state !== 'discarded', 'a stage that was thrown away is not read');
    return this.#slot.scan(bucket, range);
  }

  async write(changes: readonly BucketChange[]): Promise<void> {
    invariant(this.#state === 'filling', 'a stage is written before it is sealed');
    await this.#host.write(this.#slot, changes);
  }

  async seal(): Promise<void> {
    invariant(this.#state === 'filling', 'a stage is sealed once');
    this.#state = 'sealed';
    await this.#host.seal(this.#slot);
  }

  async install(): Promise<void> {
    invariant(this.#state === 'sealed', 'a stage is installed once, when it is sealed');
    this.#state = 'installed';
    await this.#host.install(this.#slot);
  }

  async discard(): Promise<void> {
    if (this.#state !== 'filling' && this.#state !== 'sealed') return;
    const wasSealed = this.#state === 'sealed';
    this.#state = 'discarded';
    await this.#host.discard(this.#slot, { wasSealed });
  }
}
