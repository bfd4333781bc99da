import { mkdir } from 'node:fs/promises';
import {
  AbstractLevel,
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractChainedBatch,
  type AbstractDelOptions,
  type AbstractIterator,
  type AbstractIteratorOptions,
  type AbstractPutOptions,
} from 'abstract-level';
import { BatchPool, noOptions, type EncodedOperation, type PooledBatch } from './batch-pool.ts';
import {
  loadBinding,
  type EngineCallback,
  type EngineGetOptions,
  type EngineObject,
  type EngineRange,
} from './binding.ts';

import { engineOptions, type RocksLevelOptions, type RocksOpenOptions } from './options.ts';
import type { RocksIteratorOptions, RocksReadOptions, RocksWriteOptions } from './options.ts';
import { RocksChainedBatch } from './rocks-chained-batch.ts';
import { RocksIterator, type PrivateIteratorOptions } from './rocks-iterator.ts';
import { syncLogs } from './sync-logs.ts';

/** Rows that a limited `clear` deletes in one batch. */
const clearSlice = 1000;

/** What the database can do. A constant, since abstract-level's types do not know `getSync` yet. */
const manifest = {
  encodings: { buffer: true, view: true },
  implicitSnapshots: true,
  explicitSnapshots: false,
  has: true,
  getSync: true,
  createIfMissing: true,
  errorIfExists: true,
  additionalMethods: { getManySync: true, getProperty: true, sizeBytes: true },
};

/** A database of abstract-level 3 over RocksDB. One process may have a location open at a time. */
export class RocksLevel<K = string, V = string> extends AbstractLevel<Uint8Array, K, V> {
  readonly location: string;
  readonly #binding = loadBinding();
  readonly #engine: EngineObject;
  readonly #batches = new BatchPool();
  /** Reads on the thread pool; `close` waits for them, since the engine frees what they read from. */
  #readCount = 0;
  #whenReadsEnd: (() => void) | undefined;

  /**
   * The database opens by itself, at once; `await db.open()` tells how that went.
   *
   * @throws RocksUnavailableError where there is no prebuilt engine
   */
  constructor(location: string, options?: RocksLevelOptions<K, V>) {
    if (location === '') throw new TypeError('location must not be empty');
    super(manifest, options);
    this.location = location;
    this.#engine = this.#binding.db_init(location);
  }

  /** Sets a key. */
  override put<K2 = K, V2 = V>(
    key: K2,
    value: V2,
    options?: AbstractPutOptions<K2, V2> & RocksWriteOptions,
  ): Promise<void> {
    return super.put<K2, V2>(key, value, options ?? noOptions);
  }

  /** Deletes a key; one that is absent is no error. */
  override del<K2 = K>(key: K2, options?: AbstractDelOptions<K2> & RocksWriteOptions): Promise<void> {
    return super.del<K2>(key, options ?? noOptions);
  }

  /** Without arguments begins a chained batch, else makes all changes or none. */
  override batch(): AbstractChainedBatch<this, K, V>;
  override batch<K2 = K, V2 = V>(
    operations: AbstractBatchOperation<this, K2, V2>[],
    options?: AbstractBatchOptions<K2, V2> & RocksWriteOptions,
  ): Promise<void>;
  override batch<K2 = K, V2 = V>(
    ...args:
      | []
      | [
          AbstractBatchOperation<this, K2, V2>[],
          ((AbstractBatchOptions<K2, V2> & RocksWriteOptions) | undefined)?,
        ]
  ): AbstractChainedBatch<this, K, V> | Promise<void> {
    if (args.length === 0) return super.batch();
    return super.batch<K2, V2>(args[0], args[1] ?? noOptions);
  }

  /** Rows in key order, as they are now. */
  override iterator<K2 = K, V2 = V>(
    options?: AbstractIteratorOptions<K2, V2> & RocksIteratorOptions,
  ): AbstractIterator<this, K2, V2> {
    return super.iterator<K2, V2>(options ?? noOptions);
  }

  /** Values of several keys, now, on this thread; undefined where a key is absent. */
  getManySync(keys: readonly K[], options?: RocksReadOptions): (V | undefined)[] {
    this.#assertOpen();
    const keyEncoding = this.keyEncoding();
    const valueEncoding = this.valueEncoding();
    const encoded = keys.map((key) => keyEncoding.encode(key));
    return this.#binding
      .db_get_many_sync(this.#engine, encoded, getOptions(options))
      .map((value) => (value === undefined ? undefined : valueEncoding.decode(value)));
  }

  /** A property of the engine, such as `rocksdb.stats`; empty when it has no such property. */
  getProperty(property: string): string {
    this.#assertOpen();
    return this.#binding.db_get_property(this.#engine, property);
  }

  /** Bytes on disk, approximately: the table files, and the rows that so far are in the log alone. */
  sizeBytes(): number {
    return (
      Number(this.getProperty('rocksdb.total-sst-files-size')) +
      Number(this.getProperty('rocksdb.cur-size-active-mem-table'))
    );
  }

  /** @internal */
  async _open(options: RocksOpenOptions): Promise<void> {
    if (options.createIfMissing !== false) await mkdir(this.location, { recursive: true });
    await settled((done) => this.#binding.db_open(this.#engine, engineOptions(options), done));
  }

  /** @internal */
  async _close(): Promise<void> {
    if (this.#readCount > 0) await new Promise<void>((resolve) => (this.#whenReadsEnd = resolve));
    await settled((done) => this.#binding.db_close(this.#engine, done));
  }

  /** @internal */
  async _get(key: Uint8Array, options: RocksReadOptions): Promise<Uint8Array | undefined> {
    return (await this._getMany([key], options))[0];
  }

  /** @internal */
  _getSync(key: Uint8Array, options: RocksReadOptions): Uint8Array | undefined {
    return this.#binding.db_get_many_sync(this.#engine, [key], getOptions(options))[0];
  }

  /** @internal */
  async _getMany(
    keys: readonly Uint8Array[],
    options: RocksReadOptions,
  ): Promise<(Uint8Array | undefined)[]> {
    this.#readCount++;
    try {
      return await settled((done) =>
        this.#binding.db_get_many(this.#engine, keys, getOptions(options), done),
      );
    } finally {
      this.#readCount--;
      if (this.#readCount === 0) this.#whenReadsEnd?.();
    }
  }

  /** @internal */
  async _has(key: Uint8Array, options: RocksReadOptions): Promise<boolean> {
    return (await this._get(key, options)) !== undefined;
  }

  /** @internal */
  async _hasMany(keys: readonly Uint8Array[], options: RocksReadOptions): Promise<boolean[]> {
    return (await this._getMany(keys, options)).map((value) => value !== undefined);
  }

  /** @internal */
  _put(key: Uint8Array, value: Uint8Array, options: RocksWriteOptions): Promise<void> {
    return this._batch([{ type: 'put', key, value }], options);
  }

  /** @internal */
  _del(key: Uint8Array, options: RocksWriteOptions): Promise<void> {
    return this._batch([{ type: 'del', key }], options);
  }

  /** @internal */
  async _batch(operations: readonly EncodedOperation[], options: RocksWriteOptions): Promise<void> {
    this.#batches.run(operations, (batch) => this.#write(batch));
    if (options.sync === true) await syncLogs(this.location);
  }

  /** @internal */
  _chainedBatch(): RocksChainedBatch<K, V> {
    const commit = async (batch: PooledBatch, options: RocksWriteOptions): Promise<void> => {
      this.#write(batch);
      if (options.sync === true) await syncLogs(this.location);
    };
    return new RocksChainedBatch<K, V>(this, this.#batches, commit);
  }

  /** @internal */
  _iterator(options: PrivateIteratorOptions<K, V>): RocksIterator<K, V> {
    return new RocksIterator<K, V>(this, this.#engine, options);
  }

  /** @internal */
  async _clear(options: EngineRange & { reverse: boolean; limit: number }): Promise<void> {
    if (options.limit < 0) this.#binding.db_clear(this.#engine, options);
    else await this.#clearLimited(options);
  }

  /** Deletes the first rows of a range, in slices; the rows are those of the time of the call. */
  async #clearLimited(options: EngineRange & { reverse: boolean; limit: number }): Promise<void> {
    const iterator = this._iterator({ ...options, values: false });
    try {
      for (let left = options.limit; left > 0;) {
        const rows = await iterator._nextv(Math.min(left, clearSlice));
        if (rows.length === 0) return;
        left -= rows.length;
        this.#batches.run(rows.map(deletion), (batch) => this.#write(batch));
      }
    } finally {
      await iterator.close();
    }
  }

  /** One atomic write. It returns when the row is in memory and its record is with the kernel. */
  #write(batch: PooledBatch): void {
    this.#binding.batch_write(this.#engine, batch.engine, noOptions);
  }

  #assertOpen(): void {
    if (this.status !== 'open') {
      throw Object.assign(new Error('Database is not open'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
    }
  }
}

const getFilling: EngineGetOptions = Object.freeze({ fillCache: true, valueEncoding: 'buffer' });
const getPassing: EngineGetOptions = Object.freeze({ fillCache: false, valueEncoding: 'buffer' });

function getOptions(options: RocksReadOptions | undefined): EngineGetOptions {
  return options?.fillCache === false ? getPassing : getFilling;
}

function deletion([key]: readonly [Uint8Array | undefined, unknown]): EncodedOperation {
  if (key === undefined) throw new TypeError('a row without a key');
  return { type: 'del', key };
}

/** The promise of a call that answers by a callback. */
function settled<T>(start: (done: EngineCallback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });
}
