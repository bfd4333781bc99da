import { PlainPasswords } from '@quorate/credentials/testing';
import { fromUtf8 } from '@quorate/std';
import { decodeTxnRequest, encodeTxnRequest, rpcpb, type RangeRequest, type TxnRequest } from '@quorate/wire';
import { expect, test } from 'vitest';
import { openTestMember, putRequest, rangeRequest, type TestCluster } from '../src/testing/index.ts';
import { addUser, callerOf, enable, logIn, putAs, revokePrefix } from './auth-clusters.ts';
import { codeOf, start } from './clusters.ts';

const keyCount = 400;
const ofAnn = (options: Partial<RangeRequest> = {}): RangeRequest =>
  rangeRequest('ann/', { rangeEnd: fromUtf8('ann0'), ...options });

/** A member at which Ann may read many keys, one a turn. */
async function withAnn(): Promise<TestCluster> {
  const cluster = await start(1, { passwords: new PlainPasswords(), readSliceWork: 1 });
  const { kv } = cluster.member('a');
  const puts = Array.from({ length: keyCount }, (_, i) => kv.put(putRequest(`ann/${1000 + i}`, 'v')));
  await cluster.during(Promise.all(puts));
  return cluster;
}

test.each([
  ['linearizable range', false],
  ['serializable range', true],
])(
  'a %s ends when its reader may not read any more, also where a compaction makes it begin again',
  async (_, serializable) => {
    const cluster = await withAnn();
    const root = await enable(cluster);
    await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
    const ann = await callerOf(cluster, 'a', await logIn(cluster, 'a', 'ann'));
    const { kv, state } = cluster.member('a');
    const outcome = codeOf(Promise.resolve(kv.range(ofAnn({ serializable }), ann)));
    await cluster.advance(20); // It has begun.
    await revokePrefix(cluster, 'ann', 'ann/', root);
    await putAs(cluster, 'a', root, 'ann/1001');
    const compaction = { revision: BigInt(state.store.currentRevision), physical: false };
    await cluster.during(kv.compact(rpcpb.CompactionRequest.encode(compaction).finish(), root));
    expect(await cluster.during(outcome)).toBe('AUTH_PERMISSION_DENIED');
  },
);

test('a transaction of long ranges, and a stream, end when their reader may not read any more', async () => {
  const cluster = await withAnn();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const ann = await callerOf(cluster, 'a', await logIn(cluster, 'a', 'ann'));
  const { kv } = cluster.member('a');
  const request: TxnRequest = {
    ...decodeTxnRequest(new Uint8Array(0)),
    success: [{ kind: 'range', range: ofAnn() }],
  };
  const txn = codeOf(Promise.resolve(kv.txn(encodeTxnRequest(request), ann)));
  const stream = kv.rangeStream(ofAnn(), ann)[Symbol.asyncIterator]();
  const first = await cluster.during(stream.next());
  expect(first.done === true ? [] : first.value.kvs).not.toHaveLength(0);
  await revokePrefix(cluster, 'ann', 'ann/', root);
  expect(await codeOf(cluster.during(stream.next()))).toBe('AUTH_PERMISSION_DENIED');
  expect(await cluster.during(txn)).toBe('AUTH_PERMISSION_DENIED');
});

test('a member that stops answers no long read any more, and begins none', async () => {
  const member = await openTestMember({ readSliceWork: 1 });
  const { kv } = member.replica;
  const puts = Array.from({ length: keyCount }, (_, i) => kv.put(putRequest(`ann/${1000 + i}`, 'v')));
  await member.during(Promise.all(puts));
  const reading = [false, true].map((serializable) =>
    codeOf(Promise.resolve(kv.range(ofAnn({ serializable })))),
  );
  await member.advance(20);
  await member.during(member.replica.close());
  expect(await member.during(Promise.all(reading))).toEqual(['REPLICA_STOPPED', 'REPLICA_STOPPED']);
  expect(await codeOf(kv.range(rangeRequest('ann/1000', { serializable: true })))).toBe('REPLICA_STOPPED');
});
