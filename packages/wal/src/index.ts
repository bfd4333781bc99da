/** etcd's write-ahead log, byte for byte: appending, reading, repairing, releasing. */
export {
  defaultSegmentSizeBytes,
  Wal,
  type OpenedWal,
  type WalCreateOptions,
  type WalLocation,
  type WalOpenOptions,
  type WalSave,
  type WalStats,
} from './wal.ts';
export type { LogStart } from './replay.ts';
export type { LogRecord } from './segment-reader.ts';
export type { Repair } from './repair.ts';
export { recordType } from './frame.ts';
export { parseSegmentName, segmentName, type SegmentName } from './segment-name.ts';
export {
  decodeSnapFile,
  encodeSnapFile,
  loadNewestSnapFile,
  saveSnapFile,
  SnapFileError,
  snapFileName,
} from './snap-file.ts';
export { WalCorruptError, WalError, WalFailedError, WalTornError, type WalErrorCode } from './errors.ts';
export { DiskError, type Disk, type DiskFile } from './disk.ts';
export { NodeDisk } from './node-disk.ts';
export { MemoryDisk } from './memory-disk.ts';
export type { CrashOptions } from './memory-file.ts';
