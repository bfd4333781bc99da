import type { LoggedRequest, Operation } from '../../history/types.ts';
import type { TruthStep } from '../truth-log.ts';

/** Whether a step changed keys, leases or the compacted revision. */
export function hasEffect({ entry, refusal, revisionBefore, revisionAfter }: TruthStep): boolean {
  if (revisionAfter > revisionBefore) return true;
  const { kind } = entry.request;
  return refusal === undefined && (kind === 'compact' || kind === 'leaseGrant' || kind === 'leaseRevoke');
}

/** The request of an operation that goes through the log; a grant's with the id that the server chose. */
export function effectiveRequest(operation: Operation): LoggedRequest {
  const { request, outcome } = operation;
  if (request.kind === 'leaseGrant' && outcome.kind === 'ok' && outcome.response.kind === 'leaseGrant') {
    return { kind: 'leaseGrant', id: outcome.response.id, ttlSeconds: outcome.response.ttlSeconds };
  }
  // Only called for operations that go through the log.
  return request as LoggedRequest;
}
