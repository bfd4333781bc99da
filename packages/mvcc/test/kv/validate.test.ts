import { describe, expect, test } from 'vitest';
import type { TxnRequest } from '@quorate/wire';
import {
  validateDeleteRange,
  validatePut,
  validateRange,
  validateRangeStream,
  validateTxn,
} from '../../src/kv/validate.ts';
import {
  codeOf,
  compareOf,
  deleteRequest,
  expectCode,
  op,
  putRequest,
  rangeRequest,
  txnRequest,
} from './requests.ts';

function txnCode(request: TxnRequest, maxTxnOps = 128): string | undefined {
  return codeOf(() => validateTxn(request, { maxTxnOps }));
}

describe('single requests', () => {
  test('a range needs a key, then a known order, then a known target', () => {
    expectCode(() => validateRange(rangeRequest('', '', { sortOrder: 9 })), 'KV_EMPTY_KEY');
    for (const bad of [3, -1]) {
      expectCode(() => validateRange(rangeRequest('a', '', { sortOrder: bad })), 'KV_INVALID_SORT');
    }
    for (const bad of [5, -1]) {
      expectCode(() => validateRange(rangeRequest('a', '', { sortTarget: bad })), 'KV_INVALID_SORT');
    }
    expect(
      codeOf(() => validateRange(rangeRequest('a', '', { sortOrder: 2, sortTarget: 4 }))),
    ).toBeUndefined();
  });

  test('a streamed range takes key order only, and no revision filters', () => {
    const code = (fields: Parameters<typeof rangeRequest>[2]): string | undefined =>
      codeOf(() => validateRangeStream(rangeRequest('a', 'b', fields)));
    expect(code({ sortOrder: 9, minModRevision: 1 })).toBe('KV_INVALID_SORT');
    expect(code({ sortOrder: 2, minModRevision: 1 })).toBe('KV_STREAM_SORT');
    expect(code({ sortOrder: 1, sortTarget: 1 })).toBe('KV_STREAM_SORT');
    expect(code({ maxCreateRevision: 1 })).toBe('KV_STREAM_FILTERS');
    expect(code({ sortOrder: 1 })).toBeUndefined();
    expect(code({ sortTarget: 3 })).toBeUndefined();
  });

  test('a put needs a key, no value beside ignore_value, then no lease beside ignore_lease', () => {
    const both = { ignoreValue: true, ignoreLease: true, lease: 1n };
    expectCode(() => validatePut(putRequest('', 'v', both)), 'KV_EMPTY_KEY');
    expectCode(() => validatePut(putRequest('a', 'v', both)), 'KV_VALUE_PROVIDED');
    expectCode(() => validatePut(putRequest('a', '', both)), 'KV_LEASE_PROVIDED');
    expect(codeOf(() => validatePut(putRequest('a', '', { ...both, lease: 0n })))).toBeUndefined();
    expect(codeOf(() => validatePut(putRequest('a', '', { ignoreValue: true, lease: 1n })))).toBeUndefined();
  });

  test('a delete needs a key', () => {
    expectCode(() => validateDeleteRange(deleteRequest('', 'z')), 'KV_EMPTY_KEY');
    expect(codeOf(() => validateDeleteRange(deleteRequest('z', 'a')))).toBeUndefined();
  });
});

describe('transactions', () => {
  test('the longest of compares and branches counts against the limit', () => {
    const ops = (count: number) => Array.from({ length: count }, () => op.range('a'));
    const compares = (count: number) => Array.from({ length: count }, () => compareOf('a'));
    expect(txnCode(txnRequest(ops(128), ops(128), compares(128)))).toBeUndefined();
    expect(txnCode(txnRequest(ops(129)))).toBe('KV_TOO_MANY_OPS');
    expect(txnCode(txnRequest([], ops(129)))).toBe('KV_TOO_MANY_OPS');
    expect(txnCode(txnRequest([], [], compares(129)))).toBe('KV_TOO_MANY_OPS');
  });

  test('each nested level has what its parents left, siblings do not share it', () => {
    const two = op.txn([op.range('a'), op.range('b')]);
    expect(txnCode(txnRequest([two, two]), 4)).toBeUndefined();
    expect(txnCode(txnRequest([two, two]), 3)).toBe('KV_TOO_MANY_OPS');
    expect(txnCode(txnRequest([op.txn([two])]), 4)).toBeUndefined();
    expect(txnCode(txnRequest([op.txn([two])]), 3)).toBe('KV_TOO_MANY_OPS');
    expect(txnCode(txnRequest([op.txn([])]), 1)).toBeUndefined();
  });

  test('too many operations win over an empty compare key, that over a bad operation, that over duplicates', () => {
    const badOp = op.range('a', '', { sortTarget: 9 });
    const twice = [op.put('a'), op.put('a')];
    const emptyCompare = [compareOf('')];
    expect(txnCode(txnRequest([badOp, ...twice], [], emptyCompare), 2)).toBe('KV_TOO_MANY_OPS');
    expect(txnCode(txnRequest([badOp, ...twice], [], emptyCompare))).toBe('KV_EMPTY_KEY');
    expect(txnCode(txnRequest([...twice, badOp]))).toBe('KV_INVALID_SORT');
    expect(txnCode(txnRequest(twice, [{ kind: 'none' }]))).toBe('KV_KEY_NOT_FOUND');
    expect(txnCode(txnRequest(twice))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([], twice))).toBe('KV_DUPLICATE_KEY');
  });

  test('operations are checked as the requests they are, nested ones too', () => {
    expect(txnCode(txnRequest([op.range('')]))).toBe('KV_EMPTY_KEY');
    expect(txnCode(txnRequest([op.delete('')]))).toBe('KV_EMPTY_KEY');
    expect(txnCode(txnRequest([op.txn([op.put('a', 'v', { ignoreValue: true })])]))).toBe(
      'KV_VALUE_PROVIDED',
    );
    expect(txnCode(txnRequest([op.txn([], [], [compareOf('')])]))).toBe('KV_EMPTY_KEY');
  });

  test('a put must not lie in a delete of its list, wherever that stands', () => {
    expect(txnCode(txnRequest([op.put('b'), op.delete('a', 'c')]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([op.delete('b'), op.put('b')]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([op.delete('a', 'b'), op.put('b')]))).toBeUndefined();
    expect(txnCode(txnRequest([op.delete('b'), op.put('b\0')]))).toBeUndefined();
    expect(txnCode(txnRequest([op.delete('c', 'a'), op.put('b')]))).toBeUndefined();
    expect(txnCode(txnRequest([op.delete('a', 'c'), op.delete('b', 'd'), op.range('b')]))).toBeUndefined();
    expect(txnCode(txnRequest([op.delete('a', 'c')], [op.put('b')]))).toBeUndefined();
  });

  test('a delete to the last key is not seen as covering a put, as in etcd', () => {
    expect(txnCode(txnRequest([op.delete('a', '\0'), op.put('b')]))).toBeUndefined();
    expect(txnCode(txnRequest([op.delete('a', '\0'), op.txn([op.put('b')])]))).toBeUndefined();
  });

  test('the branches of a nested transaction exclude each other, but not their siblings', () => {
    const either = op.txn([op.put('a')], [op.put('a')]);
    expect(txnCode(txnRequest([either]))).toBeUndefined();
    expect(txnCode(txnRequest([either, either]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([either, op.put('a')]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([op.put('a'), op.txn([], [op.put('a')])]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([op.txn([op.delete('a')], [op.put('a')])]))).toBeUndefined();
  });

  test('a nested delete forbids later nested puts and puts of the list, not earlier nested puts', () => {
    const put = op.txn([op.put('b')]);
    const remove = op.txn([], [op.delete('a', 'c')]);
    expect(txnCode(txnRequest([put, remove]))).toBeUndefined();
    expect(txnCode(txnRequest([remove, put]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([op.put('b'), remove]))).toBe('KV_DUPLICATE_KEY');
    expect(txnCode(txnRequest([put, op.delete('a', 'c')]))).toBe('KV_DUPLICATE_KEY');
  });

  test(
    'a hostile nesting of a hundred thousand puts is checked without quadratic work',
    { timeout: 60_000 },
    () => {
      let ops = Array.from({ length: 60 }, (_, i) =>
        op.txn(Array.from({ length: 1700 }, (_unused, j) => op.put(`${i}-${j}`))),
      );
      for (let depth = 0; depth < 400; depth++)
        ops = [op.txn(ops, [op.put(`x${depth}`)]), op.delete(`d${depth}`)];
      expect(codeOf(() => validateTxn(txnRequest(ops), { maxTxnOps: 1_000_000 }))).toBeUndefined();
      const last = txnRequest([...ops, op.put('59-1699')]);
      expect(codeOf(() => validateTxn(last, { maxTxnOps: 1_000_000 }))).toBe('KV_DUPLICATE_KEY');
    },
  );
});
