import { LeaseExpiredError, LeaseNotFoundError, type Lease, type Lessor } from '@quorate/lease';
import { fromLatin1, type Clock } from '@quorate/std';
import { raftRequestField, rpcpb } from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import type { Proposer } from './proposer.ts';
import { leaseGrantCostBytes, type Quota } from './quota.ts';

export interface LeaseApiOptions {
  readonly lessor: Lessor;
  readonly quota: Quota;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly header: () => rpcpb.ResponseHeader;
  /** A new lease ID: positive and not used before. */
  readonly newLeaseId: () => bigint;
  /** Resolves once everything committed by now is applied and this member is sure that it leads. */
  readonly confirmLeadership: () => Promise<void>;
  readonly onOverQuota: () => void;
}

/** The lease operations of a member. Grants and revocations go through the log, renewals do not. */
export class LeaseApi {
  readonly #options: LeaseApiOptions;
  #renewedCount = 0;

  constructor(options: LeaseApiOptions) {
    this.#options = options;
  }

  /** Renewals since the start. */
  get renewedCount(): number {
    return this.#renewedCount;
  }

  /** @throws LeaseExistsError, LeaseTtlTooLargeError, ReplicaError */
  async grant(request: rpcpb.LeaseGrantRequest): Promise<rpcpb.LeaseGrantResponse> {
    const { quota, proposer, header, newLeaseId, onOverQuota } = this.#options;
    if (!quota.allows(leaseGrantCostBytes)) {
      onOverQuota();
      throw new ReplicaError('REPLICA_NO_SPACE');
    }
    const ID = request.ID === 0n ? newLeaseId() : request.ID;
    const encoded = rpcpb.LeaseGrantRequest.encode({ ID, TTL: request.TTL }).finish();
    const lease = await proposer.propose<Lease>(raftRequestField.leaseGrant, encoded);
    return { header: header(), ID, TTL: BigInt(lease.ttlSeconds), error: '' };
  }

  /** @throws LeaseNotFoundError, ReplicaError */
  async revoke(request: rpcpb.LeaseRevokeRequest): Promise<rpcpb.LeaseRevokeResponse> {
    const encoded = rpcpb.LeaseRevokeRequest.encode(request).finish();
    await this.#options.proposer.propose(raftRequestField.leaseRevoke, encoded);
    return { header: this.#options.header() };
  }

  /** The full time to live again, in seconds; 0 for a lease that is gone or about to go. */
  async keepAlive(id: bigint): Promise<number> {
    const { lessor, clock, confirmLeadership } = this.#options;
    await confirmLeadership();
    try {
      const ttlSeconds = lessor.renew(id, clock.now());
      this.#renewedCount++;
      return ttlSeconds;
    } catch (error) {
      if (error instanceof LeaseNotFoundError || error instanceof LeaseExpiredError) return 0;
      throw error;
    }
  }

  /** An unknown lease is no error: its TTL is -1. */
  async timeToLive(request: rpcpb.LeaseTimeToLiveRequest): Promise<rpcpb.LeaseTimeToLiveResponse> {
    const { lessor, clock, header, confirmLeadership } = this.#options;
    await confirmLeadership();
    const found = lessor.timeToLive(request.ID, clock.now());
    const answer = { header: header(), ID: request.ID };
    if (found === undefined) return { ...answer, TTL: -1n, grantedTTL: 0n, keys: [] };
    return {
      ...answer,
      TTL: BigInt(found.ttlSeconds),
      grantedTTL: BigInt(found.grantedTtlSeconds),
      keys: request.keys ? (lessor.keys(request.ID) ?? []).map((key) => fromLatin1(key)) : [],
    };
  }

  /** All leases, the next to expire first. */
  leases(): rpcpb.LeaseLeasesResponse {
    const { lessor, header } = this.#options;
    return { header: header(), leases: lessor.list().map((ID) => ({ ID })) };
  }
}
