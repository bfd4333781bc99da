import type { Member } from '@quorate/membership';
import type { PeerNetwork } from '@quorate/peer';
import type { Clock } from '@quorate/std';
import { ReplicaError } from './errors.ts';
import type { MaintenanceApi } from './maintenance-api.ts';

export interface HandOverOptions {
  /** The voters beside this member. */
  readonly others: readonly Member[];
  readonly network: PeerNetwork;
  readonly maintenance: MaintenanceApi;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Hands the leadership to the voter that has been connected longest, if there is one. */
export async function handOver(options: HandOverOptions): Promise<void> {
  const { others, network, maintenance, clock, timeoutMs } = options;
  const [target] = others
    .map(({ id }) => ({ id, activeForMs: network.activeForMs(id) ?? -1 }))
    .filter(({ activeForMs }) => activeForMs >= 0)
    .sort((a, b) => b.activeForMs - a.activeForMs);
  if (target === undefined) return;
  const giveUp = new AbortController();
  const timer = clock.after(timeoutMs, () => giveUp.abort());
  try {
    await maintenance.transferTo(target.id, { signal: giveUp.signal });
  } catch (error) {
    if (!(error instanceof ReplicaError)) throw error; // The others elect a leader when they miss this one.
  } finally {
    timer.cancel();
  }
}
