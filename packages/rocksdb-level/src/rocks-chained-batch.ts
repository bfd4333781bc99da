import { AbstractChainedBatch } from 'abstract-level';
import { loadBinding, type EngineObject } from './binding.ts';
import { noOptions } from './engine-batch.ts';
import type { RocksWriteOptions } from './options.ts';
import type { RocksLevel } from './rocks-level.ts';

/** A batch whose operations gather inside the engine. */
export class RocksChainedBatch<K, V> extends AbstractChainedBatch<RocksLevel<K, V>, K, V> {
  readonly #binding = loadBinding();
  readonly #engine: EngineObject = this.#binding.batch_init();
  readonly #commit: (batch: EngineObject, options: RocksWriteOptions) => Promise<void>;

  constructor(
    db: RocksLevel<K, V>,
    commit: (batch: EngineObject, options: RocksWriteOptions) => Promise<void>,
  ) {
    super(db);
    this.#commit = commit;
  }

  /** @internal */
  _put(key: Uint8Array, value: Uint8Array): void {
    this.#binding.batch_put(this.#engine, key, value, noOptions);
  }

  /** @internal */
  _del(key: Uint8Array): void {
    this.#binding.batch_del(this.#engine, key, noOptions);
  }

  /** @internal */
  _clear(): void {
    this.#binding.batch_clear(this.#engine);
  }

  /** @internal */
  _write(options: RocksWriteOptions): Promise<void> {
    return this.#commit(this.#engine, options);
  }

  /** @internal */
  async _close(): Promise<void> {
    this.#binding.batch_clear(this.#engine);
  }
}
