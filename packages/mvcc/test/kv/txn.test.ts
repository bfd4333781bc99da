import { InvariantError } from '@quorate/std';
import { encodeTxnResponse, type TxnRequest, type TxnResponseParts } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { compareResults, compareTargets } from '../../src/kv/compare.ts';
import { executeReadOnlyTxn, executeTxn, isReadOnlyTxn, isSerializableTxn } from '../../src/kv/txn.ts';
import { ModelStore } from './model-store.ts';
import {
  bytes,
  codeOf,
  compareOf,
  expectCode,
  fill,
  leases,
  op,
  putNow,
  putRequest,
  readable,
  txnRequest,
} from './requests.ts';

function run(store: ModelStore, request: TxnRequest): TxnResponseParts {
  const txn = store.begin();
  try {
    return executeTxn(txn, request, leases);
  } finally {
    txn.end();
  }
}

function filled(): ModelStore {
  const store = new ModelStore();
  fill(store, [
    ['a', '1'],
    ['b', '2'],
    ['b', '3'],
  ]);
  return store;
}

function holds(store: ModelStore, ...compare: Parameters<typeof compareOf>): boolean {
  return executeReadOnlyTxn(store, txnRequest([], [], [compareOf(...compare)])).succeeded;
}

describe('executeTxn', () => {
  test('later operations see earlier ones, and all share one revision', () => {
    const store = filled();
    const answer = run(
      store,
      txnRequest([
        op.put('c', 'x'),
        op.range('a', '\0'),
        op.delete('a', 'c', { prevKv: true }),
        op.range('a', '\0'),
      ]),
    );
    expect(store.currentRevision).toBe(5);
    expect(answer.header?.revision).toBe(5);
    const [put, before, deleted, after] = answer.responses;
    expect(put).toMatchObject({ kind: 'put', put: { header: { revision: 5 }, prevKv: undefined } });
    expect(before).toMatchObject({ kind: 'range', range: { header: { revision: 5 }, count: 3 } });
    expect(deleted).toMatchObject({
      kind: 'deleteRange',
      deleteRange: { header: { revision: 5 }, deleted: 2 },
    });
    expect(after).toMatchObject({ kind: 'range', range: { count: 1 } });
  });

  test('headers inside are the bytes of etcd: revision only, and an empty one for a nested transaction', () => {
    const store = new ModelStore();
    const nested = run(store, txnRequest([op.txn([op.put('e', '1')]), op.txn([op.delete('e')])]));
    const header = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
    // Recorded from etcd 3.5.30 after its outer header, with revision 7 made 2.
    expect(Buffer.from(encodeTxnResponse({ ...nested, header })).toString('hex')).toBe(
      '0a0010011a0e220c0a0010011a0612040a0218021a10220e0a0010011a081a060a0218021001',
    );
  });

  test('before the first change a header has the old revision', () => {
    const answer = run(
      filled(),
      txnRequest([op.delete('nothing'), op.range('a'), op.put('a', '2'), op.delete('x')]),
    );
    expect(answer.responses).toMatchObject([
      { deleteRange: { header: { revision: 4 } } },
      { range: { header: { revision: 4 } } },
      { put: { header: { revision: 5 } } },
      { deleteRange: { header: { revision: 5 }, deleted: 0 } },
    ]);
  });

  test('a transaction that changes nothing takes no revision', () => {
    const store = filled();
    expect(run(store, txnRequest([op.delete('nothing'), op.txn([op.range('a')])])).header?.revision).toBe(4);
    expect(store.currentRevision).toBe(4);
  });

  test('nested compares see the state before the outer transaction', () => {
    const store = new ModelStore();
    const exists = compareOf('k', { target: compareTargets.version, result: compareResults.greater });
    const answer = run(
      store,
      txnRequest([op.put('k', 'v'), op.txn([op.range('k')], [op.put('m', 'v')], [exists])]),
    );
    expect(answer.responses[1]).toMatchObject({ kind: 'txn', txn: { succeeded: false } });
    expect(store.newest.has('m')).toBe(true);
  });

  test('only the chosen branch is checked and run', () => {
    const store = filled();
    const request = txnRequest(
      [op.put('a', '', { lease: 99n })],
      [op.put('c', 'else')],
      [compareOf('a', { target: compareTargets.value, value: bytes('other') })],
    );
    expect(run(store, request)).toMatchObject({ succeeded: false, responses: [{ kind: 'put' }] });
  });

  test.each([
    ['an unknown lease', [op.put('c'), op.put('d', '', { lease: 99n })], 'KV_LEASE_NOT_FOUND'],
    [
      'keeping the value of a missing key',
      [op.put('c'), op.put('d', '', { ignoreValue: true })],
      'KV_KEY_NOT_FOUND',
    ],
    [
      'keeping the lease of a missing key',
      [op.txn([op.put('d', '', { ignoreLease: true })])],
      'KV_KEY_NOT_FOUND',
    ],
    ['a future revision', [op.put('c'), op.range('a', '', { revision: 5 })], 'MVCC_FUTURE_REVISION'],
    [
      'a put error wins over an earlier range',
      [op.range('a', '', { revision: 9 }), op.put('c', '', { lease: 99n })],
      'KV_LEASE_NOT_FOUND',
    ],
    [
      'a missing key wins over a missing lease',
      [op.put('c', '', { ignoreValue: true, lease: 99n })],
      'KV_KEY_NOT_FOUND',
    ],
  ])('%s fails it without any effect', (_name, ops, code) => {
    const store = filled();
    expectCode(() => run(store, txnRequest(ops)), code);
    expect(store.currentRevision).toBe(4);
  });

  test('a put may not keep the value of a key that an open delete took away before it', () => {
    for (const ops of [
      [op.delete('a', '\0'), op.put('b', '', { ignoreValue: true })],
      [op.txn([op.delete('b', '\0')]), op.put('b', 'v', { ignoreLease: true })],
    ]) {
      const store = filled();
      expectCode(() => run(store, txnRequest(ops)), 'KV_KEY_NOT_FOUND');
      expect(store.currentRevision).toBe(4);
    }
    const store = filled();
    run(store, txnRequest([op.put('b', '', { ignoreValue: true }), op.delete('a', '\0')]));
    expect(store.newest.size).toBe(0);
    const above = filled();
    run(above, txnRequest([op.delete('b', '\0'), op.put('a', '', { ignoreValue: true })]));
    expect([...above.newest.keys()]).toEqual(['a']);
  });

  test('an open delete and a put run in their order', () => {
    const store = filled();
    run(store, txnRequest([op.delete('a', '\0'), op.put('b', 'new', { prevKv: true })]));
    expect(store.newest.get('b')).toMatchObject({ version: 1, createRevision: 5 });
  });

  test('a range may read a revision up to the one before the transaction', () => {
    const answer = run(filled(), txnRequest([op.put('b', '9'), op.range('b', '', { revision: 4 })]));
    const [, range] = answer.responses;
    expect(range?.kind === 'range' && range.range.kvs.map(readable)).toMatchObject([{ value: '3' }]);
    expect(range).toMatchObject({ range: { header: { revision: 5 } } });
  });

  test('a negative revision is compared with the compacted one, which starts at -1', () => {
    const store = filled();
    const at = (revision: number): TxnRequest => txnRequest([op.range('a', '', { revision })]);
    expect(codeOf(() => executeReadOnlyTxn(store, at(-1)))).toBeUndefined();
    expectCode(() => executeReadOnlyTxn(store, at(-2)), 'MVCC_COMPACTED');
    store.compactedRevision = 3;
    expectCode(() => executeReadOnlyTxn(store, at(-1)), 'MVCC_COMPACTED');
    expectCode(() => executeReadOnlyTxn(store, at(2)), 'MVCC_COMPACTED');
    expect(codeOf(() => executeReadOnlyTxn(store, at(3)))).toBeUndefined();
  });

  test('nobody waiting spares the ranges, but neither their checks nor any write', () => {
    const request = (revision: number): TxnRequest =>
      txnRequest([
        op.put('c', 'x'),
        op.range('a', '\0', { revision }),
        op.txn([op.range('a'), op.delete('a')]),
      ]);
    const [awaited, spared] = [filled(), filled()];
    run(awaited, request(4));
    const txn = spared.begin();
    const answer = executeTxn(txn, request(4), leases, { awaited: false });
    txn.end();
    expect(answer.responses[1]).toMatchObject({ range: { kvs: [], count: 0 } });
    expect(spared.newest).toEqual(awaited.newest);
    expectCode(
      () => executeTxn(spared.begin(), request(99), leases, { awaited: false }),
      'MVCC_FUTURE_REVISION',
    );
  });

  test('an error behind the checks is an invariant failure', () => {
    const store = filled();
    const txn = store.begin();
    txn.put = () => {
      throw new Error('the disk is gone');
    };
    expect(() => executeTxn(txn, txnRequest([op.put('a', '')]), leases)).toThrow(InvariantError);
  });
});

describe('compares', () => {
  const { equal, greater, less, notEqual } = compareResults;

  test.each([
    [compareTargets.version, { version: 2 }],
    [compareTargets.create, { createRevision: 3 }],
    [compareTargets.mod, { modRevision: 4 }],
    [compareTargets.value, { value: bytes('3') }],
    [compareTargets.lease, { lease: 0n }],
  ])('target %i compares its own field', (target, right) => {
    const store = filled();
    expect(holds(store, 'b', { target, result: equal, ...right })).toBe(true);
    expect(holds(store, 'b', { target, result: notEqual, ...right })).toBe(false);
    expect(holds(store, 'b', { target, result: greater, ...right })).toBe(false);
    expect(holds(store, 'b', { target, result: less, ...right })).toBe(false);
  });

  test('left is what is stored, right what is given', () => {
    const store = filled();
    putNow(store, putRequest('b', '3', { lease: 7n }));
    expect(holds(store, 'b', { target: compareTargets.version, result: greater, version: 2 })).toBe(true);
    expect(holds(store, 'b', { target: compareTargets.value, result: less, value: bytes('31') })).toBe(true);
    expect(holds(store, 'b', { target: compareTargets.lease, result: greater, lease: -1n })).toBe(true);
    expect(holds(store, 'b', { target: compareTargets.mod, result: less, modRevision: 5 })).toBe(false);
  });

  test('a missing key counts as zero, and no value compare holds for it', () => {
    const store = filled();
    expect(holds(store, 'none', { target: compareTargets.create, result: equal })).toBe(true);
    expect(holds(store, 'none', { target: compareTargets.lease, result: equal })).toBe(true);
    expect(holds(store, 'none', { target: compareTargets.version, result: less, version: 1 })).toBe(true);
    for (const result of [equal, notEqual, greater, less, 9]) {
      expect(holds(store, 'none', { target: compareTargets.value, result })).toBe(false);
      expect(holds(store, 'x', { target: compareTargets.value, result, rangeEnd: bytes('z') })).toBe(false);
    }
  });

  test('an unknown result holds, an unknown target compares equals', () => {
    const store = filled();
    expect(holds(store, 'b', { result: 9, version: 77 })).toBe(true);
    expect(holds(store, 'b', { target: 9, result: equal, version: 77 })).toBe(true);
    expect(holds(store, 'b', { target: 9, result: notEqual })).toBe(false);
    expect(holds(store, 'none', { target: 9, result: greater })).toBe(false);
  });

  test('a range compare holds when every key does, and like a missing key when there is none', () => {
    const store = filled();
    const all = { rangeEnd: bytes('\0'), target: compareTargets.version };
    expect(holds(store, 'a', { ...all, result: greater, version: 0 })).toBe(true);
    expect(holds(store, 'a', { ...all, result: equal, version: 1 })).toBe(false);
    expect(holds(store, 'z', { ...all, result: equal, version: 0 })).toBe(true);
    expect(holds(store, 'z', { ...all, rangeEnd: bytes('a'), result: equal })).toBe(true);
  });

  test('a range compare looks beyond its first page', () => {
    const store = new ModelStore();
    const txn = store.begin();
    for (let i = 0; i < 600; i++) txn.put(bytes(`k${String(i).padStart(3, '0')}`), bytes('v'), 0n);
    txn.end();
    const all = { rangeEnd: bytes('\0'), target: compareTargets.version, result: equal, version: 1 };
    expect(holds(store, 'a', all)).toBe(true);
    putNow(store, putRequest('k599', 'v'));
    expect(holds(store, 'a', all)).toBe(false);
  });
});

describe('classification', () => {
  test('only ranges in both branches make a transaction read-only; a nested one never does', () => {
    expect(isReadOnlyTxn(txnRequest([], []))).toBe(true);
    expect(isReadOnlyTxn(txnRequest([op.range('a')], [op.range('b')]))).toBe(true);
    expect(isReadOnlyTxn(txnRequest([op.range('a')], [op.put('b')]))).toBe(false);
    expect(isReadOnlyTxn(txnRequest([op.txn([op.range('a')])]))).toBe(false);
  });

  test('it is serializable when all its ranges are', () => {
    const serializable = op.range('a', '', { serializable: true });
    expect(isSerializableTxn(txnRequest([]))).toBe(true);
    expect(isSerializableTxn(txnRequest([serializable], [serializable]))).toBe(true);
    expect(isSerializableTxn(txnRequest([serializable], [op.range('a')]))).toBe(false);
    expect(isSerializableTxn(txnRequest([op.put('a')]))).toBe(false);
  });
});
