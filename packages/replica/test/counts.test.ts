import { fromUtf8 } from '@quorate/std';
import { encodeTxnRequest } from '@quorate/wire';
import { expect, test } from 'vitest';
import { ReadIndexRounds } from '../src/read-index.ts';
import { Waiters } from '../src/waiters.ts';
import { openTestMember, putRequest, rangeRequest } from '../src/testing/index.ts';

const none = { compare: [], success: [], failure: [] };

test('a member counts what it has applied, transactions by what they changed', async () => {
  const member = await openTestMember();
  const { replica } = member;
  const during = <T>(work: Promise<T>): Promise<T> => member.during(work);
  const before = replica.counts;
  await during(replica.leases.grant({ ID: 7n, TTL: 60n }));
  await during(replica.kv.put(putRequest('a', '1')));
  const op = (key: string) => ({
    kind: 'put' as const,
    put: {
      key: fromUtf8(key),
      value: fromUtf8('v'),
      lease: 7n,
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    },
  });
  await during(replica.kv.txn(encodeTxnRequest({ ...none, success: [op('b'), op('c')] })));
  await during(replica.kv.txn(encodeTxnRequest(none)));
  await during(replica.kv.range(rangeRequest('a')));
  await during(replica.leases.keepAlive(7n));
  await during(replica.leases.revoke({ ID: 7n }));
  const { logBytes, ...counts } = replica.counts;
  expect(counts).toEqual({
    puts: 3,
    putBytes: 40,
    deletes: 2,
    ranges: 1,
    txns: 2,
    leasesGranted: 1,
    leasesRevoked: 1,
    leasesRenewed: 1,
    proposalsFailed: 0,
    readIndexesSlow: 0,
    readIndexesFailed: 0,
  });
  expect(logBytes).toBeGreaterThan(before.logBytes);
});

test('a refused request is not counted', async () => {
  const member = await openTestMember();
  const { replica } = member;
  const during = <T>(work: Promise<T>): Promise<T> => member.during(work);
  await expect(during(replica.kv.put(putRequest('a', '1', { lease: 9n })))).rejects.toThrow();
  await expect(during(replica.leases.revoke({ ID: 9n }))).rejects.toThrow();
  expect(replica.counts).toMatchObject({ puts: 0, leasesRevoked: 0 });
});

test('an observer is told how long entries that were committed together took to apply', async () => {
  const batches: { entries: number; durationMs: number }[] = [];
  const member = await openTestMember({
    observer: { onApplied: (event) => batches.push(event) },
  });
  batches.length = 0;
  await member.during(
    Promise.all(Array.from({ length: 20 }, (_, i) => member.replica.kv.put(putRequest(`k${i}`, 'v')))),
  );
  expect(batches.reduce((sum, { entries }) => sum + entries, 0)).toBe(20);
  expect(batches.length).toBeLessThan(20);
  expect(batches.every(({ durationMs }) => durationMs >= 0)).toBe(true);
});

test('reads that are asked for again and reads that are given up are counted', async () => {
  const time = { nowMs: 0 };
  const rounds = new ReadIndexRounds({
    ask: () => {},
    newContext: () => fromUtf8(String(time.nowMs)),
    now: () => time.nowMs,
    timeoutMs: 700,
  });
  const read = rounds.join();
  rounds.startRound();
  for (time.nowMs = 100; time.nowMs <= 700; time.nowMs += 100) rounds.tick();
  await expect(read).rejects.toMatchObject({ code: 'REPLICA_TIMEOUT' });
  expect([rounds.slowCount, rounds.failedCount]).toEqual([1, 1]);
});

test('only proposals given up because of their time count as failed', async () => {
  const waiters = new Waiters();
  const [late, answered] = [1, 2].map((suffix) =>
    waiters.add(suffix, { startedAtMs: 0, deadlineMs: suffix, bytes: 1 }),
  );
  waiters.resolve(2, undefined);
  waiters.sweep(10, () => 'REPLICA_TIMEOUT');
  await answered;
  await expect(late).rejects.toMatchObject({ code: 'REPLICA_TIMEOUT' });
  expect(waiters.expiredCount).toBe(1);
});
