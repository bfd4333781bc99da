import type { WatchCreateRequest } from '../../history/types.ts';
import type { Chance } from '../chance.ts';
import type { WorkloadPlan } from '../swarm.ts';
import { allKeys } from './draw-request.ts';

/** What a client watches: all keys, or one; from the beginning, or from now on. */
export function drawWatch(chance: Chance, plan: WorkloadPlan): WatchCreateRequest {
  const key = `k${String(chance.below(plan.keys)).padStart(2, '0')}`;
  return {
    ...(chance.happens(0.6) ? allKeys : { key }),
    startRevision: chance.pick([0, 1, 1, 2, 20]),
    ...(chance.happens(0.3) && { prevKv: true }),
    ...(chance.happens(0.3) && { progressNotify: true }),
    ...(chance.happens(0.2) && { fragment: true }),
    ...(chance.happens(0.1) && { noPut: true }),
    ...(chance.happens(0.1) && { noDelete: true }),
  };
}
