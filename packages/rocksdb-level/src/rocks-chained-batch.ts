import { AbstractChainedBatch } from 'abstract-level';
import type { BatchPool, PooledBatch } from './batch-pool.ts';
import type { RocksWriteOptions } from './options.ts';
import type { RocksLevel } from './rocks-level.ts';

/** Writes a filled batch. */
export type CommitBatch = (batch: PooledBatch, options: RocksWriteOptions) => Promise<void>;

/** A batch whose operations gather inside the engine. */
export class RocksChainedBatch<K, V> extends AbstractChainedBatch<RocksLevel<K, V>, K, V> {
  readonly #pool: BatchPool;
  readonly #commit: CommitBatch;
  readonly #batch: PooledBatch;

  constructor(db: RocksLevel<K, V>, pool: BatchPool, commit: CommitBatch) {
    super(db);
    this.#pool = pool;
    this.#commit = commit;
    this.#batch = pool.take();
  }

  /** @internal */
  _put(key: Uint8Array, value: Uint8Array): void {
    this.#batch.put(key, value);
  }

  /** @internal */
  _del(key: Uint8Array): void {
    this.#batch.del(key);
  }

  /** @internal */
  _clear(): void {
    this.#batch.clear();
  }

  /** @internal */
  _write(options: RocksWriteOptions): Promise<void> {
    return this.#commit(this.#batch, options);
  }

  /** Called once, after which abstract-level lets nothing through. @internal */
  async _close(): Promise<void> {
    this.#pool.give(this.#batch);
  }
}
