/** Leases: grants with a time to live that keys can be attached to. */
export {
  Lessor,
  maxTtlSeconds,
  minTtlSeconds,
  type CheckpointContext,
  type Lease,
  type LeaseCheckpoint,
  type LessorOptions,
  type TimeToLive,
} from './lessor.ts';
export {
  DamagedLeaseRowError,
  LeaseExistsError,
  LeaseExpiredError,
  LeaseNotFoundError,
  LeaseTtlTooLargeError,
  NotPrimaryError,
  type LeaseErrorCode,
} from './errors.ts';
