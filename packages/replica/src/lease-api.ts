import {
  accessOfLeaseKeepAlive,
  accessOfLeaseRevoke,
  accessOfLeases,
  accessOfLeaseTimeToLive,
  accessOfRange,
  nobody,
  type Access,
  type Caller,
} from '@quorate/auth';
import { LeaseExpiredError, LeaseNotFoundError, NotPrimaryError, type Lessor } from '@quorate/lease';
import { PeerError, type PeerLease, type PeerNetwork } from '@quorate/peer';
import { noNode, type RaftNode } from '@quorate/raft';
import { emptyBytes, fromLatin1, type Clock } from '@quorate/std';
import { raftRequestField, rpcpb } from '@quorate/wire';
import type { LeaseGranted } from './applier.ts';
import { ReplicaError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Proposer } from './proposer.ts';
import { leaseGrantCostBytes, type Quota } from './quota.ts';

export interface LeaseApiOptions {
  readonly lessor: Lessor;
  readonly quota: Quota;
  readonly gate: Gate;
  readonly proposer: Proposer;
  readonly clock: Clock;
  /** Identity and term of now, with the given or the current revision. */
  readonly header: (revision?: number) => rpcpb.ResponseHeader;
  /** A new lease ID: positive and not used before. */
  readonly newLeaseId: () => bigint;
  readonly node: RaftNode;
  readonly network: PeerNetwork;
  readonly requestTimeoutMs: number;
  /** Resolves when this member leads for certain. @throws ReplicaError */
  readonly confirmLeadership: () => Promise<void>;
  /** Whether that is so without asking anybody. */
  readonly confirmLeadershipNow: () => boolean;
  /** Resolves once everything committed by now is applied. @throws ReplicaError REPLICA_APPLY_TIMEOUT */
  readonly caughtUp: () => Promise<void>;
  /** Whether everything committed by now is applied. */
  readonly isCaughtUp: () => boolean;
  readonly onOverQuota: () => void;
  /** Whether a checkpoint of this lease was proposed and is not applied yet. */
  readonly isCheckpointing: (id: bigint) => boolean;
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
  async grant(request: rpcpb.LeaseGrantRequest, caller: Caller = nobody): Promise<rpcpb.LeaseGrantResponse> {
    const { quota, gate, header, newLeaseId, onOverQuota } = this.#options;
    if (!quota.allows(leaseGrantCostBytes)) {
      onOverQuota();
      throw new ReplicaError('REPLICA_NO_SPACE');
    }
    const ID = request.ID === 0n ? newLeaseId() : request.ID;
    const encoded = rpcpb.LeaseGrantRequest.encode({ ID, TTL: request.TTL }).finish();
    const field = raftRequestField.leaseGrant;
    const granted = await gate.propose<LeaseGranted>(caller, { field, encoded, access: loginAccess });
    return { header: header(granted.revision), ID, TTL: BigInt(granted.ttlSeconds), error: '' };
  }

  /** @throws LeaseNotFoundError, ReplicaError */
  async revoke(
    request: rpcpb.LeaseRevokeRequest,
    caller: Caller = nobody,
  ): Promise<rpcpb.LeaseRevokeResponse> {
    const encoded = rpcpb.LeaseRevokeRequest.encode(request).finish();
    const field = raftRequestField.leaseRevoke;
    const access = (): Access => accessOfLeaseRevoke(request.ID);
    const revision = await this.#options.gate.propose<number>(caller, { field, encoded, access });
    return { header: this.#options.header(revision) };
  }

  /**
   * What `keepAlive` comes to, where nothing has to be waited for: at a leader that has no doubt, for a lease that is there.
   * Undefined elsewhere, and then nothing has happened. A promise costs ten times what there is to do.
   */
  keepAliveNow(id: bigint): number | undefined {
    const { gate, lessor, clock, confirmLeadershipNow, isCaughtUp, isCheckpointing } = this.#options;
    if (!gate.isOpen || !confirmLeadershipNow() || !isCaughtUp() || isCheckpointing(id)) return undefined;
    const ttlSeconds = lessor.tryRenew(id, clock.now());
    if (ttlSeconds !== undefined) this.#renewedCount++;
    return ttlSeconds;
  }

  /** The full time to live again, in seconds; 0 for a lease that is gone. @throws ReplicaError */
  async keepAlive(id: bigint, caller: Caller = nobody): Promise<number> {
    const { gate } = this.#options;
    if (!gate.isOpen) await gate.require(caller, () => accessOfLeaseKeepAlive(id));
    return this.#atLeader(
      () => this.renewHere(id).catch(zeroWhenGone),
      async (leader) => (await this.#options.network.renewLease(leader, id)) ?? 0,
    );
  }

  /**
   * Renews a lease on the leader, which alone knows when leases expire. One that has expired is waited for
   * until it is revoked.
   *
   * @throws LeaseNotFoundError, ReplicaError
   */
  async renewHere(id: bigint): Promise<number> {
    const { lessor, clock, requestTimeoutMs, confirmLeadership, caughtUp, isCheckpointing } = this.#options;
    const deadlineMs = clock.now() + requestTimeoutMs;
    await confirmLeadership();
    await caughtUp();
    // One on its way comes out of the log before this; another may be proposed meanwhile, of the time that was left.
    while (lessor.hasCheckpoint(id) || isCheckpointing(id)) await this.#clearCheckpoint(id);
    for (;;) {
      try {
        const ttlSeconds = lessor.renew(id, clock.now());
        this.#renewedCount++;
        return ttlSeconds;
      } catch (error) {
        if (error instanceof NotPrimaryError) throw new ReplicaError('REPLICA_NOT_LEADER', { cause: error });
        if (!(error instanceof LeaseExpiredError)) throw error;
        if (clock.now() >= deadlineMs) throw new ReplicaError('REPLICA_TIMEOUT', { cause: error });
        await this.#pause();
      }
    }
  }

  /** An unknown lease is no error: its TTL is -1. */
  async timeToLive(
    request: rpcpb.LeaseTimeToLiveRequest,
    caller: Caller = nobody,
  ): Promise<rpcpb.LeaseTimeToLiveResponse> {
    const { network, header, gate } = this.#options;
    const { ID, keys } = request;
    if (!gate.isOpen)
      await gate.require(caller, () => accessOfLeaseTimeToLive({ id: ID, keys }), { asOf: 'now' });
    const found = await this.#atLeader(
      () => this.timeToLiveHere(ID, { keys }),
      (leader) => network.leaseTimeToLive(leader, ID, { keys }),
    );
    // Keys may have been attached meanwhile: what is told must be what may be read.
    if (!gate.isOpen) {
      for (const key of found?.keys ?? []) gate.check(caller, accessOfRange({ key, rangeEnd: emptyBytes }));
    }
    const answer = { header: header(), ID };
    if (found === undefined) return { ...answer, TTL: -1n, grantedTTL: 0n, keys: [] };
    return {
      ...answer,
      TTL: BigInt(found.ttlSeconds),
      grantedTTL: BigInt(found.grantedTtlSeconds),
      keys: [...found.keys],
    };
  }

  /** The part of `timeToLive` that is the leader's. @throws ReplicaError */
  async timeToLiveHere(id: bigint, options: { readonly keys: boolean }): Promise<PeerLease | undefined> {
    const { lessor, clock, confirmLeadership, caughtUp } = this.#options;
    await confirmLeadership();
    await caughtUp();
    if (!lessor.isPrimary) throw new ReplicaError('REPLICA_LEADER_CHANGED');
    const found = lessor.timeToLive(id, clock.now());
    const keys = options.keys ? (lessor.keys(id) ?? []).map((key) => fromLatin1(key)) : [];
    return found && { ...found, keys };
  }

  /** All leases, the next to expire first. */
  async leases(caller: Caller = nobody): Promise<rpcpb.LeaseLeasesResponse> {
    const { gate, header } = this.#options;
    if (!gate.isOpen) await gate.require(caller, accessOfLeases, { asOf: 'now' });
    const { lessor } = this.#options;
    return { header: header(), leases: lessor.list().map((ID) => ({ ID })) };
  }

  /** The next primary goes on from a checkpoint, so it is taken back before the full time starts again. */
  async #clearCheckpoint(id: bigint): Promise<void> {
    const checkpoints = [{ ID: id, remainingTTL: 0n }];
    const encoded = rpcpb.LeaseCheckpointRequest.encode({ checkpoints }).finish();
    await this.#options.proposer.propose(raftRequestField.leaseCheckpoint, encoded);
  }

  /** Asks whoever leads, this member or another, until there is an answer or the time is over. */
  async #atLeader<T>(here: () => Promise<T>, there: (leader: bigint) => Promise<T>): Promise<T> {
    const { node, clock, requestTimeoutMs } = this.#options;
    const deadlineMs = clock.now() + requestTimeoutMs;
    for (;;) {
      if (node.isLeader) {
        try {
          return await here();
        } catch (error) {
          if (!isAboutLeading(error)) throw error;
        }
      } else if (node.leader !== noNode) {
        try {
          return await there(node.leader);
        } catch (error) {
          if (!(error instanceof PeerError)) throw error; // Another try may find another leader.
        }
      }
      if (clock.now() >= deadlineMs) {
        throw new ReplicaError(node.leader === noNode ? 'REPLICA_NO_LEADER' : 'REPLICA_TIMEOUT');
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(retryMs, resolve));
  }
}

/** Pause before the leader is asked again (reference: lease keep-alive). */
const retryMs = 50;

function zeroWhenGone(error: unknown): number {
  if (error instanceof LeaseNotFoundError) return 0;
  throw error;
}

function isAboutLeading(error: unknown): boolean {
  if (!(error instanceof ReplicaError)) return false;
  return error.code === 'REPLICA_NOT_LEADER' || error.code === 'REPLICA_LEADER_CHANGED';
}

function loginAccess(): Access {
  return { level: 'login' };
}
