import type {
  DeleteRangeResponse,
  KeyValue,
  KvRequest,
  KvResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  PutResponse,
  RangeRequest,
  RangeResponse,
  Request,
  Response,
  TxnRequest,
  TxnResponse,
} from '../../history/types.ts';
import { sortField } from './range.ts';
import { textOfKeyValue } from '../describe.ts';

/** How an answer differs from what a correct store says; undefined when it does not. */
export function differenceOf(request: Request, expected: Response, actual: Response): string | undefined {
  switch (expected.kind) {
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
      // A history whose answers are not of their requests' kinds is refused before anything is checked.
      return differenceOfKv(request as KvRequest, expected, actual as KvResponse);
    case 'leaseGrant':
      return differenceOfGrants(request as LeaseGrantRequest, actual as LeaseGrantResponse);
    case 'compact':
    case 'leaseRevoke':
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
      return undefined;
  }
}

/** The server chooses the id if it was not asked for one, and may give a longer time than asked for. */
function differenceOfGrants(request: LeaseGrantRequest, actual: LeaseGrantResponse): string | undefined {
  if (request.id !== 0n && actual.id !== request.id)
    return `lease ${actual.id} where ${request.id} was asked for`;
  if (actual.ttlSeconds >= request.ttlSeconds) return undefined;
  return `a time to live of ${actual.ttlSeconds} s where ${request.ttlSeconds} were asked for`;
}

/** Whether two key-values are the same in every field. */
export function equalKeyValues(a: KeyValue, b: KeyValue): boolean {
  return (
    a === b ||
    (a.key === b.key &&
      a.modRevision === b.modRevision &&
      a.value === b.value &&
      a.createRevision === b.createRevision &&
      a.version === b.version &&
      a.lease === b.lease)
  );
}

/** How two key-values, either of which may be absent, differ; undefined when they do not. */
export function differenceOfKeyValues(
  expected: KeyValue | undefined,
  actual: KeyValue | undefined,
): string | undefined {
  if (expected === undefined || actual === undefined) {
    return expected === actual
      ? undefined
      : `${textOfKeyValue(actual)} where there is ${textOfKeyValue(expected)}`;
  }
  return equalKeyValues(expected, actual)
    ? undefined
    : `${textOfKeyValue(actual)} where there is ${textOfKeyValue(expected)}`;
}

function differenceOfKv(request: KvRequest, expected: KvResponse, actual: KvResponse): string | undefined {
  if (actual.kind !== expected.kind) return `a ${actual.kind} answer where one of ${expected.kind} belongs`;
  switch (expected.kind) {
    case 'range':
      return differenceOfRanges(request as RangeRequest, expected, actual as RangeResponse);
    case 'put':
      return prefixed('prev_kv: ', differenceOfKeyValues(expected.prevKv, (actual as PutResponse).prevKv));
    case 'deleteRange':
      return differenceOfDeletes(expected, actual as DeleteRangeResponse);
    case 'txn':
      return differenceOfTxns(request as TxnRequest, expected, actual as TxnResponse);
  }
}

function differenceOfRanges(
  request: RangeRequest,
  expected: RangeResponse,
  actual: RangeResponse,
): string | undefined {
  if (expected.count !== actual.count) return `count ${actual.count} where there are ${expected.count}`;
  if (expected.more !== actual.more) return `more=${actual.more} where it is ${expected.more}`;
  if (expected.kvs.length !== actual.kvs.length) {
    return `${actual.kvs.length} key-values where there are ${expected.kvs.length}`;
  }
  const field = request.keysOnly === true && request.sortTarget === 'value' ? undefined : sortField(request);
  if (field === undefined) return differenceOfLists(expected.kvs, actual.kvs, request.keysOnly === true);
  return differenceOfSorted(expected, actual, field, request.keysOnly === true);
}

/** In which order equals come is not promised, nor which of them a limit cuts off. */
function differenceOfSorted(
  expected: RangeResponse,
  actual: RangeResponse,
  field: (kv: KeyValue) => number | string,
  keysOnly: boolean,
): string | undefined {
  const total = expected.kvs.length;
  const byKey = (a: KeyValue, b: KeyValue) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  for (let from = 0; from < total;) {
    const value = field(expected.kvs[from]!);
    let to = from;
    while (to < total && field(expected.kvs[to]!) === value) to++;
    const group = actual.kvs.slice(from, to);
    if (group.some((kv) => field(kv) !== value)) return `key-values ${from} to ${to - 1} are out of order`;
    if (to < total || !expected.more) {
      const expectedGroup = expected.kvs.slice(from, to).sort(byKey);
      const difference = differenceOfLists(expectedGroup, group.sort(byKey), keysOnly);
      if (difference !== undefined) return difference;
    }
    from = to;
  }
  return undefined;
}

/** Whether `keys_only` keeps the lease depends on etcd's version: both pass. */
function differenceOfLists(
  expected: readonly KeyValue[],
  actual: readonly KeyValue[],
  keysOnly: boolean,
): string | undefined {
  for (let i = 0; i < expected.length; i++) {
    const wanted = expected[i]!;
    const got = actual[i]!;
    if (equalKeyValues(wanted, got)) continue;
    if (keysOnly && got.lease === 0n && equalKeyValues({ ...wanted, lease: 0n }, got)) continue;
    return differenceOfKeyValues(wanted, got);
  }
  return undefined;
}

function differenceOfDeletes(expected: DeleteRangeResponse, actual: DeleteRangeResponse): string | undefined {
  if (expected.deleted !== actual.deleted) {
    return `${actual.deleted} deleted where there were ${expected.deleted}`;
  }
  if (expected.prevKvs.length !== actual.prevKvs.length) {
    return `${actual.prevKvs.length} prev_kvs where there are ${expected.prevKvs.length}`;
  }
  return prefixed('prev_kvs: ', differenceOfLists(expected.prevKvs, actual.prevKvs, false));
}

function differenceOfTxns(
  request: TxnRequest,
  expected: TxnResponse,
  actual: TxnResponse,
): string | undefined {
  if (expected.succeeded !== actual.succeeded) {
    return `succeeded=${actual.succeeded} where the compares give ${expected.succeeded}`;
  }
  if (expected.responses.length !== actual.responses.length) {
    return `${actual.responses.length} answers where there are ${expected.responses.length}`;
  }
  const ops = expected.succeeded ? request.success : request.failure;
  for (const [i, response] of expected.responses.entries()) {
    const difference = differenceOfKv(ops[i]!, response, actual.responses[i]!);
    if (difference !== undefined) return `operation ${i} of the branch: ${difference}`;
  }
  return undefined;
}

function prefixed(prefix: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : prefix + text;
}
