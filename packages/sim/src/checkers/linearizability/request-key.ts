import type { LoggedRequest, Request } from '../../history/types.ts';

/** Whether two requests ask for the same. */
export function equalRequests(a: LoggedRequest, b: Request): boolean {
  if (a.kind === 'put' && b.kind === 'put') {
    return (
      a.key === b.key &&
      a.value === b.value &&
      (a.lease ?? 0n) === (b.lease ?? 0n) &&
      (a.ignoreValue ?? false) === (b.ignoreValue ?? false) &&
      (a.ignoreLease ?? false) === (b.ignoreLease ?? false)
    );
  }
  return requestKey(a) === requestKey(b);
}

/** A text that is the same exactly for requests that ask for the same; fields that only shape the answer are left out. */
export function requestKey(request: Request): string {
  switch (request.kind) {
    case 'put':
      return JSON.stringify([
        'put',
        request.key,
        request.value,
        String(request.lease ?? 0n),
        request.ignoreValue ?? false,
        request.ignoreLease ?? false,
      ]);
    case 'deleteRange':
      return JSON.stringify(['delete', request.key, request.rangeEnd ?? '']);
    case 'range':
      return JSON.stringify([
        'range',
        request.key,
        request.rangeEnd ?? '',
        request.revision ?? 0,
        request.limit ?? 0,
      ]);
    case 'txn':
      return JSON.stringify([
        'txn',
        request.compare.map(({ key, rangeEnd, target, result, operand }) => [
          key,
          rangeEnd ?? '',
          target,
          result,
          String(operand),
        ]),
        request.success.map(requestKey),
        request.failure.map(requestKey),
      ]);
    case 'compact':
      return JSON.stringify(['compact', request.revision]);
    case 'leaseGrant':
      // The TTL in the log may be the one that the server raised it to.
      return JSON.stringify(['grant', String(request.id)]);
    case 'leaseRevoke':
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
      return JSON.stringify([request.kind, String(request.id)]);
  }
}
