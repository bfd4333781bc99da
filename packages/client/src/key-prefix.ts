import { concatBytes, equalBytes } from '@quorate/std';
import type { mvccpb, rpcpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import { prefixEnd, toBytes, type Bytes, type KeyRange } from './keys.ts';

/** A range as requests have it, where what is left out is empty. */
interface RangeFields {
  readonly key?: Uint8Array | undefined;
  readonly rangeEnd?: Uint8Array | undefined;
}

/**
 * What is put before every key on its way to the server, and taken off every key on its way back. It follows the rules
 * of etcd's own namespaces, so that clients in Go see the same keys: an end of 0x00 ("all that follow") becomes the
 * end of the prefix, any other end gets the prefix, too.
 */
export class KeyPrefix {
  readonly bytes: Uint8Array;

  constructor(prefix: Bytes) {
    this.bytes = toBytes(prefix);
  }

  get isEmpty(): boolean {
    return this.bytes.length === 0;
  }

  /** The prefix of a namespace within this one. */
  within(inner: Bytes): KeyPrefix {
    return new KeyPrefix(concatBytes([this.bytes, toBytes(inner)]));
  }

  /** @throws EtcdError for an empty key, as the server would without a prefix. */
  addToKey(key: Uint8Array | undefined): Uint8Array {
    if (this.isEmpty) return key ?? new Uint8Array(0);
    if (key === undefined || key.length === 0) {
      throw new EtcdError('INVALID_ARGUMENT', 'etcdserver: key is not provided', { unsent: true });
    }
    return concatBytes([this.bytes, key]);
  }

  /** The request with its key, or both ends of its range, within the prefix. */
  addTo<Request extends RangeFields>(request: Request): Request {
    if (this.isEmpty) return request;
    return { ...request, key: this.addToKey(request.key), rangeEnd: this.#endOf(request.rangeEnd) };
  }

  /** As `addTo`, where an empty key means the first one: watches have it so. */
  addToWatched(range: KeyRange): KeyRange {
    return this.addTo(range.key.length === 0 ? { ...range, key: new Uint8Array(1) } : range);
  }

  /** All keys of a transaction, of those within it too. */
  addToTxn(txn: Partial<rpcpb.TxnRequest>): Partial<rpcpb.TxnRequest> {
    if (this.isEmpty) return txn;
    return {
      compare: txn.compare?.map((comparison) => this.addTo(comparison)) ?? [],
      success: txn.success?.map((operation) => this.#addToOp(operation)) ?? [],
      failure: txn.failure?.map((operation) => this.#addToOp(operation)) ?? [],
    };
  }

  isOf(key: Uint8Array): boolean {
    return equalBytes(key.subarray(0, this.bytes.length), this.bytes);
  }

  stripKey(key: Uint8Array): Uint8Array {
    return key.subarray(this.bytes.length);
  }

  stripKv<Kv extends mvccpb.KeyValue | undefined>(kv: Kv): Kv {
    return kv === undefined || this.isEmpty ? kv : { ...kv, key: this.stripKey(kv.key) };
  }

  stripRange(response: rpcpb.RangeResponse): rpcpb.RangeResponse {
    if (this.isEmpty) return response;
    return { ...response, kvs: response.kvs.map((kv) => this.stripKv(kv)) };
  }

  stripPut(response: rpcpb.PutResponse): rpcpb.PutResponse {
    if (this.isEmpty) return response;
    return { ...response, prevKv: this.stripKv(response.prevKv) };
  }

  stripDelete(response: rpcpb.DeleteRangeResponse): rpcpb.DeleteRangeResponse {
    if (this.isEmpty) return response;
    return { ...response, prevKvs: response.prevKvs.map((kv) => this.stripKv(kv)) };
  }

  stripTxn(response: rpcpb.TxnResponse): rpcpb.TxnResponse {
    if (this.isEmpty) return response;
    return { ...response, responses: response.responses.map((part) => this.#stripPart(part)) };
  }

  #endOf(rangeEnd: Uint8Array | undefined): Uint8Array {
    if (rangeEnd === undefined || rangeEnd.length === 0) return new Uint8Array(0);
    const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
    return isOpen ? prefixEnd(this.bytes) : concatBytes([this.bytes, rangeEnd]);
  }

  #addToOp({ request }: rpcpb.RequestOp): rpcpb.RequestOp {
    switch (request?.$case) {
      case undefined:
        return { request };
      case 'requestRange':
        return { request: { $case: request.$case, value: this.addTo(request.value) } };
      case 'requestPut': {
        const value = { ...request.value, key: this.addToKey(request.value.key) };
        return { request: { $case: request.$case, value } };
      }
      case 'requestDeleteRange':
        return { request: { $case: request.$case, value: this.addTo(request.value) } };
      case 'requestTxn': {
        const { compare = [], success = [], failure = [] } = this.addToTxn(request.value);
        return { request: { $case: request.$case, value: { compare, success, failure } } };
      }
    }
  }

  #stripPart({ response }: rpcpb.ResponseOp): rpcpb.ResponseOp {
    switch (response?.$case) {
      case undefined:
        return { response };
      case 'responseRange':
        return { response: { $case: response.$case, value: this.stripRange(response.value) } };
      case 'responsePut':
        return { response: { $case: response.$case, value: this.stripPut(response.value) } };
      case 'responseDeleteRange':
        return { response: { $case: response.$case, value: this.stripDelete(response.value) } };
      case 'responseTxn':
        return { response: { $case: response.$case, value: this.stripTxn(response.value) } };
    }
  }
}

/** Before keys that are sent as they are. */
export const noPrefix: KeyPrefix = new KeyPrefix('');
