import type { LogIdentity } from '@quorate/auth';
import type { MemberChange } from '@quorate/membership';
import { encodeConfChange } from '@quorate/raft';
import { Later, type Clock } from '@quorate/std';
import { encodeRaftEnvelope, raftRequestField } from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import { maxApplyLag, maxPriorityApplyLag, maxPendingProposalBytes, maxPendingProposals } from './options.ts';
import type { RequestIds } from './request-ids.ts';
import type { Waiters } from './waiters.ts';

export interface ProposerOptions {
  readonly ids: RequestIds;
  readonly waiters: Waiters;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly maxRequestBytes: number;
  /** Whether the end of a lease is taken when other requests are refused, up to twice the lag. */
  readonly priorityRequests?: boolean | undefined;
  /** Hands an encoded InternalRaftRequest to raft at the end of the turn; see `RaftDriver.propose`. */
  readonly propose: (data: Uint8Array, suffix: number, onlyInTerm?: number) => void;
  /** Hands an encoded ConfChange to raft; false when it cannot be taken now. */
  readonly proposeConfChange: (data: Uint8Array) => boolean;
  /** Entries that are committed and not yet applied. */
  readonly applyLag: () => number;
  /** As whom this member proposes for itself. */
  readonly ownIdentity: () => LogIdentity;
  /** Set once the member can't go on. */
  readonly stoppedBecause: () => Error | undefined;
}

/** The way of a request into the log, and of its outcome back. */
export class Proposer {
  readonly #options: ProposerOptions;

  constructor(options: ProposerOptions) {
    this.#options = options;
  }

  /**
   * Proposes one encoded request as field `requestField` of an InternalRaftRequest. It comes to what applying
   * it on this member came to; the type is the caller's knowledge of that request. With `onlyInTerm` it is
   * proposed only while this member leads in that term, and otherwise times out. `from` is who asks for it; without,
   * this member does.
   *
   * It fails with ReplicaError REPLICA_TOO_MANY_REQUESTS, REPLICA_REQUEST_TOO_LARGE (nothing was proposed);
   *   REPLICA_TIMEOUT, REPLICA_STOPPED (it may or may not be applied); and what applying it throws
   */
  propose<R>(
    requestField: number,
    request: Uint8Array,
    options: { readonly onlyInTerm?: number; readonly from?: LogIdentity } = {},
  ): Later<R> {
    const { ids, maxRequestBytes, ownIdentity } = this.#options;
    const refusal = this.#refusal(requestField);
    if (refusal !== undefined) return Later.failed(refusal);
    const suffix = ids.next();
    const { name, revision } = options.from ?? ownIdentity();
    const data = encodeRaftEnvelope({
      idHigh: ids.high(suffix),
      idLow: ids.low(suffix),
      username: name,
      authRevision: revision,
      requestField,
      request,
    });
    if (data.length > maxRequestBytes) return Later.failed(new ReplicaError('REPLICA_REQUEST_TOO_LARGE'));
    const outcome = this.#wait<R>(suffix, data.length);
    this.#options.propose(data, suffix, options.onlyInTerm);
    return outcome;
  }

  /**
   * Proposes a change of one member. While raft cannot take it, since another change is under way or there is
   * no leader, it is tried again until the time is over.
   *
   * @throws ReplicaError as `propose`, and the MembershipError for which it is refused when it is applied
   */
  async proposeChange<R>(change: MemberChange): Promise<R> {
    const { ids, waiters, clock, proposeConfChange } = this.#options;
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const suffix = ids.next();
    const data = encodeMemberChange(ids.idOf(suffix), change);
    const outcome = this.#wait<R>(suffix, data.length);
    const attempt = (): void => {
      if (waiters.has(suffix) && !proposeConfChange(data)) clock.after(retryChangeMs, attempt);
    };
    attempt();
    return outcome;
  }

  #refusal(requestField?: number): ReplicaError | undefined {
    const { waiters, applyLag, stoppedBecause, priorityRequests = false } = this.#options;
    const stopped = stoppedBecause();
    if (stopped !== undefined) return new ReplicaError('REPLICA_STOPPED', { cause: stopped });
    const isFull = waiters.count >= maxPendingProposals || waiters.bytes >= maxPendingProposalBytes;
    const isUrgent = priorityRequests && requestField === raftRequestField.leaseRevoke;
    return isFull || applyLag() > (isUrgent ? maxPriorityApplyLag : maxApplyLag)
      ? new ReplicaError('REPLICA_TOO_MANY_REQUESTS')
      : undefined;
  }

  #wait<R>(suffix: number, bytes: number): Later<R> {
    const { waiters, clock, requestTimeoutMs } = this.#options;
    const startedAtMs = clock.now();
    return waiters.add<R>(suffix, { startedAtMs, deadlineMs: startedAtMs + requestTimeoutMs, bytes });
  }
}

/** How long a change of a member waits before raft is asked again. */
const retryChangeMs = 50;

/** As etcd does, a raftpb.ConfChange with the ID of the request, by which its waiter is found. */
function encodeMemberChange(id: bigint, change: MemberChange): Uint8Array {
  return encodeConfChange({ ...change, id });
}
