import { unreachable } from '@quorate/std';
import type { KvRequest, Request, TxnRequest, WatchCreateRequest } from '../../history/types.ts';
import { isReadOnlyTxn, isSerializable } from '../model/execute.ts';
import { keyInterval, type KeyInterval } from '../model/key-interval.ts';

/** To read, or write, all keys of an interval. */
export interface KeyNeed {
  readonly kind: 'read' | 'write';
  readonly interval: KeyInterval;
}

/** To read, or write, every key that hangs on the lease. */
export interface LeaseNeed {
  readonly kind: 'readLease' | 'writeLease';
  readonly lease: bigint;
}

/** What one part of a request has to be allowed. */
export type Need = KeyNeed | LeaseNeed;

/** What somebody has to be allowed: to be a user at all, to be an administrator, or something with keys. */
export type Demand =
  | { readonly level: 'login' | 'admin' }
  | { readonly level: 'keys'; readonly needs: readonly Need[] }
  /** To be that user, or an administrator. */
  | { readonly level: 'self'; readonly user: string };

/**
 * Where it is decided. `log`: when the request is applied. `now`: on a state as new as the call. `local`: on what the
 * member knows. `nowIfOn`: as `now`, if the member knows that authentication is on.
 */
export type Decision = 'log' | 'now' | 'local' | 'nowIfOn';

/** What a request demands of who makes it. */
export function demandOf(request: Request): Demand {
  switch (request.kind) {
    case 'compact':
      return { level: 'admin' };
    case 'leaseGrant':
      return { level: 'login' };
    case 'leaseTimeToLive':
      return request.keys === true ? keys([{ kind: 'readLease', lease: request.id }]) : { level: 'login' };
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      return keys([{ kind: 'writeLease', lease: request.id }]);
    default:
      return keys(needsOfKv(request));
  }
}

/** What a watcher demands. */
export function demandOfWatch({ key, rangeEnd }: WatchCreateRequest): Demand {
  return keys([{ kind: 'read', interval: keyInterval(key, rangeEnd) }]);
}

/** Where it is decided whether a request is allowed. */
export function decisionOf(request: Request): Decision {
  switch (request.kind) {
    case 'put':
    case 'deleteRange':
    case 'leaseRevoke':
      return 'log';
    case 'txn':
      if (!isReadOnlyTxn(request)) return 'log';
      return isSerializable(request) ? 'local' : 'now';
    case 'range':
      return isSerializable(request) ? 'local' : 'now';
    case 'leaseKeepAlive':
      return 'local';
    case 'compact':
      return 'now';
    case 'leaseGrant':
    case 'leaseTimeToLive':
      return 'nowIfOn';
    default:
      return unreachable(request);
  }
}

function keys(needs: readonly Need[]): Demand {
  return { level: 'keys', needs };
}

function needsOfKv(request: KvRequest): readonly Need[] {
  switch (request.kind) {
    case 'range':
      return [{ kind: 'read', interval: keyInterval(request.key, request.rangeEnd) }];
    case 'put': {
      const { lease = 0n } = request;
      const interval = keyInterval(request.key, '');
      return [
        { kind: 'write', interval },
        ...(lease === 0n ? [] : [{ kind: 'writeLease', lease } as const]),
        ...(request.prevKv === true ? [{ kind: 'read', interval } as const] : []),
      ];
    }
    case 'deleteRange': {
      const interval = keyInterval(request.key, request.rangeEnd);
      return [
        { kind: 'write', interval },
        ...(request.prevKv === true ? [{ kind: 'read', interval } as const] : []),
      ];
    }
    case 'txn':
      return needsOfTxn(request);
    default:
      return unreachable(request);
  }
}

/** Comparisons, and both branches: which one runs must not be found out by who may not know. */
function needsOfTxn({ compare, success, failure }: TxnRequest): readonly Need[] {
  return [
    ...compare.map(({ key, rangeEnd }) => ({ kind: 'read', interval: keyInterval(key, rangeEnd) }) as const),
    ...success.flatMap(needsOfKv),
    ...failure.flatMap(needsOfKv),
  ];
}
