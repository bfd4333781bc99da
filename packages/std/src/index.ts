/** What every package stands on: invariants, bytes, 64-bit integers, CRC-32C, clocks and chance. */
export { invariant, unreachable, InvariantError } from './invariant.ts';
export {
  asBuffer,
  compareBytes,
  concatBytes,
  copyBytes,
  emptyBytes,
  equalBytes,
  fromAnyUtf8,
  fromHex,
  fromLatin1,
  fromUtf8,
  toAnyUtf8,
  toHex,
  toLatin1,
  toUtf8,
  uint64FromBytes,
  uint64ToBytes,
} from './bytes.ts';
export { wholeBytes, type ByteSource } from './byte-source.ts';
export { AscendingMap } from './ascending-map.ts';
export { clampCount, idToHex, toCount } from './int64.ts';
export { crc32c } from './crc32c.ts';
export { systemClock, type Clock, type Timer } from './clock.ts';
export { Later, SettleQueue, type Outcome } from './later.ts';
export { Slices, type SlicesOptions } from './slices.ts';
export { ThreadCrew, type ThreadCrewOptions } from './thread-crew.ts';
export { yieldToOthers } from './yield-to-others.ts';
export { SeededRandom, systemRandom, type Random } from './random.ts';
export {
  ChangeList,
  buckets,
  type Backend,
  type BackendReader,
  type BackendRow,
  type BackendSnapshot,
  type Bucket,
  type BucketChange,
  type BucketChanges,
  type ScanRange,
  type StagedBackend,
} from './backend.ts';
export {
  isSingleKey,
  keyRange,
  prefixEnd,
  singleKey,
  unboundedEnd,
  type Key,
  type KeyRange,
} from './key-range.ts';
