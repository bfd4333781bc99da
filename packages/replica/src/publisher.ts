import type { Clock } from '@quorate/std';
import { membershippb, raftRequestField } from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import type { Proposer } from './proposer.ts';

export interface PublisherOptions {
  readonly memberId: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly isStopped: () => boolean;
}

/** Pause after a try that failed for another reason than time. */
const retryMs = 100;

/**
 * Tells the cluster this member's name and client URLs, through the log, until it has worked: only then does the
 * member serve (reference: member states and attributes).
 *
 * @throws ReplicaError REPLICA_STOPPED
 */
export async function publish(options: PublisherOptions): Promise<void> {
  const { memberId, name, clientUrls, proposer, clock, isStopped } = options;
  const attributes = membershippb.ClusterMemberAttrSetRequest.encode({
    memberID: memberId,
    memberAttributes: { name, clientUrls: [...clientUrls] },
  }).finish();
  for (;;) {
    try {
      await proposer.propose(raftRequestField.clusterMemberAttrSet, attributes);
      return;
    } catch (error) {
      if (isStopped() || !(error instanceof ReplicaError) || error.code === 'REPLICA_STOPPED') throw error;
    }
    await new Promise<void>((resolve) => clock.after(retryMs, resolve));
  }
}
