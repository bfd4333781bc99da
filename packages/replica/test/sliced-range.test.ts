import { executeRange, executeReadOnlyTxn } from '@quorate/mvcc';
import { expect, test } from 'vitest';
import { openTestMember, putRequest, rangeRequest } from '../src/testing/index.ts';
import { readRange, readTxn, type Slices } from '../src/sliced-range.ts';
import { rpcpb, type RangeRequest, type TxnRequest } from '@quorate/wire';

const all = new Uint8Array([0]);

/** Slices as a member has them, with that between two of them. */
const between = (nextTurn: () => Promise<void>): Slices => ({ work: 2_000, nextTurn, check: () => {} });

async function memberWithKeys(count: number) {
  const member = await openTestMember();
  const puts = Array.from({ length: count }, (_, i) =>
    member.replica.kv.put(putRequest(`k${String(i).padStart(6, '0')}`, `v${i}`.repeat(100))),
  );
  await member.during(Promise.all(puts));
  return member;
}

test('a long range is read in slices, and is what one read would have been', async () => {
  const member = await memberWithKeys(6_000);
  const { store } = member.replica.state;
  const variants: Partial<RangeRequest>[] = [
    {},
    { limit: 5_000 },
    { keysOnly: true },
    { revision: 3_000 },
    { sortOrder: 1 },
    { sortOrder: 2, sortTarget: 3, limit: 10 },
    { minModRevision: 5_990 },
  ];
  for (const variant of variants) {
    const request = rangeRequest('k', { rangeEnd: all, ...variant });
    let turns = 0;
    const sliced = await readRange(
      store,
      request,
      between(async () => {
        turns++;
      }),
    );
    expect(turns).toBeGreaterThan(0);
    const whole = executeRange(store, request);
    expect(sliced.kvs.length).toBe(whole.kvs.length);
    expect(sliced.kvs.map((kv) => Buffer.from(kv).toString('hex'))).toEqual(
      whole.kvs.map((kv) => Buffer.from(kv).toString('hex')),
    );
    expect([sliced.count, sliced.more, sliced.header]).toEqual([whole.count, whole.more, whole.header]);
  }
});

test('a short range, and the count of a long one, need no second turn', async () => {
  const member = await memberWithKeys(3_000);
  const { store } = member.replica.state;
  const noTurn = (): Promise<void> => Promise.reject(new Error('no turn was to be waited for'));
  const page = readRange(store, rangeRequest('k', { rangeEnd: all, limit: 500 }), between(noTurn));
  expect(page).toMatchObject({ count: 3_000, more: true });
  const old = rangeRequest('k', { rangeEnd: all, countOnly: true, revision: 2_990 });
  expect(readRange(store, old, between(noTurn))).toMatchObject({ count: 2_989 });
});

test('a transaction of long ranges is read in slices, all as of the revision at which it began', async () => {
  const member = await memberWithKeys(3_000);
  const { store } = member.replica.state;
  const range = (variant: Partial<RangeRequest> = {}) =>
    ({ kind: 'range', range: rangeRequest('k', { rangeEnd: all, ...variant }) }) as const;
  const request: TxnRequest = {
    compare: [],
    success: [range(), range({ limit: 1 }), range({ revision: 2_000 }), range({ countOnly: true })],
    failure: [],
  };
  const whole = executeReadOnlyTxn(store, request);
  let turns = 0;
  const write = async (): Promise<void> => {
    if (turns++ === 0) await member.during(member.replica.kv.put(putRequest('k0', 'early')));
  };
  const sliced = await readTxn(store, request, between(write));
  expect(turns).toBeGreaterThan(1);
  expect(sliced).toEqual(whole);
});

test('writes between two slices are not seen', async () => {
  const member = await memberWithKeys(4_000);
  const { store } = member.replica.state;
  const before = store.currentRevision;
  let writes = 0;
  const write = async (): Promise<void> => {
    if (writes++ === 0) await member.during(member.replica.kv.put(putRequest('k9', 'late')));
  };
  const response = await readRange(store, rangeRequest('k', { rangeEnd: all }), between(write));
  expect(writes).toBeGreaterThan(0);
  expect(response.count).toBe(4_000);
  expect(response.kvs).toHaveLength(4_000);
  expect(response.header?.revision).toBe(before);
});

test('a compaction between two slices makes a read of the newest revision begin again, and fails one of an old revision', async () => {
  const member = await memberWithKeys(4_000);
  const { store } = member.replica.state;
  let interruptions = 0;
  const interrupt = async (): Promise<void> => {
    if (interruptions++ > 0) return;
    await member.during(member.replica.kv.put(putRequest('k9', 'late')));
    const revision = BigInt(store.currentRevision);
    await member.during(
      member.replica.kv.compact(rpcpb.CompactionRequest.encode({ revision, physical: false }).finish()),
    );
  };
  const response = await readRange(store, rangeRequest('k', { rangeEnd: all }), between(interrupt));
  expect(response.count).toBe(4_001);
  interruptions = 0;
  const old = rangeRequest('k', { rangeEnd: all, revision: store.currentRevision });
  await expect(readRange(store, old, between(interrupt))).rejects.toMatchObject({ code: 'MVCC_COMPACTED' });
});
