import { fromLatin1 } from '@quorate/std';
import {
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeTxnRequest,
  rpcpb,
  type Compare as WireCompare,
  type DeleteRangeRequest as WireDeleteRange,
  type PutRequest as WirePut,
  type RangeRequest as WireRange,
  type RequestOp,
  type TxnRequest as WireTxn,
} from '@quorate/wire';
import type {
  Compare,
  DeleteRangeRequest,
  KvRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
  WatchCreateRequest,
} from '../../history/types.ts';

const sortOrders = { none: 0, ascend: 1, descend: 2 } as const;
const sortTargets = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;
const compareResults = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
const compareTargets = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** The bytes of a put, as clients send them. */
export function encodePut(request: PutRequest): Uint8Array {
  return encodePutRequest(wirePut(request));
}

/** The bytes of a delete. */
export function encodeDeleteRange(request: DeleteRangeRequest): Uint8Array {
  return encodeDeleteRangeRequest(wireDeleteRange(request));
}

/** The bytes of a transaction. */
export function encodeTxn(request: TxnRequest): Uint8Array {
  return encodeTxnRequest(wireTxn(request));
}

/** A range as the member takes it. */
export function wireRange(request: RangeRequest): WireRange {
  return {
    key: fromLatin1(request.key),
    rangeEnd: fromLatin1(request.rangeEnd ?? ''),
    limit: request.limit ?? 0,
    revision: request.revision ?? 0,
    sortOrder: sortOrders[request.sortOrder ?? 'none'],
    sortTarget: sortTargets[request.sortTarget ?? 'key'],
    serializable: request.serializable ?? false,
    keysOnly: request.keysOnly ?? false,
    countOnly: request.countOnly ?? false,
    minModRevision: request.minModRevision ?? 0,
    maxModRevision: request.maxModRevision ?? 0,
    minCreateRevision: request.minCreateRevision ?? 0,
    maxCreateRevision: request.maxCreateRevision ?? 0,
  };
}

/** The request that makes a watcher. */
export function wireWatchCreate(request: WatchCreateRequest): rpcpb.WatchRequest {
  const filters = [
    ...(request.noPut === true ? [rpcpb.WatchCreateRequest_FilterType.NOPUT] : []),
    ...(request.noDelete === true ? [rpcpb.WatchCreateRequest_FilterType.NODELETE] : []),
  ];
  const value = {
    key: fromLatin1(request.key),
    rangeEnd: fromLatin1(request.rangeEnd ?? ''),
    startRevision: BigInt(request.startRevision ?? 0),
    progressNotify: request.progressNotify ?? false,
    filters,
    prevKv: request.prevKv ?? false,
    watchId: 0n,
    fragment: request.fragment ?? false,
  };
  return { requestUnion: { $case: 'createRequest', value } };
}

function wirePut(request: PutRequest): WirePut {
  return {
    key: fromLatin1(request.key),
    value: fromLatin1(request.value),
    lease: request.lease ?? 0n,
    prevKv: request.prevKv ?? false,
    ignoreValue: request.ignoreValue ?? false,
    ignoreLease: request.ignoreLease ?? false,
  };
}

function wireDeleteRange(request: DeleteRangeRequest): WireDeleteRange {
  return {
    key: fromLatin1(request.key),
    rangeEnd: fromLatin1(request.rangeEnd ?? ''),
    prevKv: request.prevKv ?? false,
  };
}

function wireTxn(request: TxnRequest): WireTxn {
  return {
    compare: request.compare.map(wireCompare),
    success: request.success.map(wireOp),
    failure: request.failure.map(wireOp),
  };
}

function wireCompare(compare: Compare): WireCompare {
  const { target, operand } = compare;
  return {
    result: compareResults[compare.result],
    target: compareTargets[target],
    key: fromLatin1(compare.key),
    rangeEnd: fromLatin1(compare.rangeEnd ?? ''),
    version: target === 'version' ? operand : 0,
    createRevision: target === 'create' ? operand : 0,
    modRevision: target === 'mod' ? operand : 0,
    value: target === 'value' ? fromLatin1(operand) : new Uint8Array(0),
    lease: target === 'lease' ? operand : 0n,
  };
}

function wireOp(request: KvRequest): RequestOp {
  switch (request.kind) {
    case 'range':
      return { kind: 'range', range: wireRange(request) };
    case 'put':
      return { kind: 'put', put: wirePut(request) };
    case 'deleteRange':
      return { kind: 'deleteRange', deleteRange: wireDeleteRange(request) };
    case 'txn':
      return { kind: 'txn', txn: wireTxn(request) };
  }
}
