import type { Clock } from '@quorate/std';
import { encodeRaftEnvelope } from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import { maxPendingProposalBytes, maxPendingProposals } from './options.ts';
import type { RequestIds } from './request-ids.ts';
import type { Waiters } from './waiters.ts';

export interface ProposerOptions {
  readonly ids: RequestIds;
  readonly waiters: Waiters;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly maxRequestBytes: number;
  /** Hands an encoded InternalRaftRequest to raft at the end of the turn. */
  readonly propose: (data: Uint8Array) => void;
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
   * Proposes one encoded request as field `requestField` of an InternalRaftRequest. Resolves to what applying
   * it on this member came to; the type is the caller's knowledge of that request.
   *
   * @throws ReplicaError REPLICA_TOO_MANY_REQUESTS, REPLICA_REQUEST_TOO_LARGE (nothing was proposed);
   *   REPLICA_TIMEOUT, REPLICA_STOPPED (it may or may not be applied); and what applying it throws
   */
  propose<R>(requestField: number, request: Uint8Array): Promise<R> {
    const { ids, waiters, clock, requestTimeoutMs, maxRequestBytes } = this.#options;
    const stopped = this.#options.stoppedBecause();
    if (stopped !== undefined) return Promise.reject(new ReplicaError('REPLICA_STOPPED', { cause: stopped }));
    if (waiters.count >= maxPendingProposals || waiters.bytes >= maxPendingProposalBytes) {
      return Promise.reject(new ReplicaError('REPLICA_TOO_MANY_REQUESTS'));
    }
    const suffix = ids.next();
    const data = encodeRaftEnvelope({
      idHigh: ids.high(suffix),
      idLow: ids.low(suffix),
      username: '',
      authRevision: 0,
      requestField,
      request,
    });
    if (data.length > maxRequestBytes) return Promise.reject(new ReplicaError('REPLICA_REQUEST_TOO_LARGE'));
    const outcome = waiters.add<R>(suffix, {
      deadlineMs: clock.now() + requestTimeoutMs,
      bytes: data.length,
    });
    this.#options.propose(data);
    return outcome;
  }
}
