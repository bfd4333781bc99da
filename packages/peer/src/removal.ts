import { idToHex } from '@quorate/std';
import type { PeerError } from './errors.ts';
import type { PeerHost } from './types.ts';

/** What a member answers to one that was removed from the cluster. */
export const removedText = 'cannot process message from removed member';
/** What it answers to a message that is meant for somebody else. */
export const mismatchText = 'cannot process message to mismatch member';

/**
 * Whether a refusal says that this member was removed from its cluster. That ends the member, so it must come from
 * one of the same cluster, and 403 must say so in words: some servers answer 403 to a mere mix-up, too.
 */
export function isRemovalNotice(refusal: PeerError, clusterId: string | undefined, host: PeerHost): boolean {
  if (clusterId !== idToHex(host.clusterId)) return false;
  return refusal.status === 410 || (refusal.status === 403 && refusal.reason === removedText);
}
