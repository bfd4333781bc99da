import type { LeaseTimeline, Operation } from '../../history/types.ts';
import type { TruthLog } from '../truth-log.ts';

/** A renewal that the server acknowledged: the grant itself, or a keep-alive. */
export interface Renewal {
  readonly operation: Operation;
  /** What the server said that it lives now. */
  readonly ttlMs: number;
}

/** One life of a lease: from a grant to what ended it. */
export interface LeaseLife {
  readonly id: bigint;
  /** When a member first applied the grant; undefined when that is not known. */
  readonly grantedAt: number | undefined;
  readonly ttlMs: number;
  /** When a member first applied the end: Infinity if it never came, undefined when that is not known. */
  readonly endedAt: number | undefined;
  /** Whether nobody but the server can have ended it. */
  readonly isExpiry: boolean;
}

/** What clients did to one lease, in the order of their calls. */
export interface LeaseCalls {
  readonly id: bigint;
  readonly grants: readonly Operation[];
  readonly revokes: readonly Operation[];
  readonly keepAlives: readonly Operation[];
  readonly lookups: readonly Operation[];
}

/** Sorts the operations of a timeline by lease. */
export function callsByLease({ operations }: LeaseTimeline): ReadonlyMap<bigint, LeaseCalls> {
  const byLease = new Map<bigint, Record<Exclude<keyof LeaseCalls, 'id'>, Operation[]>>();
  const callsOf = (id: bigint) => {
    let calls = byLease.get(id);
    if (calls === undefined) {
      calls = { grants: [], revokes: [], keepAlives: [], lookups: [] };
      byLease.set(id, calls);
    }
    return calls;
  };
  for (const operation of operations.toSorted((a, b) => a.calledAt - b.calledAt)) {
    const { request, outcome } = operation;
    if (request.kind === 'leaseGrant') {
      const response = outcome.kind === 'ok' ? outcome.response : undefined;
      const id = response?.kind === 'leaseGrant' ? response.id : request.id;
      if (id !== 0n) callsOf(id).grants.push(operation);
    } else if (request.kind === 'leaseRevoke') callsOf(request.id).revokes.push(operation);
    else if (request.kind === 'leaseKeepAlive') callsOf(request.id).keepAlives.push(operation);
    else if (request.kind === 'leaseTimeToLive') callsOf(request.id).lookups.push(operation);
  }
  return new Map([...byLease].map(([id, calls]) => [id, { id, ...calls }]));
}

/** The lives of all leases by the log. */
export function livesOf(
  truth: TruthLog,
  calls: ReadonlyMap<bigint, LeaseCalls>,
): ReadonlyMap<bigint, readonly LeaseLife[]> {
  const lives = new Map<bigint, LeaseLife[]>();
  for (const { id, ttlSeconds } of truth.initial.leases) {
    lives.set(id, [newLife(id, ttlSeconds, -Infinity)]);
  }
  for (const { entry, refusal } of truth.steps ?? []) {
    const { request, at, origin, operation } = entry;
    if (refusal !== undefined) continue;
    if (request.kind === 'leaseGrant') {
      const others = lives.get(request.id);
      const life = newLife(request.id, request.ttlSeconds, at);
      if (others === undefined) lives.set(request.id, [life]);
      else others.push(life);
    } else if (request.kind === 'leaseRevoke') {
      const ofLease = lives.get(request.id)!; // The replay refuses what was never granted.
      const isExpiry =
        origin === 'server' ||
        (origin === undefined && operation === undefined && !mayBeRevokedBy(calls.get(request.id), at));
      ofLease.push({ ...ofLease.pop()!, endedAt: at, isExpiry });
    }
  }
  return lives;
}

/** The renewals that the server acknowledged. */
export function renewalsOf({ grants, keepAlives }: LeaseCalls): readonly Renewal[] {
  const renewals: Renewal[] = [];
  for (const operation of [...grants, ...keepAlives]) {
    const response = operation.outcome.kind === 'ok' ? operation.outcome.response : undefined;
    if (response?.kind !== 'leaseGrant' && response?.kind !== 'leaseKeepAlive') continue;
    if (response.ttlSeconds > 0) renewals.push({ operation, ttlMs: response.ttlSeconds * 1000 });
  }
  return renewals;
}

function newLife(id: bigint, ttlSeconds: number, grantedAt: number | undefined): LeaseLife {
  return { id, grantedAt, ttlMs: ttlSeconds * 1000, endedAt: Infinity, isExpiry: false };
}

/** Whether a client's revoke that was not refused may be what was applied at a time. */
function mayBeRevokedBy(calls: LeaseCalls | undefined, at = Infinity): boolean {
  return (
    calls?.revokes.some(({ calledAt, outcome }) => outcome.kind !== 'refused' && calledAt <= at) ?? false
  );
}
