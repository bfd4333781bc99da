import type {
  Compare,
  ConfState,
  DeleteRangeRequest,
  Entry,
  HardState,
  KeyValue,
  Message,
  PutRequest,
  RaftEnvelope,
  RangeRequest,
  RequestOp,
  ResponseHeader,
  Snapshot,
  TxnRequest,
  WalRecord,
  WalSnapshot,
} from '../../src/index.ts';
import { raftRequestField } from '../../src/index.ts';
import fc from 'fast-check';

/** Counts, with a weight on the borders where an encoding gets a byte longer or arithmetic changes. */
export const count: fc.Arbitrary<number> = fc.oneof(
  fc.constant(0),
  fc.nat(300),
  fc.maxSafeNat(),
  fc
    .tuple(fc.integer({ min: 1, max: 53 }), fc.integer({ min: -1, max: 1 }))
    .map(([bits, step]) => Math.min(2 ** bits + step, Number.MAX_SAFE_INTEGER)),
);

export const signedCount: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: count },
  { weight: 1, arbitrary: count.map((value) => 0 - value) },
);

const edgeIds = [0n, 1n, 127n, 128n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n];

export const unsignedId: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(...edgeIds, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

export const signedId: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(...edgeIds, -1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

/** Byte strings on both sides of the border between the two ways of copying them. */
export const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 300, size: 'max' }) },
);

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const enumNumber = fc.oneof({ weight: 4, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: int32 });

export const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  createRevision: signedCount,
  modRevision: signedCount,
  version: signedCount,
  value: bytes,
  lease: signedId,
});

export const responseHeader: fc.Arbitrary<ResponseHeader> = fc.record({
  clusterId: unsignedId,
  memberId: unsignedId,
  revision: signedCount,
  raftTerm: count,
});

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key: bytes,
  rangeEnd: bytes,
  limit: signedCount,
  revision: signedCount,
  sortOrder: enumNumber,
  sortTarget: enumNumber,
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: signedCount,
  maxModRevision: signedCount,
  minCreateRevision: signedCount,
  maxCreateRevision: signedCount,
});

export const putRequest: fc.Arbitrary<PutRequest> = fc.record({
  key: bytes,
  value: bytes,
  lease: signedId,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});

export const deleteRangeRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  key: bytes,
  rangeEnd: bytes,
  prevKv: fc.boolean(),
});

/** A compare whose union holds at most one thing: the one that its target speaks of, as clients send it. */
export const compare: fc.Arbitrary<Compare> = fc
  .record({
    result: enumNumber,
    target: fc.nat(4),
    key: bytes,
    rangeEnd: bytes,
    version: signedCount,
    createRevision: signedCount,
    modRevision: signedCount,
    value: bytes,
    lease: signedId,
  })
  .map((all) => ({
    ...all,
    version: all.target === 0 ? all.version : 0,
    createRevision: all.target === 1 ? all.createRevision : 0,
    modRevision: all.target === 2 ? all.modRevision : 0,
    value: all.target === 3 ? all.value : new Uint8Array(0),
    lease: all.target === 4 ? all.lease : 0n,
  }));

export const txnRequest: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('op'), { maxLength: 4 }),
    failure: fc.array(tie('op'), { maxLength: 4 }),
  }),
  op: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant({ kind: 'none' as const }),
    rangeRequest.map((range) => ({ kind: 'range' as const, range })),
    putRequest.map((put) => ({ kind: 'put' as const, put })),
    deleteRangeRequest.map((deleteRange) => ({ kind: 'deleteRange' as const, deleteRange })),
    tie('txn').map((txn) => ({ kind: 'txn' as const, txn })),
  ),
})).txn;

export const entry: fc.Arbitrary<Entry> = fc.record({
  term: count,
  index: count,
  type: fc.constantFrom(0, 1, 2),
  data: bytes,
});

export const hardState: fc.Arbitrary<HardState> = fc.record({ term: count, vote: unsignedId, commit: count });

const ids = fc.array(unsignedId, { maxLength: 5 });

export const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});

export const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  data: bytes,
  index: count,
  term: count,
  confState,
});

export const message: fc.Arbitrary<Message> = fc.letrec<{ message: Message }>((tie) => ({
  message: fc.record({
    type: fc.nat(23),
    to: unsignedId,
    from: unsignedId,
    term: count,
    logTerm: count,
    index: count,
    entries: fc.array(entry, { maxLength: 4 }),
    commit: count,
    vote: unsignedId,
    snapshot: fc.option(snapshot, { nil: undefined }),
    reject: fc.boolean(),
    rejectHint: count,
    context: bytes,
    responses: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie('message'), { maxLength: 2 })),
  }),
})).message;

export const walRecord: fc.Arbitrary<WalRecord> = fc.record({
  type: fc.nat(9),
  crc: fc.nat(2 ** 32 - 1),
  data: fc.option(bytes, { nil: undefined }),
});

export const walSnapshot: fc.Arbitrary<WalSnapshot> = fc.record({
  index: count,
  term: count,
  confState: fc.option(confState, { nil: undefined }),
});

const half = fc.oneof(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), fc.nat(2 ** 32 - 1));

/** An envelope with any request that today's etcd puts into one, or none. */
export const raftEnvelope: fc.Arbitrary<RaftEnvelope> = fc
  .record({
    idHigh: half,
    idLow: half,
    username: fc.string({ unit: 'grapheme', maxLength: 12 }),
    authRevision: count,
    requestField: fc.constantFrom(
      0,
      ...Object.values(raftRequestField).filter((field) => field !== raftRequestField.v2),
    ),
    request: bytes,
  })
  .map((all) => (all.requestField === 0 ? { ...all, request: new Uint8Array(0) } : all));
