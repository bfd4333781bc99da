import { emptyState } from '../model/store-model.ts';
import type { History, Operation } from '../../history/types.ts';
import { after, isSerializableRequest, naiveStore, type NaiveStore } from './naive-store.ts';

/** Operations beyond which there are too many orders to try. */
export const bruteForceOperationsMax = 10;

/**
 * Whether any order of a history's operations explains it, found by trying all of them. Leases do not end by
 * themselves here. Only for tests of the other checkers: a few operations make thousands of orders.
 */
export function isLinearizableByBruteForce({ operations, initial = emptyState }: History): boolean {
  const concerned = operations.filter(isConcerned);
  if (concerned.length > bruteForceOperationsMax) {
    throw new RangeError(`${concerned.length} operations are too many to try all orders`);
  }
  return tryAll(naiveStore(initial), concerned);
}

/** Tries every operation next that was not called after another one, still missing, had returned. */
function tryAll(store: NaiveStore, missing: readonly Operation[]): boolean {
  if (missing.every(({ outcome }) => outcome.kind === 'unknown')) return true;
  const firstReturn = Math.min(...missing.map(({ returnedAt }) => returnedAt));
  return missing.some((operation) => {
    if (operation.calledAt > firstReturn) return false;
    const next = after(store, operation);
    return (
      next !== undefined &&
      tryAll(
        next,
        missing.filter((other) => other !== operation),
      )
    );
  });
}

function isConcerned({ request, outcome }: Operation): boolean {
  if (request.kind === 'leaseKeepAlive' || request.kind === 'leaseTimeToLive') return false;
  if (outcome.kind === 'unknown') return request.kind !== 'range';
  if (outcome.kind === 'ok') return true;
  if (outcome.code === 'invalid' || outcome.code === 'other') return false;
  return !(outcome.code === 'futureRevision' && isSerializableRequest(request));
}
