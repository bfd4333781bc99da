import { toLatin1 } from '@quorate/std';
import {
  decodeDeleteRangeRequest,
  decodeKeyValue,
  decodePutRequest,
  decodeTxnRequest,
  raftRequestField,
  rpcpb,
  type Compare as WireCompare,
  type DeleteRangeRequest as WireDeleteRange,
  type DeleteRangeResponseParts,
  type KeyValue as WireKeyValue,
  type mvccpb,
  type PutRequest as WirePut,
  type PutResponseParts,
  type RaftEnvelope,
  type RangeRequest as WireRange,
  type RangeResponseParts,
  type RequestOp,
  type ResponseOp,
  type TxnRequest as WireTxn,
  type TxnResponseParts,
} from '@quorate/wire';
import type {
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  KvRequest,
  KvResponse,
  LoggedRequest,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchEvent,
} from '../../history/types.ts';

const compareResults = ['equal', 'greater', 'less', 'notEqual'] as const;
const sortOrders = ['none', 'ascend', 'descend'] as const;
const sortTargets = ['key', 'version', 'create', 'mod', 'value'] as const;

/** Answer to a range. */
export function rangeResponse(parts: RangeResponseParts): RangeResponse {
  return { kind: 'range', kvs: parts.kvs.map(keyValue), count: parts.count, more: parts.more };
}

/** Answer to a put. */
export function putResponse({ prevKv }: PutResponseParts): PutResponse {
  return { kind: 'put', ...(prevKv !== undefined && { prevKv: keyValue(prevKv) }) };
}

/** Answer to a delete. */
export function deleteRangeResponse({ deleted, prevKvs }: DeleteRangeResponseParts): DeleteRangeResponse {
  return { kind: 'deleteRange', deleted, prevKvs: prevKvs.map(keyValue) };
}

/** Answer to a transaction. */
export function txnResponse({ succeeded, responses }: TxnResponseParts): TxnResponse {
  return { kind: 'txn', succeeded, responses: responses.map(kvResponse) };
}

/** What a committed entry asks of keys, leases and compaction; undefined when it asks nothing of them. */
export function loggedRequest({ requestField, request }: RaftEnvelope): LoggedRequest | undefined {
  switch (requestField) {
    case raftRequestField.put:
      return putRequest(decodePutRequest(request));
    case raftRequestField.deleteRange:
      return deleteRangeRequest(decodeDeleteRangeRequest(request));
    case raftRequestField.txn:
      return txnRequest(decodeTxnRequest(request));
    case raftRequestField.compaction:
      return { kind: 'compact', revision: Number(rpcpb.CompactionRequest.decode(request).revision) };
    case raftRequestField.leaseGrant: {
      const { ID, TTL } = rpcpb.LeaseGrantRequest.decode(request);
      return { kind: 'leaseGrant', id: ID, ttlSeconds: Number(TTL) };
    }
    case raftRequestField.leaseRevoke:
      return { kind: 'leaseRevoke', id: rpcpb.LeaseRevokeRequest.decode(request).ID };
    default:
      return undefined;
  }
}

/** An event as a watcher received it. */
export function watchEvent({ type, kv, prevKv }: mvccpb.Event): WatchEvent {
  return {
    type: type === 0 ? 'put' : 'delete',
    kv: generatedKeyValue(kv),
    ...(prevKv !== undefined && { prevKv: generatedKeyValue(prevKv) }),
  };
}

function generatedKeyValue(kv: mvccpb.KeyValue | undefined): KeyValue {
  return {
    key: toLatin1(kv?.key ?? new Uint8Array(0)),
    value: toLatin1(kv?.value ?? new Uint8Array(0)),
    createRevision: Number(kv?.createRevision ?? 0n),
    modRevision: Number(kv?.modRevision ?? 0n),
    version: Number(kv?.version ?? 0n),
    lease: kv?.lease ?? 0n,
  };
}

function keyValue(encoded: Uint8Array): KeyValue {
  const kv: WireKeyValue = decodeKeyValue(encoded);
  return { ...kv, key: toLatin1(kv.key), value: toLatin1(kv.value) };
}

function kvResponse(response: ResponseOp): KvResponse {
  switch (response.kind) {
    case 'range':
      return rangeResponse(response.range);
    case 'put':
      return putResponse(response.put);
    case 'deleteRange':
      return deleteRangeResponse(response.deleteRange);
    case 'txn':
      return txnResponse(response.txn);
  }
}

function putRequest(put: WirePut): PutRequest {
  const { lease, prevKv, ignoreValue, ignoreLease } = put;
  return {
    ...{ kind: 'put', key: toLatin1(put.key), value: toLatin1(put.value) },
    ...{ lease, prevKv, ignoreValue, ignoreLease },
  };
}

function deleteRangeRequest({ key, rangeEnd, prevKv }: WireDeleteRange): DeleteRangeRequest {
  return { kind: 'deleteRange', key: toLatin1(key), rangeEnd: toLatin1(rangeEnd), prevKv };
}

function rangeRequest(range: WireRange): RangeRequest {
  return {
    ...range,
    kind: 'range',
    key: toLatin1(range.key),
    rangeEnd: toLatin1(range.rangeEnd),
    sortOrder: sortOrders[range.sortOrder] ?? 'none',
    sortTarget: sortTargets[range.sortTarget] ?? 'key',
  };
}

function txnRequest({ compare, success, failure }: WireTxn): TxnRequest {
  return {
    kind: 'txn',
    compare: compare.map(compareOf),
    success: success.flatMap(kvRequest),
    failure: failure.flatMap(kvRequest),
  };
}

function kvRequest(op: RequestOp): KvRequest[] {
  switch (op.kind) {
    case 'range':
      return [rangeRequest(op.range)];
    case 'put':
      return [putRequest(op.put)];
    case 'deleteRange':
      return [deleteRangeRequest(op.deleteRange)];
    case 'txn':
      return [txnRequest(op.txn)];
    case 'none':
      return [];
  }
}

function compareOf(compare: WireCompare): Compare {
  const base = {
    key: toLatin1(compare.key),
    rangeEnd: toLatin1(compare.rangeEnd),
    result: compareResults[compare.result] ?? 'equal',
  };
  switch (compare.target) {
    case 0:
      return { ...base, target: 'version', operand: compare.version };
    case 1:
      return { ...base, target: 'create', operand: compare.createRevision };
    case 2:
      return { ...base, target: 'mod', operand: compare.modRevision };
    case 3:
      return { ...base, target: 'value', operand: toLatin1(compare.value) };
    default:
      return { ...base, target: 'lease', operand: compare.lease };
  }
}
