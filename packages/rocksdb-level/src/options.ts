import { availableParallelism } from 'node:os';
import type { AbstractDatabaseOptions, AbstractOpenOptions } from 'abstract-level';
import type { EngineOpenOptions } from './binding.ts';

const mib = 1024 * 1024;

/** How the engine is tuned. The defaults keep resident memory low; sizes are in bytes. */
export interface RocksTuning {
  /** Unpacked blocks kept for reads: 8 MiB. Iterators do not fill it. */
  readonly blockCacheSize?: number | undefined;
  /**
   * `none` (default) leaves rows as they are: files of appended rows are moved down the levels, hardly ever
   * rewritten. `zstd` packs the colder levels, which then are rewritten in the background, and bounds memory.
   */
  readonly compression?: 'none' | 'zstd' | undefined;
  /**
   * With `zstd`: memory for rows not yet in a table file, 64 MiB. A table is written when half of it is full; a
   * burst may take one and a half times the budget before writes are held back. It also is the size of level 1.
   * With `none` the engine takes two memtables of 64 MiB, the second one only while the first is being written.
   */
  readonly writeBufferSize?: number | undefined;
  /** Smallest unit that is read and compressed: 16 KiB. */
  readonly blockSize?: number | undefined;
  /** Threads for background work: half of the cores, at least one. */
  readonly backgroundThreads?: number | undefined;
}

/** Options of the constructor of `RocksLevel`. */
export interface RocksLevelOptions<K, V> extends AbstractDatabaseOptions<K, V>, RocksTuning {}

/** Options of `open`, with all that the constructor was given. */
export interface RocksOpenOptions extends AbstractOpenOptions, RocksTuning {}

/** Options of a write. */
export interface RocksWriteOptions {
  /** The promise settles only when this write, and all before it, would survive a loss of power. */
  readonly sync?: boolean | undefined;
}

/** Options of a read. */
export interface RocksReadOptions {
  /** Keep the block that was read in the block cache; on by default for gets, off for iterators. */
  readonly fillCache?: boolean | undefined;
}

/** Options that an iterator takes beside those of abstract-level. */
export interface RocksIteratorOptions extends RocksReadOptions {
  /** `nextv` returns early once it has gathered so many bytes: 1 MiB. */
  readonly highWaterMarkBytes?: number | undefined;
}

/** What the engine is told at `open`. */
export function engineOptions(options: RocksOpenOptions): EngineOpenOptions {
  const isPacked = options.compression === 'zstd';
  return {
    createIfMissing: options.createIfMissing !== false,
    errorIfExists: options.errorIfExists === true,
    // With it come the memory budget and the compression; without, the engine's defaults, which are levels too.
    compaction: isPacked ? 'level' : undefined,
    memtableMemoryBudget: options.writeBufferSize ?? 64 * mib,
    cacheSize: options.blockCacheSize ?? 8 * mib,
    blockSize: options.blockSize ?? 16 * 1024,
    compression: isPacked,
    // The log is written once and read at most once; packing it would cost the writing thread.
    walCompression: false,
    parallelism: options.backgroundThreads ?? Math.max(1, availableParallelism() >> 1),
  };
}
