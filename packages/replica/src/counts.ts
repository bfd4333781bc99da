import type { Wal } from '@quorate/wal';
import type { Applier } from './applier.ts';
import type { KvApi } from './kv-api.ts';
import type { LeaseApi } from './lease-api.ts';
import type { ReadIndexRounds } from './read-index.ts';
import type { Waiters } from './waiters.ts';

/** What a member has done since it started: plain numbers, counted where it happens and read by metrics. */
export interface ReplicaCounts {
  /** Keys put and keys deleted, those within transactions included. */
  readonly puts: number;
  readonly deletes: number;
  /** Bytes of the keys put: keys, values and what is kept with them. */
  readonly putBytes: number;
  readonly ranges: number;
  readonly txns: number;
  readonly leasesGranted: number;
  readonly leasesRevoked: number;
  readonly leasesRenewed: number;
  /** Proposals that nobody heard of in time; they may still be applied. */
  readonly proposalsFailed: number;
  /** ReadIndex rounds that had to be asked for again, and those given up. */
  readonly readIndexesSlow: number;
  readonly readIndexesFailed: number;
  /** Bytes written to the log. */
  readonly logBytes: number;
}

/** Gathers them from where they are counted. */
export function countsOf(parts: {
  readonly applier: Pick<Applier, 'counts'>;
  readonly kv: Pick<KvApi, 'rangeCount' | 'readOnlyTxnCount'>;
  readonly leases: Pick<LeaseApi, 'renewedCount'>;
  readonly waiters: Pick<Waiters, 'expiredCount'>;
  readonly rounds: Pick<ReadIndexRounds, 'slowCount' | 'failedCount'>;
  readonly wal: Pick<Wal, 'stats'>;
}): ReplicaCounts {
  const { applier, kv, leases, waiters, rounds, wal } = parts;
  return {
    ...applier.counts,
    txns: applier.counts.txns + kv.readOnlyTxnCount,
    ranges: kv.rangeCount,
    leasesRenewed: leases.renewedCount,
    proposalsFailed: waiters.expiredCount,
    readIndexesSlow: rounds.slowCount,
    readIndexesFailed: rounds.failedCount,
    logBytes: wal.stats.bytesWritten,
  };
}
