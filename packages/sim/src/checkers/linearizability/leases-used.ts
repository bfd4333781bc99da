import type { Request, WatchEvent } from '../../history/types.ts';

/** The leases that a request names, in whichever of its branches. */
export function leasesNamedBy(request: Request): readonly bigint[] {
  switch (request.kind) {
    case 'put':
      return (request.lease ?? 0n) === 0n ? [] : [request.lease!];
    case 'leaseGrant':
    case 'leaseRevoke':
      return [request.id];
    case 'txn':
      return [...request.success, ...request.failure].flatMap(leasesNamedBy);
    default:
      return [];
  }
}

/** The leases that keys were attached to. */
export function leasesAttachedBy(events: readonly WatchEvent[]): readonly bigint[] {
  return events.filter(({ type, kv }) => type === 'put' && kv.lease !== 0n).map(({ kv }) => kv.lease);
}
