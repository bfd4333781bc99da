/** An abstract-level 3 database over RocksDB. */
export { RocksLevel } from './rocks-level.ts';
export { rocksAvailable, RocksUnavailableError } from './binding.ts';
export type {
  RocksIteratorOptions,
  RocksLevelOptions,
  RocksOpenOptions,
  RocksReadOptions,
  RocksTuning,
  RocksWriteOptions,
} from './options.ts';
