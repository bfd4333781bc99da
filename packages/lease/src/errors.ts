/** What a caller of the lessor can meet. */
export type LeaseErrorCode =
  | 'LEASE_NOT_FOUND'
  | 'LEASE_EXISTS'
  | 'LEASE_TTL_TOO_LARGE'
  | 'LEASE_NOT_PRIMARY'
  | 'LEASE_EXPIRED'
  | 'LEASE_DAMAGED_ROW';

/** There is no lease with this ID. */
export class LeaseNotFoundError extends Error {
  override readonly name = 'LeaseNotFoundError';
  readonly code = 'LEASE_NOT_FOUND' satisfies LeaseErrorCode;
  constructor(id: bigint) {
    super(`lease ${id} does not exist`);
  }
}

/** A lease with the ID of a grant exists already. */
export class LeaseExistsError extends Error {
  override readonly name = 'LeaseExistsError';
  readonly code = 'LEASE_EXISTS' satisfies LeaseErrorCode;
  constructor(id: bigint) {
    super(`lease ${id} exists already`);
  }
}

/** The TTL of a grant is beyond what a lease may have. */
export class LeaseTtlTooLargeError extends Error {
  override readonly name = 'LeaseTtlTooLargeError';
  readonly code = 'LEASE_TTL_TOO_LARGE' satisfies LeaseErrorCode;
  constructor(ttlSeconds: number) {
    super(`a TTL of ${ttlSeconds} seconds is too large`);
  }
}

/** Only the primary lessor, the one at the leader, knows when leases expire. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError';
  readonly code = 'LEASE_NOT_PRIMARY' satisfies LeaseErrorCode;
  constructor() {
    super('this lessor is not the primary one');
  }
}

/**
 * The lease has expired and will be revoked: too late to renew it. Whoever renews should wait until it is
 * gone, or until this lessor is no longer the primary one.
 */
export class LeaseExpiredError extends Error {
  override readonly name = 'LeaseExpiredError';
  readonly code = 'LEASE_EXPIRED' satisfies LeaseErrorCode;
  constructor(id: bigint) {
    super(`lease ${id} has expired and waits for its revocation`);
  }
}

/** A row of bucket `lease` does not hold what a lessor has written. */
export class DamagedLeaseRowError extends Error {
  override readonly name = 'DamagedLeaseRowError';
  readonly code = 'LEASE_DAMAGED_ROW' satisfies LeaseErrorCode;
  constructor(row: string, options?: ErrorOptions) {
    super(`row ${row} of bucket lease is damaged`, options);
  }
}
