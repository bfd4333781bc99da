import { compare, op, type CallOptions, type Client } from '@quorate/client';
import type {
  Compare,
  KeyValue,
  KvRequest,
  KvResponse,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  RangeRequest,
  Response,
  WatchEvent,
} from '@quorate/sim';
import { fromLatin1, toLatin1 } from '@quorate/std';
import type { mvccpb, rpcpb } from '@quorate/wire';
import type { Answer } from './recorder.ts';

/** What clients of a load ask for. */
export type LoadRequest = KvRequest | LeaseGrantRequest | LeaseRevokeRequest;

/** Carries out a request of a history over a client. */
export async function call(client: Client, request: LoadRequest, options: CallOptions): Promise<Answer> {
  switch (request.kind) {
    case 'range': {
      const response = await client.kv.range(rangeFields(request), options);
      return answer(response.header, rangeAnswer(response));
    }
    case 'put': {
      const response = await client.kv.put(putFields(request), options);
      return answer(response.header, putAnswer(response));
    }
    case 'deleteRange': {
      const response = await client.kv.deleteRange(keysOf(request), options);
      return answer(response.header, deleteAnswer(response));
    }
    case 'txn': {
      const { header, ...response } = await client.txn(
        {
          compare: request.compare.map(comparison),
          success: request.success.map(operation),
          failure: request.failure.map(operation),
        },
        options,
      );
      return answer(header, txnAnswer(response));
    }
    case 'leaseGrant': {
      const { header, ID, TTL } = await client.lease.grant(request, options);
      return answer(header, { kind: 'leaseGrant', id: ID, ttlSeconds: Number(TTL) });
    }
    case 'leaseRevoke': {
      const { header } = await client.lease.revoke(request.id, options);
      return answer(header, { kind: 'leaseRevoke' });
    }
  }
}

/** An event as a watcher received it. */
export function eventOf({ type, kv, prevKv }: mvccpb.Event): WatchEvent {
  if (kv === undefined) throw new Error('a watch event came without a key');
  return {
    type: type === 0 ? 'put' : 'delete',
    kv: keyValueOf(kv),
    ...(prevKv !== undefined && { prevKv: keyValueOf(prevKv) }),
  };
}

/** A key-value in the form of a history. */
export function keyValueOf(kv: mvccpb.KeyValue): KeyValue {
  return {
    key: toLatin1(kv.key),
    value: toLatin1(kv.value),
    createRevision: Number(kv.createRevision),
    modRevision: Number(kv.modRevision),
    version: Number(kv.version),
    lease: kv.lease,
  };
}

function answer(header: rpcpb.ResponseHeader | undefined, response: Response): Answer {
  return { kind: 'ok', revision: Number(header?.revision ?? 0n), response };
}

function keysOf({ key, rangeEnd = '' }: { readonly key: string; readonly rangeEnd?: string }) {
  return { key: fromLatin1(key), rangeEnd: fromLatin1(rangeEnd) };
}

function rangeFields(request: RangeRequest) {
  const { limit = 0, revision = 0, serializable = false } = request;
  return { ...keysOf(request), limit: BigInt(limit), revision: BigInt(revision), serializable };
}

function putFields({ key, value, prevKv = false, lease = 0n }: Extract<KvRequest, { kind: 'put' }>) {
  return { key: fromLatin1(key), value: fromLatin1(value), prevKv, lease };
}

function comparison({ key, target, operand, result }: Compare): rpcpb.Compare {
  if (target !== 'mod' || result !== 'equal') throw new Error('the load compares mod revisions only');
  return compare.modRevision(fromLatin1(key), '=', BigInt(operand));
}

function operation(request: KvRequest): rpcpb.RequestOp {
  switch (request.kind) {
    case 'range':
      return op.get({ key: fromLatin1(request.key) }, rangeFields(request));
    case 'put':
      return op.put(fromLatin1(request.key), fromLatin1(request.value), { prevKv: request.prevKv ?? false });
    case 'deleteRange':
      return op.delete({ key: fromLatin1(request.key) });
    case 'txn':
      throw new Error('the load has no transactions in transactions');
  }
}

function rangeAnswer({ kvs, count, more }: rpcpb.RangeResponse): KvResponse {
  return { kind: 'range', kvs: kvs.map(keyValueOf), count: Number(count), more };
}

function putAnswer({ prevKv }: rpcpb.PutResponse): KvResponse {
  return { kind: 'put', ...(prevKv !== undefined && { prevKv: keyValueOf(prevKv) }) };
}

function deleteAnswer({ deleted, prevKvs }: rpcpb.DeleteRangeResponse): KvResponse {
  return { kind: 'deleteRange', deleted: Number(deleted), prevKvs: prevKvs.map(keyValueOf) };
}

function txnAnswer({ succeeded, responses }: Omit<rpcpb.TxnResponse, 'header'>): KvResponse {
  return { kind: 'txn', succeeded, responses: responses.map(({ response }) => responseOf(response)) };
}

function responseOf(response: rpcpb.ResponseOp['response']): KvResponse {
  switch (response?.$case) {
    case 'responseRange':
      return rangeAnswer(response.value);
    case 'responsePut':
      return putAnswer(response.value);
    case 'responseDeleteRange':
      return deleteAnswer(response.value);
    case 'responseTxn':
      return txnAnswer(response.value);
    case undefined:
      throw new Error('an answer in a transaction is empty');
  }
}
