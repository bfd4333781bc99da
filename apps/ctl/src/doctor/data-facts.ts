import type { DataDirFacts } from '@quorate/data-dir';
import type { Outcome } from './check.ts';

/** What was observed of a data directory. */
export interface DataFacts {
  readonly dir: DataDirFacts;
  /** Undefined when nobody asked for it. */
  readonly syncs: Outcome<SyncTimes> | undefined;
}

/** How long the disk took to make small writes durable. */
export interface SyncTimes {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Where the file was written, that is gone again. */
  readonly folder: string;
}
