import { mvccpb, rpcpb } from '@quorate/wire';
import { fromUtf8 } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyOf, prefixes, singleKeySize, valueOf, valueSize } from '../src/bench/dataset.ts';
import { checkGet } from '../src/bench/kv-requests.ts';
import { occurrencesOf, ReplyFields, revisionOf } from '../src/bench/reply-fields.ts';
import { fillWorkload, newUnaryWorkload } from '../src/bench/unary-workloads.ts';

const countMax = BigInt(Number.MAX_SAFE_INTEGER);

function headerOf(revision: bigint): rpcpb.ResponseHeader {
  return { clusterId: 2n ** 64n - 1n, memberId: 2n ** 63n, revision, raftTerm: 3n };
}

function kvOf(kv: Partial<mvccpb.KeyValue>): mvccpb.KeyValue {
  return {
    key: new Uint8Array(0),
    createRevision: 1n,
    modRevision: 1n,
    version: 1n,
    value: new Uint8Array(0),
    lease: 0n,
    ...kv,
  };
}

function rangeReply(kvs: mvccpb.KeyValue[], { revision = 5n, count = kvs.length } = {}): Uint8Array {
  const response = { header: headerOf(revision), kvs, more: false, count: BigInt(count) };
  return rpcpb.RangeResponse.encode(response).finish();
}

test('the scan finds in any answer what the generated decoder finds', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: countMax }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      (revision, values) => {
        const reply = rangeReply(
          values.map((value) => kvOf({ value })),
          { revision },
        );
        expect(revisionOf(reply)).toBe(Number(revision));
        expect(occurrencesOf(reply, 2)).toBe(values.length);
      },
    ),
  );
});

test('an answer that is cut short is not taken for a whole one', () => {
  const reply = rangeReply([kvOf({ value: new Uint8Array(100) })]);
  const fields = new ReplyFields(reply.subarray(0, reply.length - 50));
  expect(() => {
    while (fields.next());
  }).toThrow('cut short');
});

test('a get must return one key with the value that was put', () => {
  const value = fromUtf8('right');
  expect(checkGet(rangeReply([kvOf({ value })]), value)).toBe(5);
  expect(() => checkGet(rangeReply([]), value)).toThrow('returns one key');
  expect(() => checkGet(rangeReply([kvOf({ value })], { count: 2 }), value)).toThrow('returns one key');
  expect(() => checkGet(rangeReply([kvOf({ value: fromUtf8('wrong') })]), value)).toThrow('the value');
});

test('reads at different revisions are found when nobody writes', () => {
  const gets = newUnaryWorkload('linearizable get');
  const reply = (revision: bigint): Uint8Array => {
    const { key } = rpcpb.RangeRequest.decode(gets.next(0)!);
    const n = Number(Buffer.from(key).toString().slice(prefixes.single.length));
    return rangeReply([kvOf({ key, value: valueOf(n, valueSize) })], { revision });
  };
  gets.check(0, reply(5n));
  gets.check(0, reply(5n));
  expect(() => gets.check(0, reply(6n))).toThrow('one revision');
});

test('a count must be of all keys, and come without them', () => {
  const counts = newUnaryWorkload('count of all keys', 1000);
  expect(rpcpb.RangeRequest.decode(counts.next(0)!)).toMatchObject({ countOnly: true, limit: 0n });
  expect(() => counts.check(0, rangeReply([], { count: 1000 }))).not.toThrow();
  expect(() => counts.check(0, rangeReply([], { count: 999 }))).toThrow('counts all keys');
  expect(() => counts.check(0, rangeReply([kvOf({})], { count: 1000 }))).toThrow('no keys');
});

test('a page must have the keys that were asked for, and count those behind it', () => {
  const pages = newUnaryWorkload('page of 500 keys', 1000);
  const { key, limit } = rpcpb.RangeRequest.decode(pages.next(3)!);
  const first = Number(Buffer.from(key).toString().slice(prefixes.many.length));
  const kvs = (count: number): mvccpb.KeyValue[] => Array.from({ length: count }, () => kvOf({}));
  expect(limit).toBe(500n);
  expect(() => pages.check(3, rangeReply(kvs(500), { count: 1000 - first }))).not.toThrow();
  expect(() => pages.check(3, rangeReply(kvs(499), { count: 1000 - first }))).toThrow('as many keys');
  expect(() => pages.check(3, rangeReply(kvs(500), { count: 500 }))).toThrow('from its first to the end');
});

test('a fill puts every key once and then has nothing more to ask', () => {
  const fill = fillWorkload({ prefix: prefixes.many, count: 3, keySize: 64, valueSize: 256 });
  const puts = [0, 1, 2].map(() => rpcpb.PutRequest.decode(fill.next(0)!));
  expect(fill.next(0)).toBeUndefined();
  puts.forEach((put, n) => {
    expect(put.key).toEqual(keyOf(prefixes.many, n, 64));
    expect(put.key).toHaveLength(64);
    expect(put.value).toEqual(valueOf(n, 256));
  });
});

test('a guarded update compares with the revision of the one before', () => {
  const updates = newUnaryWorkload('guarded update');
  const compared = (): bigint | undefined => {
    const txn = rpcpb.TxnRequest.decode(updates.next(4)!);
    expect(txn.success[0]?.request?.$case).toBe('requestPut');
    expect(txn.failure[0]?.request?.$case).toBe('requestRange');
    expect(txn.compare[0]?.key).toEqual(keyOf(prefixes.guarded, 4, singleKeySize));
    const target = txn.compare[0]?.targetUnion;
    return target?.$case === 'modRevision' ? target.value : undefined;
  };
  expect(compared()).toBe(0n);
  const found = rpcpb.RangeResponse.decode(rangeReply([kvOf({ modRevision: 70n })], { revision: 99n }));
  updates.check(
    4,
    rpcpb.TxnResponse.encode({
      header: headerOf(99n),
      succeeded: false,
      responses: [{ response: { $case: 'responseRange', value: found } }],
    }).finish(),
  );
  expect(compared()).toBe(70n);
  const succeeded = { header: headerOf(100n), succeeded: true, responses: [] };
  updates.check(4, rpcpb.TxnResponse.encode(succeeded).finish());
  expect(compared()).toBe(100n);
  const lost = { header: headerOf(101n), succeeded: false, responses: [] };
  expect(() => updates.check(4, rpcpb.TxnResponse.encode(lost).finish())).toThrow('nobody else');
});

test('of ten mixed requests one is a put, and each goes to its own method', () => {
  const mixed = newUnaryWorkload('mixed 9:1');
  const paths = Array.from({ length: 100 }, (_, slot) => {
    mixed.next(slot);
    return mixed.pathOf?.(slot);
  });
  expect(paths.filter((path) => path === '/etcdserverpb.KV/Put')).toHaveLength(10);
  expect(paths.filter((path) => path === '/etcdserverpb.KV/Range')).toHaveLength(90);
});

test('a mixed get must not be older than what was answered before it was sent', () => {
  const mixed = newUnaryWorkload('mixed 9:1');
  const putReply = (revision: bigint) =>
    rpcpb.PutResponse.encode({ header: headerOf(revision), prevKv: undefined }).finish();
  const get = (slot: number) => rpcpb.RangeRequest.decode(mixed.next(slot)!).key;
  const getReply = (key: Uint8Array, revision: bigint): Uint8Array => {
    const n = Number(Buffer.from(key).toString().slice(prefixes.single.length));
    return rangeReply([kvOf({ key, value: valueOf(n, valueSize) })], { revision });
  };
  mixed.next(0); // The first is a put.
  const before = get(1);
  mixed.check(0, putReply(70n));
  mixed.check(1, getReply(before, 69n));
  const after = get(2);
  expect(() => mixed.check(2, getReply(after, 69n))).toThrow('nothing is older');
});
