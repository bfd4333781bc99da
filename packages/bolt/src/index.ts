/** bbolt's file format: reading and bulk-writing databases in a stream. */
export { BoltFile, type BoltFileOptions } from './bolt-file.ts';
export type { BoltCheck } from './check.ts';
export { BoltWriter, type BoltWriterOptions } from './bolt-writer.ts';
export { BoltDamagedError, BoltError, type BoltErrorCode } from './errors.ts';
export type { BoltBucket, BoltRow, BoltSource, YieldToLoop } from './types.ts';
