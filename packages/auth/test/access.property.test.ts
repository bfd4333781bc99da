import { encodeTxnRequest, raftRequestField, type RequestOp, type TxnRequest } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accessOfLogEntry, accessOfTxn, type Access } from '../src/index.ts';
import { deleteRange, put, range } from './harness.ts';

const key = fc.constantFrom('', 'a', 'b', 'b\0', '\xff');
const end = fc.constantFrom('', '\0', 'a', 'b', 'c');

const compareArb = fc.record({ key, end }).map(({ key, end }): TxnRequest['compare'][number] => ({
  ...range(key, end),
  result: 0,
  target: 0,
  version: 0,
  createRevision: 0,
  modRevision: 0,
  value: new Uint8Array(0),
  lease: 0n,
}));

/** Transactions up to ten deep, most of them small. */
const txnArb = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 10, depthSize: 'small' },
    fc.record({ key, end }).map(({ key, end }) => ({ kind: 'range' as const, range: range(key, end) })),
    fc
      .record({ key, lease: fc.constantFrom(0n, 7n, -7n), prevKv: fc.boolean() })
      .map(({ key, ...rest }) => ({ kind: 'put' as const, put: put(key, rest) })),
    fc
      .record({ key, end, prevKv: fc.boolean() })
      .map((op) => ({ kind: 'deleteRange' as const, deleteRange: deleteRange(op.key, op.end, op.prevKv) })),
    fc.constant({ kind: 'none' as const }),
    tie('txn').map((txn) => ({ kind: 'txn' as const, txn })),
  ),
  txn: fc.record({
    compare: fc.array(compareArb, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
})).txn;

test('a transaction needs all that its parts need, however deep, taken branch or not', () => {
  fc.assert(
    fc.property(txnArb, (txn) => {
      expect(wordsOf(accessOfTxn(txn))).toEqual(wordsOfTxn(txn));
    }),
    { numRuns: 500 },
  );
});

test('the log is understood like the call', () => {
  fc.assert(
    fc.property(txnArb, (txn) => {
      const ofEntry = accessOfLogEntry(raftRequestField.txn, encodeTxnRequest(txn));
      expect(wordsOf(ofEntry)).toEqual(wordsOfTxn(txn));
    }),
    { numRuns: 200 },
  );
});

test('a range asked for twenty levels down is as needed as one at the top', () => {
  let op: RequestOp = { kind: 'range', range: range('secret') };
  for (let depth = 0; depth < 20; depth++) {
    op = { kind: 'txn', txn: { compare: [], success: [], failure: [op] } };
  }
  expect(wordsOf(accessOfTxn({ compare: [], success: [op], failure: [] }))).toEqual([
    'read [secret, secret\0)',
  ]);
});

function wordsOf(access: Access): string[] {
  if (access.level !== 'keys') return [access.level];
  return access.needs
    .map((need) => {
      if (need.kind === 'read' || need.kind === 'write') {
        return `${need.kind} [${need.range.start}, ${need.range.endExclusive})`;
      }
      return need.kind === 'readAllLeases' ? need.kind : `${need.kind} ${need.lease}`;
    })
    .sort();
}

/** The rule again, in the plainest words: a list of sentences, one for each thing that somebody must be allowed. */
function wordsOfTxn(txn: TxnRequest): string[] {
  return sentences({ kind: 'txn', txn }).sort();
}

function sentences(op: RequestOp): string[] {
  if (op.kind === 'txn') {
    return [
      ...op.txn.compare.map((compare) => `read ${interval(compare)}`),
      ...[...op.txn.success, ...op.txn.failure].flatMap(sentences),
    ];
  }
  if (op.kind === 'range') return [`read ${interval(op.range)}`];
  if (op.kind === 'deleteRange') {
    const written = `write ${interval(op.deleteRange)}`;
    return op.deleteRange.prevKv ? [written, `read ${interval(op.deleteRange)}`] : [written];
  }
  if (op.kind === 'put') {
    const point = { key: op.put.key, rangeEnd: new Uint8Array(0) };
    return [
      `write ${interval(point)}`,
      ...(op.put.lease === 0n ? [] : [`writeLease ${op.put.lease}`]),
      ...(op.put.prevKv ? [`read ${interval(point)}`] : []),
    ];
  }
  return [];
}

function interval({ key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): string {
  const start = Buffer.from(key).toString('latin1');
  const end = Buffer.from(rangeEnd).toString('latin1');
  if (end === '') return `[${start}, ${start}\0)`;
  return end === '\0' ? `[${start}, \u0100)` : `[${start}, ${end})`;
}
