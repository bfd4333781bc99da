import type { Member } from '@quorate/membership';
import type { PeerNetwork } from '@quorate/peer';
import type { RaftNode } from '@quorate/raft';
import type { Clock } from '@quorate/std';

export interface HandOverOptions {
  /** The voters beside this member. */
  readonly others: readonly Member[];
  readonly node: RaftNode;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Makes raft's new messages leave. */
  readonly wake: () => void;
}

/** How often it is looked whether this member still leads. */
const pollMs = 20;

/**
 * Hands the leadership to the voter that has been connected longest, if there is one. Resolves when this member
 * leads no more, when the other one is not reached any more, or when the time is over: then the others elect a
 * leader as soon as they miss this one.
 */
export async function handOver(options: HandOverOptions): Promise<void> {
  const { others, node, network, clock, timeoutMs, wake } = options;
  const [target] = others
    .map(({ id }) => ({ id, activeForMs: network.activeForMs(id) ?? -1 }))
    .filter(({ activeForMs }) => activeForMs >= 0)
    .sort((a, b) => b.activeForMs - a.activeForMs);
  if (target === undefined) return;
  const deadlineMs = clock.now() + timeoutMs;
  node.transferLeadership(target.id);
  wake();
  while (node.isLeader && clock.now() < deadlineMs && network.activeForMs(target.id) !== undefined) {
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  }
}
