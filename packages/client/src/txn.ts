import { rpcpb } from '@quorate/wire';
import { toBytes, toKeyRange, toSelector, type Bytes, type KeySelector } from './keys.ts';

/** A transaction: if all comparisons hold the first list is done, otherwise the second; all or nothing. */
export interface Txn {
  readonly compare?: readonly rpcpb.Compare[];
  readonly success?: readonly rpcpb.RequestOp[];
  readonly failure?: readonly rpcpb.RequestOp[];
}

/** How two sides are compared. */
export type CompareSign = '=' | '!=' | '>' | '<';

const results = {
  '=': rpcpb.Compare_CompareResult.EQUAL,
  '!=': rpcpb.Compare_CompareResult.NOT_EQUAL,
  '>': rpcpb.Compare_CompareResult.GREATER,
  '<': rpcpb.Compare_CompareResult.LESS,
} as const satisfies Record<CompareSign, rpcpb.Compare_CompareResult>;

/** What a comparison is of: one key, or all keys of a selection, each of which must hold. */
export type Compared = Bytes | KeySelector;

/**
 * The comparisons of a transaction. Of a key that does not exist all numbers are 0, and no comparison of its
 * value holds. A selection without keys is compared like a key that does not exist: `version = 0` says that it is
 * empty.
 */
export const compare = {
  /** How often the key was put since it was created; 0 means that it does not exist. */
  version: (key: Compared, sign: CompareSign, value: bigint) =>
    comparison(key, sign, rpcpb.Compare_CompareTarget.VERSION, { $case: 'version', value }),
  /** The revision that created the key. */
  createRevision: (key: Compared, sign: CompareSign, value: bigint) =>
    comparison(key, sign, rpcpb.Compare_CompareTarget.CREATE, { $case: 'createRevision', value }),
  /** The revision that last put the key. */
  modRevision: (key: Compared, sign: CompareSign, value: bigint) =>
    comparison(key, sign, rpcpb.Compare_CompareTarget.MOD, { $case: 'modRevision', value }),
  /** What the key holds, compared byte by byte. */
  value: (key: Compared, sign: CompareSign, value: Bytes) =>
    comparison(key, sign, rpcpb.Compare_CompareTarget.VALUE, { $case: 'value', value: toBytes(value) }),
  /** The lease that the key is attached to; 0 is none. */
  lease: (key: Compared, sign: CompareSign, value: bigint) =>
    comparison(key, sign, rpcpb.Compare_CompareTarget.LEASE, { $case: 'lease', value }),
} as const;

/** An operation of a transaction; the type of its answer is known, and nothing at run time. */
export type Op<Result> = rpcpb.RequestOp & { readonly [answer]?: Result };

declare const answer: unique symbol;

/** The operations of a transaction. */
export const op = {
  get: (selector: KeySelector, options: Partial<rpcpb.RangeRequest> = {}): Op<rpcpb.RangeResponse> => {
    const value = { ...rpcpb.RangeRequest.create(), ...options, ...toKeyRange(selector) };
    return { request: { $case: 'requestRange', value } };
  },
  put: (key: Bytes, value: Bytes, options: Partial<rpcpb.PutRequest> = {}): Op<rpcpb.PutResponse> => {
    const request = { ...rpcpb.PutRequest.create(), ...options, key: toBytes(key), value: toBytes(value) };
    return { request: { $case: 'requestPut', value: request } };
  },
  delete: (
    selector: KeySelector,
    options: Partial<rpcpb.DeleteRangeRequest> = {},
  ): Op<rpcpb.DeleteRangeResponse> => {
    const value = { ...rpcpb.DeleteRangeRequest.create(), ...options, ...toKeyRange(selector) };
    return { request: { $case: 'requestDeleteRange', value } };
  },
  txn: (txn: Txn): Op<rpcpb.TxnResponse> => ({ request: { $case: 'requestTxn', value: toTxnRequest(txn) } }),
} as const;

/** A transaction as a message. */
export function toTxnRequest({ compare = [], success = [], failure = [] }: Txn): rpcpb.TxnRequest {
  return { compare: [...compare], success: [...success], failure: [...failure] };
}

function comparison(
  key: Compared,
  sign: CompareSign,
  target: rpcpb.Compare_CompareTarget,
  targetUnion: rpcpb.Compare['targetUnion'],
): rpcpb.Compare {
  return {
    result: results[sign],
    target,
    ...toKeyRange(toSelector(key)),
    targetUnion,
  };
}
