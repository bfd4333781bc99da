import { RpcError, status } from './errors.ts';
import type { Member } from './member.ts';
import { runUntil } from './run-until.ts';
import type { StreamCall, StreamHandler } from './transport.ts';

/** What a client that demands a leader is told when there is none. */
export function noLeader(): RpcError {
  return new RpcError(status.UNAVAILABLE, 'etcdserver: no leader');
}

/**
 * Runs a stream for a client that demands a leader. A stream costs more to open than a refused request, so it
 * outlives short elections: it ends when the member has given up on there being a leader.
 */
export async function whileLed(member: Member, call: StreamCall, handler: StreamHandler): Promise<void> {
  const lost = new AbortController();
  const takeBack = member.onLeaderLost(() => lost.abort(noLeader()));
  try {
    await runUntil(lost.signal, call, handler);
  } finally {
    takeBack();
  }
}
