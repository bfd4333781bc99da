/** What the KV rules cost on top of the store: `npx node bench/kv.ts`. */
import { performance } from 'node:perf_hooks';
import { fromLatin1 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import type { RangeRequest, RequestOp, TxnRequest } from '@quorate/wire';
import {
  compareTargets,
  executeRange,
  executeTxn,
  MvccStore,
  RangeStreamer,
  sortOrders,
  sortTargets,
  validateTxn,
} from '../src/index.ts';

const keyCount = 10_000;
const value = new Uint8Array(256).fill(120);
const leases = { has: () => true };
const empty = new Uint8Array(0);

const store = await MvccStore.open({ backend: new MemoryBackend() });
for (let i = 0; i < keyCount; i++) {
  const txn = store.beginWrite();
  txn.put(keyAt(i), value, 0n);
  txn.end();
}

const createTxn = txnOf([putOp(fromLatin1('bench/key'))], [rangeOp(fromLatin1('bench/key'))]);
createTxn.compare.push({
  result: 0,
  target: compareTargets.mod,
  key: fromLatin1('bench/none'),
  rangeEnd: empty,
  version: 0,
  createRevision: 0,
  modRevision: 0,
  value: empty,
  lease: 0n,
});

report('checks of compare + put + range', 100_000, () => validateTxn(createTxn, { maxTxnOps: 128 }));
report('compare + put', 20_000, () => {
  const txn = store.beginWrite();
  executeTxn(txn, createTxn, leases);
  txn.end();
});
report('range of one key', 100_000, () => executeRange(store, rangeRequest(keyAt(77), empty)));
report('page of 500 keys', 1000, () => executeRange(store, { ...allKeys(), limit: 500 }));
report('page of 500 keys, keys only', 1000, () =>
  executeRange(store, { ...allKeys(), limit: 500, keysOnly: true }),
);
const byModRevision = { sortTarget: sortTargets.mod, sortOrder: sortOrders.descend, limit: 1 };
report('10000 keys sorted by mod revision', 30, () =>
  executeRange(store, { ...allKeys(), ...byModRevision }),
);
report('stream of 10000 keys', 30, () => {
  const streamer = new RangeStreamer(allKeys(), { maxRequestBytes: 1.5 * 1024 * 1024 });
  while (streamer.next(store) !== undefined);
});
const hostile = hostileTxn();
report('checks of 104976 puts, nested 32 deep', 5, () => validateTxn(hostile, { maxTxnOps: 128 }));

/** About as many puts as a request of 1.5 MiB and 128 operations a path allow, below a long chain. */
function hostileTxn(): TxnRequest {
  const fanOut = 18;
  let next = 0;
  const level = (depth: number): RequestOp[] =>
    Array.from({ length: fanOut }, () =>
      depth === 0
        ? putOp(fromLatin1((next++).toString(36)), empty)
        : { kind: 'txn', txn: txnOf(level(depth - 1), []) },
    );
  let ops = level(3);
  for (let depth = 0; depth < 27; depth++) {
    const nested = txnOf(ops, [putOp(fromLatin1(`-else${depth}`), empty)]);
    ops = [{ kind: 'txn', txn: nested }, deleteOp(fromLatin1(`-d${depth}`))];
  }
  return txnOf(ops, []);
}

function report(name: string, times: number, action: () => void): void {
  const samples: number[] = [];
  for (let round = 0; round < 6; round++) {
    const start = performance.now();
    for (let i = 0; i < times; i++) action();
    if (round > 0) samples.push(((performance.now() - start) * 1000) / times);
  }
  samples.sort((a, b) => a - b);
  const [least, , median, , most] = samples.map((sample) => sample.toFixed(2));
  console.log(`${name}: median ${median} us (${least} .. ${most})`);
}

function keyAt(index: number): Uint8Array {
  return fromLatin1(`registry/pods/${String(index).padStart(8, '0')}`);
}

function txnOf(success: RequestOp[], failure: RequestOp[]): TxnRequest {
  return { compare: [], success, failure };
}

function putOp(key: Uint8Array, content = value): RequestOp {
  return {
    kind: 'put',
    put: { key, value: content, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
  };
}

function deleteOp(key: Uint8Array): RequestOp {
  return { kind: 'deleteRange', deleteRange: { key, rangeEnd: empty, prevKv: false } };
}

function rangeOp(key: Uint8Array): RequestOp {
  return { kind: 'range', range: rangeRequest(key, empty) };
}

function allKeys(): RangeRequest {
  return rangeRequest(fromLatin1('registry/'), fromLatin1('registry0'));
}

function rangeRequest(key: Uint8Array, rangeEnd: Uint8Array): RangeRequest {
  return {
    key,
    rangeEnd,
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
  };
}
