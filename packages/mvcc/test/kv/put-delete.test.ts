import { describe, expect, test } from 'vitest';
import type { DeleteRangeResponseParts, PutRequest, PutResponseParts } from '@quorate/wire';
import { putCost, txnCost } from '../../src/kv/cost.ts';
import { executeDeleteRange } from '../../src/kv/delete-range.ts';
import { executePut } from '../../src/kv/put.ts';
import { ModelStore } from './model-store.ts';
import {
  deleteRequest,
  expectCode,
  fill,
  keysOf,
  leases,
  op,
  putRequest,
  readable,
  txnRequest,
} from './requests.ts';

function put(store: ModelStore, request: PutRequest): PutResponseParts {
  const txn = store.begin();
  try {
    return executePut(txn, request, leases);
  } finally {
    txn.end();
  }
}

function remove(store: ModelStore, ...args: Parameters<typeof deleteRequest>): DeleteRangeResponseParts {
  const txn = store.begin();
  const answer = executeDeleteRange(txn, deleteRequest(...args));
  txn.end();
  return answer;
}

describe('executePut', () => {
  test('it answers with the new revision, and the old key-value only when asked', () => {
    const store = new ModelStore();
    expect(put(store, putRequest('a', '1', { prevKv: true }))).toEqual({
      header: { clusterId: 0n, memberId: 0n, revision: 2, raftTerm: 0 },
      prevKv: undefined,
    });
    expect(put(store, putRequest('a', '2')).prevKv).toBeUndefined();
    expect(readable(put(store, putRequest('a', '3', { prevKv: true })).prevKv!)).toMatchObject({
      value: '2',
      version: 2,
    });
  });

  test('ignore_value keeps the value and sets the lease, ignore_lease keeps the lease', () => {
    const store = new ModelStore();
    put(store, putRequest('a', 'one', { lease: 3n }));
    put(store, putRequest('a', '', { ignoreValue: true, lease: 4n }));
    expect(readable(store.latest('a')!)).toMatchObject({ value: 'one', lease: 4n, version: 2 });
    put(store, putRequest('a', 'two', { ignoreLease: true }));
    expect(readable(store.latest('a')!)).toMatchObject({ value: 'two', lease: 4n, version: 3 });
    put(store, putRequest('a', '', { ignoreValue: true }));
    expect(readable(store.latest('a')!)).toMatchObject({ value: 'two', lease: 0n, version: 4 });
  });

  test('a missing lease wins over a missing key, and neither has an effect', () => {
    const store = new ModelStore();
    expectCode(
      () => put(store, putRequest('a', '', { ignoreValue: true, lease: 99n })),
      'KV_LEASE_NOT_FOUND',
    );
    expectCode(() => put(store, putRequest('a', '', { ignoreValue: true, lease: 9n })), 'KV_KEY_NOT_FOUND');
    expectCode(() => put(store, putRequest('a', 'x', { ignoreLease: true })), 'KV_KEY_NOT_FOUND');
    expect(store.currentRevision).toBe(1);
  });
});

describe('executeDeleteRange', () => {
  const rows = [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ] as const;

  test('it counts what it deleted and shows it when asked', () => {
    const store = new ModelStore();
    fill(store, rows);
    const answer = remove(store, 'a', 'c', { prevKv: true });
    expect(answer).toMatchObject({ deleted: 2, header: { revision: 5 } });
    expect(keysOf(answer.prevKvs)).toEqual(['a', 'b']);
    expect(remove(store, 'c')).toMatchObject({ deleted: 1, prevKvs: [], header: { revision: 6 } });
  });

  test('deleting nothing keeps the revision', () => {
    const store = new ModelStore();
    fill(store, rows);
    expect(remove(store, 'x', '\0')).toMatchObject({ deleted: 0, header: { revision: 4 } });
    expect(remove(store, 'c', 'a')).toMatchObject({ deleted: 0, header: { revision: 4 } });
    expect(store.currentRevision).toBe(4);
  });
});

describe('cost', () => {
  test('a put costs its key, its value and 256 bytes', () => {
    expect(putCost(putRequest('key', 'value'))).toBe(264);
  });

  test('a transaction costs its dearer branch, nested ones included', () => {
    expect(txnCost(txnRequest([op.range('a'), op.delete('b')]))).toBe(0);
    expect(txnCost(txnRequest([op.put('a')], [op.put('abc'), op.range('a')]))).toBe(259);
    const nested = op.txn([op.put('abc')], [op.put('a'), op.put('b')]);
    expect(txnCost(txnRequest([op.put('a'), nested], [op.put('a', 'bcd')]))).toBe(257 + 514);
  });
});
