import { emptyBytes, fromLatin1 } from '@quorate/std';
import {
  decodeKeyValue,
  type Compare,
  type DeleteRangeRequest,
  type KeyValue,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '@quorate/wire';
import { expect } from 'vitest';
import { executePut, type LeaseLookup } from '../../src/kv/put.ts';
import { KvRequestError } from '../../src/kv/errors.ts';
import type { ModelStore } from './model-store.ts';

export const bytes = fromLatin1;

/** Requests with all fields at zero but the given ones; keys and values as latin1 texts. */
export function rangeRequest(key: string, rangeEnd = '', fields: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key: bytes(key),
    rangeEnd: bytes(rangeEnd),
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...fields,
  };
}

export function putRequest(key: string, value = '', fields: Partial<PutRequest> = {}): PutRequest {
  return {
    key: bytes(key),
    value: bytes(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...fields,
  };
}

export function deleteRequest(
  key: string,
  rangeEnd = '',
  fields: Partial<DeleteRangeRequest> = {},
): DeleteRangeRequest {
  return { key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv: false, ...fields };
}

export function compareOf(key: string, fields: Partial<Compare> = {}): Compare {
  return {
    result: 0,
    target: 0,
    key: bytes(key),
    rangeEnd: emptyBytes,
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: emptyBytes,
    lease: 0n,
    ...fields,
  };
}

export function txnRequest(
  success: RequestOp[],
  failure: RequestOp[] = [],
  compare: Compare[] = [],
): TxnRequest {
  return { compare, success, failure };
}

export const op = {
  range: (...args: Parameters<typeof rangeRequest>): RequestOp => ({
    kind: 'range',
    range: rangeRequest(...args),
  }),
  put: (...args: Parameters<typeof putRequest>): RequestOp => ({ kind: 'put', put: putRequest(...args) }),
  delete: (...args: Parameters<typeof deleteRequest>): RequestOp => ({
    kind: 'deleteRange',
    deleteRange: deleteRequest(...args),
  }),
  txn: (...args: Parameters<typeof txnRequest>): RequestOp => ({ kind: 'txn', txn: txnRequest(...args) }),
};

/** Leases 1 to 9 exist. */
export const leases: LeaseLookup = { has: (id) => id >= 1n && id <= 9n };

/** Puts each pair in a transaction of its own. */
export function fill(store: ModelStore, rows: readonly (readonly [key: string, value: string])[]): void {
  for (const [key, value] of rows) putNow(store, putRequest(key, value));
}

export function putNow(store: ModelStore, request: PutRequest): void {
  const txn = store.begin();
  executePut(txn, request, leases);
  txn.end();
}

/** A KeyValue as a test likes to read it. */
export function readable(encoded: Uint8Array): Record<string, unknown> {
  return readableKeyValue(decodeKeyValue(encoded));
}

export function readableKeyValue(kv: KeyValue): Record<string, unknown> {
  return {
    key: Buffer.from(kv.key).toString('latin1'),
    value: Buffer.from(kv.value).toString('latin1'),
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

export function keysOf(kvs: readonly Uint8Array[]): unknown[] {
  return kvs.map((kv) => readable(kv)['key']);
}

/** Expects that `action` throws a KvRequestError with this code, or whatever error has it. */
export function expectCode(action: () => unknown, code: string): void {
  expect(codeOf(action)).toBe(code);
}

/** The code of what `action` throws, undefined when it returns. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof KvRequestError) return error.code;
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
  return undefined;
}
