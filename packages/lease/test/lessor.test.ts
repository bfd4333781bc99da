import { ChangeList, toHex } from '@quorate/std';
import { leasepb } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { Lessor, maxTtlSeconds, minTtlSeconds, type LessorOptions } from '../src/index.ts';
import { codeOf } from './code-of.ts';

const changes = new ChangeList();
const second = 1000;

function newLessor(options: Partial<LessorOptions> = {}): Lessor {
  return new Lessor({ minTtlSeconds: 2, electionTimeoutMs: 1000, ...options });
}

/** A primary lessor with leases of these TTLs, IDs from 1 on, granted at time 0. */
function primaryWith(ttls: readonly number[], options: Partial<LessorOptions> = {}): Lessor {
  const lessor = newLessor(options);
  lessor.promote(0);
  ttls.forEach((ttlSeconds, index) => lessor.grant({ id: BigInt(index + 1), ttlSeconds }, 0, changes));
  lessor.checkInvariants();
  return lessor;
}

describe('grant', () => {
  test('the least TTL is one and a half election timeouts', () => {
    expect(minTtlSeconds({ electionTicks: 10, heartbeatMs: 100 })).toBe(2);
    expect(minTtlSeconds({ electionTicks: 11, heartbeatMs: 100 })).toBe(2);
    expect(minTtlSeconds({ electionTicks: 50, heartbeatMs: 100 })).toBe(8);
  });

  test.each([-5, 0, 1, 2])('a TTL of %i becomes the least one, 2', (ttlSeconds) => {
    expect(newLessor().grant({ id: 7n, ttlSeconds }, 0, changes)).toEqual({ id: 7n, ttlSeconds: 2 });
  });

  test('the effective TTL is stored under the ID, 8 bytes big-endian', () => {
    const written = new ChangeList();
    newLessor().grant({ id: -2n, ttlSeconds: 1 }, 0, written);
    const [row] = written.changes;
    expect(row?.bucket).toBe('lease');
    expect(toHex(row!.key)).toBe('fffffffffffffffe');
    expect(leasepb.Lease.decode(row!.value!)).toEqual({ ID: -2n, TTL: 2n, RemainingTTL: 0n });
  });

  test('too large a TTL wins over an existing ID, and neither changes anything', () => {
    const lessor = newLessor();
    const written = new ChangeList();
    lessor.grant({ id: 1n, ttlSeconds: maxTtlSeconds }, 0, changes);
    expect(codeOf(() => lessor.grant({ id: 1n, ttlSeconds: maxTtlSeconds + 1 }, 0, written))).toBe(
      'LEASE_TTL_TOO_LARGE',
    );
    expect(codeOf(() => lessor.grant({ id: 1n, ttlSeconds: 5 }, 0, written))).toBe('LEASE_EXISTS');
    expect(codeOf(() => lessor.grant({ id: 0n, ttlSeconds: 5 }, 0, written))).toBe('LEASE_NOT_FOUND');
    expect(written.changes).toEqual([]);
    expect(lessor.size).toBe(1);
  });
});

describe('revoke and keys', () => {
  test('the keys come out in byte order, each once', () => {
    const lessor = newLessor();
    lessor.grant({ id: 1n, ttlSeconds: 5 }, 0, changes);
    for (const key of ['b', '\xff', 'a', 'b', 'aa', '\0']) lessor.attach(1n, key);
    lessor.detach(1n, 'aa');
    expect(lessor.keys(1n)).toEqual(['\0', 'a', 'b', '\xff']);
    const written = new ChangeList();
    expect(lessor.revoke(1n, written)).toEqual(['\0', 'a', 'b', '\xff']);
    expect(written.changes).toMatchObject([{ bucket: 'lease', value: undefined }]);
    expect(lessor.has(1n)).toBe(false);
    expect(lessor.keys(1n)).toBeUndefined();
  });

  test('revoking twice fails, detaching from a revoked lease is harmless', () => {
    const lessor = primaryWith([5]);
    lessor.attach(1n, 'a');
    lessor.revoke(1n, changes);
    lessor.detach(1n, 'a');
    expect(codeOf(() => lessor.revoke(1n, changes))).toBe('LEASE_NOT_FOUND');
    lessor.checkInvariants();
  });

  test('a key whose lease does not exist is counted, not kept', () => {
    const lessor = newLessor();
    lessor.attach(1n, 'a');
    expect(lessor.strayKeyCount).toBe(1);
    lessor.grant({ id: 1n, ttlSeconds: 5 }, 0, changes);
    expect(lessor.keys(1n)).toEqual([]);
  });
});

describe('restore', () => {
  test('a lessor made of the rows has the same leases', () => {
    const written = new ChangeList();
    const first = newLessor();
    first.grant({ id: 1n, ttlSeconds: 10 }, 0, written);
    first.grant({ id: -9n, ttlSeconds: 20 }, 0, written);
    const second = newLessor({ minTtlSeconds: 15 });
    for (const { key, value } of written.changes) second.restore([key, value!]);
    expect(second.list()).toEqual([-9n, 1n]);
    expect(second.timeToLive(1n, 0)).toEqual({ ttlSeconds: Infinity, grantedTtlSeconds: 15 });
  });

  test('a damaged row is refused', () => {
    const key = new Uint8Array(8);
    const value = leasepb.Lease.encode({ ID: 5n, TTL: 5n, RemainingTTL: 0n }).finish();
    expect(codeOf(() => newLessor().restore([key, value]))).toBe('LEASE_DAMAGED_ROW');
    expect(codeOf(() => newLessor().restore([key.subarray(1), value]))).toBe('LEASE_DAMAGED_ROW');
    expect(codeOf(() => newLessor().restore([key, value.subarray(0, 3)]))).toBe('LEASE_DAMAGED_ROW');
  });
});

describe('expiry', () => {
  test('nothing expires early, and only at the primary', () => {
    const lessor = primaryWith([5, 3]);
    expect(lessor.expired(3 * second - 1, 500)).toEqual([]);
    expect(lessor.expired(3 * second, 500)).toEqual([2n]);
    expect(newLessor().expired(1e12, 500)).toEqual([]);
  });

  test('at most the limit is handed out, the longest expired first, and each again only after the retry interval', () => {
    const lessor = primaryWith([4, 3, 5]);
    expect(lessor.expired(6 * second, 2)).toEqual([2n, 1n]);
    expect(lessor.expired(6 * second, 2)).toEqual([3n]);
    expect(lessor.expired(13 * second - 1, 500)).toEqual([]);
    lessor.revoke(1n, changes);
    expect(lessor.expired(13 * second, 500)).toEqual([2n, 3n]);
    lessor.checkInvariants();
  });

  test('renewing starts the full TTL again', () => {
    const lessor = primaryWith([5]);
    expect(lessor.renew(1n, 4 * second)).toBe(5);
    expect(lessor.expired(9 * second - 1, 500)).toEqual([]);
    expect(lessor.expired(9 * second, 500)).toEqual([1n]);
  });

  test('what can be renewed at once is, and nothing else', () => {
    const lessor = primaryWith([5]);
    expect(lessor.tryRenew(1n, 4 * second)).toBe(5);
    expect(lessor.expired(5 * second, 10)).toEqual([]);
    expect(lessor.tryRenew(2n, 4 * second)).toBeUndefined();
    lessor.applyCheckpoint(
      { id: 1n, remainingTtlSeconds: 3 },
      { nowMs: 4 * second, changes, persist: false },
    );
    expect(lessor.tryRenew(1n, 4 * second)).toBeUndefined();
    lessor.applyCheckpoint(
      { id: 1n, remainingTtlSeconds: 0 },
      { nowMs: 4 * second, changes, persist: false },
    );
    expect(lessor.tryRenew(1n, 9 * second)).toBeUndefined();
    expect(lessor.expired(9 * second, 10)).toEqual([1n]);
    lessor.demote();
    expect(lessor.tryRenew(1n, 0)).toBeUndefined();
  });

  test('an expired lease cannot be renewed, nor one elsewhere than at the primary', () => {
    const lessor = primaryWith([5]);
    expect(codeOf(() => lessor.renew(1n, 5 * second))).toBe('LEASE_EXPIRED');
    expect(codeOf(() => lessor.renew(2n, 0))).toBe('LEASE_NOT_FOUND');
    lessor.demote();
    expect(codeOf(() => lessor.renew(2n, 0))).toBe('LEASE_NOT_PRIMARY');
  });

  test('what is left counts in whole seconds, below zero when nobody revokes', () => {
    const lessor = primaryWith([5]);
    const left = (nowMs: number): number => lessor.timeToLive(1n, nowMs)!.ttlSeconds;
    expect(left(0)).toBe(5);
    expect(left(1)).toBe(4);
    expect(left(5500)).toBe(0);
    expect(left(6000)).toBe(-1);
    expect(lessor.timeToLive(9n, 0)).toBeUndefined();
  });

  test('leases are listed by expiry, among equals by ID', () => {
    const lessor = primaryWith([9, 5, 5, 7]);
    expect(lessor.list()).toEqual([2n, 3n, 4n, 1n]);
    lessor.renew(2n, second);
    expect(lessor.list()).toEqual([3n, 2n, 4n, 1n]);
  });
});

describe('promote and demote', () => {
  test('a new primary gives every lease its TTL and an election timeout', () => {
    const lessor = newLessor();
    lessor.grant({ id: 1n, ttlSeconds: 5 }, 0, changes);
    expect(lessor.isPrimary).toBe(false);
    lessor.promote(100 * second);
    expect(lessor.isPrimary).toBe(true);
    expect(lessor.expired(106 * second - 1, 500)).toEqual([]);
    expect(lessor.expired(106 * second, 500)).toEqual([1n]);
  });

  test('after a demotion nothing expires, and a promotion starts anew', () => {
    const lessor = primaryWith([5]);
    expect(lessor.expired(5 * second, 500)).toEqual([1n]);
    lessor.demote();
    lessor.checkInvariants();
    expect(lessor.timeToLive(1n, 0)?.ttlSeconds).toBe(Infinity);
    expect(lessor.expired(1e12, 500)).toEqual([]);
    lessor.promote(20 * second);
    lessor.checkInvariants();
    expect(lessor.expired(26 * second, 500)).toEqual([1n]);
  });

  test('a pile of leases is spread over seconds of 750, none of them early', () => {
    const lessor = newLessor();
    for (let id = 1n; id <= 4000n; id++) lessor.grant({ id, ttlSeconds: 10 }, 0, changes);
    lessor.promote(0);
    lessor.checkInvariants();
    expect(lessor.expired(11 * second - 1, 9999)).toEqual([]);
    for (let round = 0; round < 5; round++) {
      expect(lessor.expired((11 + round) * second, 9999)).toHaveLength(750);
    }
    expect(lessor.expired(16 * second, 9999)).toHaveLength(250);
  });
});

describe('checkpoints', () => {
  const intervalMs = 300 * second;
  const context = { nowMs: 0, changes, persist: true };

  test('a lease with more left than the interval is due at each interval, rounded up', () => {
    const lessor = primaryWith([1000, 300], { checkpointIntervalMs: intervalMs });
    expect(lessor.dueCheckpoints(intervalMs - 1, 10)).toEqual([]);
    expect(lessor.dueCheckpoints(intervalMs + 1, 10)).toEqual([{ id: 1n, remainingTtlSeconds: 700 }]);
    expect(lessor.dueCheckpoints(intervalMs + 2, 10)).toEqual([]);
    lessor.applyCheckpoint({ id: 1n, remainingTtlSeconds: 700 }, { ...context, nowMs: intervalMs });
    expect(lessor.hasCheckpoint(1n)).toBe(true);
    expect(lessor.dueCheckpoints(2 * intervalMs, 10)).toEqual([{ id: 1n, remainingTtlSeconds: 400 }]);
    lessor.applyCheckpoint({ id: 1n, remainingTtlSeconds: 300 }, { ...context, nowMs: 700 * second });
    expect(lessor.dueCheckpoints(999 * second, 10)).toEqual([]);
    lessor.checkInvariants();
  });

  test('a lost checkpoint is due again, a lease just renewed is not', () => {
    const lessor = primaryWith([1000], { checkpointIntervalMs: intervalMs });
    expect(lessor.dueCheckpoints(intervalMs, 10)).toHaveLength(1);
    expect(lessor.dueCheckpoints(2 * intervalMs, 10)).toHaveLength(1);
    lessor.renew(1n, 3 * intervalMs);
    expect(lessor.dueCheckpoints(3 * intervalMs, 10)).toEqual([]);
  });

  test('at most the limit is due at once', () => {
    const lessor = primaryWith([1000, 1000, 1000], { checkpointIntervalMs: intervalMs });
    expect(lessor.dueCheckpoints(intervalMs, 2)).toHaveLength(2);
    expect(lessor.dueCheckpoints(intervalMs, 2)).toHaveLength(1);
  });

  test('a new primary goes on from a checkpoint, and from the full TTL once it is cleared', () => {
    const lessor = newLessor();
    lessor.grant({ id: 1n, ttlSeconds: 1000 }, 0, changes);
    lessor.applyCheckpoint({ id: 1n, remainingTtlSeconds: 400 }, context);
    lessor.promote(0);
    expect(lessor.timeToLive(1n, 0)?.ttlSeconds).toBe(401);
    lessor.demote();
    lessor.applyCheckpoint({ id: 1n, remainingTtlSeconds: 0 }, context);
    lessor.promote(0);
    expect(lessor.timeToLive(1n, 0)?.ttlSeconds).toBe(1001);
  });

  test('it is stored only when asked, and comes back from its row', () => {
    const lessor = newLessor();
    const written = new ChangeList();
    lessor.grant({ id: 1n, ttlSeconds: 1000 }, 0, changes);
    lessor.applyCheckpoint(
      { id: 1n, remainingTtlSeconds: 400 },
      { ...context, changes: written, persist: false },
    );
    lessor.applyCheckpoint({ id: 2n, remainingTtlSeconds: 400 }, { ...context, changes: written });
    expect(written.changes).toEqual([]);
    lessor.applyCheckpoint({ id: 1n, remainingTtlSeconds: 400 }, { ...context, changes: written });
    const again = newLessor();
    for (const { key, value } of written.changes) again.restore([key, value!]);
    expect(again.hasCheckpoint(1n)).toBe(true);
  });

  test('without an interval there are none', () => {
    expect(primaryWith([1_000_000]).dueCheckpoints(1e12, 10)).toEqual([]);
  });
});
