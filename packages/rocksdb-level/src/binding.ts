import { createRequire } from 'node:module';

/** An object of the engine, held by a pointer; only the functions of the binding look inside. */
export type EngineObject = object;

/** How the engine answers an asynchronous call. */
export type EngineCallback<T = void> = (error: Error | null, result: T) => void;

/** Rows of an iterator, flat: key, value, key, value, … */
export interface EngineRows {
  readonly rows: (Buffer | undefined)[];
  /** Nothing follows these rows. */
  readonly finished: boolean;
}

/** Options of `db_open` that we use. */
export interface EngineOpenOptions {
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
  readonly compaction: 'level' | undefined;
  readonly memtableMemoryBudget: number;
  readonly cacheSize: number;
  readonly blockSize: number;
  readonly compression: boolean;
  readonly walCompression: boolean;
  readonly parallelism: number;
}

/** Options of `db_get_many` and `db_get_many_sync` that we use. */
export interface EngineGetOptions {
  readonly fillCache: boolean;
  readonly valueEncoding: 'buffer';
}

/** Bounds of an iterator or of a clear. */
export interface EngineRange {
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
}

/** Options of `iterator_init` that we use. */
export interface EngineIteratorOptions extends EngineRange {
  readonly reverse: boolean;
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: 'buffer';
  readonly valueEncoding: 'buffer';
  readonly fillCache: boolean;
  readonly highWaterMarkBytes: number;
}

/**
 * The native functions of `@nxtedition/rocksdb` that we stand on. Its own JavaScript is written for
 * abstract-level 1 and is not used. A function without a callback runs to its end on the calling thread.
 */
export interface RocksBinding {
  db_init(location: string): EngineObject;
  db_open(db: EngineObject, options: EngineOpenOptions, callback: EngineCallback<unknown>): void;
  db_close(db: EngineObject, callback: EngineCallback): void;
  db_get_many(
    db: EngineObject,
    keys: readonly Uint8Array[],
    options: EngineGetOptions,
    callback: EngineCallback<(Buffer | undefined)[]>,
  ): void;
  db_get_many_sync(
    db: EngineObject,
    keys: readonly Uint8Array[],
    options: EngineGetOptions,
  ): (Buffer | undefined)[];
  db_clear(db: EngineObject, range: EngineRange): void;
  db_get_property(db: EngineObject, property: string): string;
  db_get_latest_sequence(db: EngineObject): number;
  iterator_init(db: EngineObject, options: EngineIteratorOptions): EngineObject;
  iterator_seek(iterator: EngineObject, target: Uint8Array): void;
  iterator_close(iterator: EngineObject): void;
  iterator_nextv(iterator: EngineObject, size: number, callback: EngineCallback<EngineRows>): void;
  iterator_nextv_sync(iterator: EngineObject, size: number): EngineRows;
  batch_init(): EngineObject;
  batch_put(batch: EngineObject, key: Uint8Array, value: Uint8Array, options: object): void;
  batch_del(batch: EngineObject, key: Uint8Array, options: object): void;
  batch_clear(batch: EngineObject): void;
  batch_write(db: EngineObject, batch: EngineObject, options: object): void;
}

/** This platform has no prebuilt RocksDB, or it could not be loaded. */
export class RocksUnavailableError extends Error {
  override readonly name = 'RocksUnavailableError';
  readonly code = 'ROCKSDB_UNAVAILABLE';

  constructor(cause: unknown) {
    super(`no RocksDB for ${process.platform}-${process.arch}: use classic-level there`, { cause });
  }
}

let loaded: RocksBinding | undefined;

/** The native functions, loaded at the first call. @throws RocksUnavailableError */
export function loadBinding(): RocksBinding {
  if (loaded === undefined) {
    try {
      // The engine declares no types; the interface above was written from its source at 12.2.12.
      loaded = createRequire(import.meta.url)('@nxtedition/rocksdb/binding.js') as RocksBinding;
    } catch (error) {
      throw new RocksUnavailableError(error);
    }
  }
  return loaded;
}

/** Whether RocksDB runs on this platform: linux-x64 and darwin-arm64 have a prebuilt engine. */
export function rocksAvailable(): boolean {
  try {
    loadBinding();
    return true;
  } catch {
    return false;
  }
}
