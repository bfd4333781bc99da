/** Disks for tests: one in memory that can lose power, one that fails on purpose. */
export { MemoryDisk, type MemoryDiskFile } from '../memory-disk.ts';
export type { CrashOptions } from '../memory-file.ts';
export { FaultyDisk, type DiskCall, type DiskFault, type DiskOperation } from './faulty-disk.ts';
