import fc from 'fast-check';
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '@quorate/wire';
import { bytes } from './requests.ts';

/** One request of a client. */
export type Operation =
  | { readonly kind: 'range'; readonly range: RangeRequest }
  | { readonly kind: 'put'; readonly put: PutRequest }
  | { readonly kind: 'deleteRange'; readonly deleteRange: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly txn: TxnRequest };

/** Few keys, so that requests meet; few enough that etcd sorts them with a stable sort. */
const key = fc
  .oneof({ weight: 30, arbitrary: fc.constantFrom('a', 'b', 'ba', 'c', 'd', '\xff') }, fc.constant(''))
  .map(bytes);
const end = fc.constantFrom('', '', '', '\0', 'b', 'bb', 'd', 'z', '\0\0').map(bytes);
const value = fc.constantFrom('', 'x', 'y', 'longer').map(bytes);
const rarely = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
const revision = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  fc.integer({ min: -2, max: 40 }),
  fc.integer({ min: 0, max: 1200 }),
);
const bound = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -1, max: 60 }));
/** Leases 1 to 9 exist; a lookup of 99 fails. */
const lease = fc.constantFrom(0n, 0n, 0n, 1n, 2n, 99n);

export const rangeRequests: fc.Arbitrary<RangeRequest> = fc.record({
  key,
  rangeEnd: end,
  limit: fc.constantFrom(0, 0, 1, 2, 3, -1),
  revision,
  // An unknown order is refused by later versions and by us, ignored by etcd 3.5; see the tests of the checks.
  sortOrder: fc.constantFrom(0, 0, 0, 1, 2),
  sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4),
  serializable: fc.boolean(),
  keysOnly: rarely,
  countOnly: rarely,
  minModRevision: bound,
  maxModRevision: bound,
  minCreateRevision: bound,
  maxCreateRevision: bound,
});

const deleteRequests: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  key,
  rangeEnd: end,
  prevKv: fc.boolean(),
});

const compares: fc.Arbitrary<Compare> = fc
  .record({
    result: fc.integer({ min: 0, max: 4 }),
    target: fc.integer({ min: 0, max: 5 }),
    key,
    rangeEnd: end,
    number: fc.oneof(fc.integer({ min: -1, max: 4 }), fc.nat({ max: 400 })),
    value,
    lease,
  })
  .map(({ number, target, ...rest }) => ({
    ...rest,
    target,
    version: target === 0 ? number : 0,
    createRevision: target === 1 ? number : 0,
    modRevision: target === 2 ? number : 0,
    value: target === 3 ? rest.value : bytes(''),
    lease: target === 4 ? rest.lease : 0n,
  }));

/**
 * Puts of a transaction either keep nothing of the old key, or the transaction deletes nothing "to the last
 * key": the two together crash etcd 3.5.
 */
type PutStyle = 'plain' | 'keeping';

function putRequests(style: PutStyle): fc.Arbitrary<PutRequest> {
  const keeps = style === 'keeping' ? rarely : fc.constant(false);
  return fc.record({ key, value, lease, prevKv: fc.boolean(), ignoreValue: keeps, ignoreLease: keeps });
}

function txnRequests(style: PutStyle): fc.Arbitrary<TxnRequest> {
  const isSafe = ({ rangeEnd }: DeleteRangeRequest): boolean =>
    style === 'plain' || !(rangeEnd.length === 1 && rangeEnd[0] === 0);
  return fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
    op: fc.oneof(
      { maxDepth: 3, depthIdentifier: style },
      putRequests(style).map((put): RequestOp => ({ kind: 'put', put })),
      rangeRequests.map((range): RequestOp => ({ kind: 'range', range })),
      deleteRequests.filter(isSafe).map((deleteRange): RequestOp => ({ kind: 'deleteRange', deleteRange })),
      tie('txn').map((txn): RequestOp => ({ kind: 'txn', txn })),
    ),
    txn: fc.record({
      compare: fc.array(compares, { maxLength: 2 }),
      success: fc.array(tie('op'), { maxLength: 3 }),
      failure: fc.array(tie('op'), { maxLength: 3 }),
    }),
  })).txn;
}

const readOnlyTxns: fc.Arbitrary<TxnRequest> = fc.record({
  compare: fc.array(compares, { maxLength: 2 }),
  success: fc.array(
    rangeRequests.map((range): RequestOp => ({ kind: 'range', range })),
    { maxLength: 2 },
  ),
  failure: fc.array(
    rangeRequests.map((range): RequestOp => ({ kind: 'range', range })),
    { maxLength: 2 },
  ),
});

/** Any operation; refused ones are common, since keys are often empty, leases unknown and revisions far off. */
export const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: rangeRequests.map((range): Operation => ({ kind: 'range', range })) },
  { weight: 3, arbitrary: putRequests('keeping').map((put): Operation => ({ kind: 'put', put })) },
  {
    weight: 1,
    arbitrary: deleteRequests.map((deleteRange): Operation => ({ kind: 'deleteRange', deleteRange })),
  },
  { weight: 3, arbitrary: txnRequests('plain').map((txn): Operation => ({ kind: 'txn', txn })) },
  { weight: 3, arbitrary: txnRequests('keeping').map((txn): Operation => ({ kind: 'txn', txn })) },
  { weight: 1, arbitrary: readOnlyTxns.map((txn): Operation => ({ kind: 'txn', txn })) },
);
