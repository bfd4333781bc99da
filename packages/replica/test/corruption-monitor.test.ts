import { DamagedRowError, MvccStore } from '@quorate/mvcc';
import { MemoryBackend } from '@quorate/std/testing';
import { describe, expect, test } from 'vitest';
import { StartError } from '../src/errors.ts';
import { CorruptionCluster, type Store } from './corruption-cluster.ts';

/** What a store with a key answers to whoever counts. */
const someKeys: Store['range'] = () => ({ kvs: [], count: 1 });

describe('before serving', () => {
  test('a member starts when its data is that of the others, whatever they wrote since', async () => {
    const cluster = await CorruptionCluster.open(3);
    cluster.put('a', '1');
    cluster.put('b', '2', [2n]);
    await cluster.monitor.checkInitial();
    expect(cluster.checked).toEqual([{ check: 'initial', revision: 2, comparedCount: 2, peerCount: 2 }]);
  });

  test('a member whose data differs from that of one other refuses to start, and names it', async () => {
    const cluster = await CorruptionCluster.open(3);
    cluster.put('a', '1', [1n, 2n]);
    cluster.put('a', 'x', [3n]);
    const check = cluster.monitor.checkInitial();
    await expect(check).rejects.toBeInstanceOf(StartError);
    await expect(check).rejects.toThrow(
      /^found data inconsistency with peers: .* member 3 \(at revision 2, compacted at -1, hash \d+ here and \d+ there\)$/,
    );
    expect(cluster.alarms).toEqual([]);
  });

  test('members that are down, lag, or have compacted otherwise are passed over', async () => {
    const cluster = await CorruptionCluster.open(4);
    cluster.put('a', '1');
    cluster.put('b', '1', [1n]);
    cluster.put('b', 'x', [2n, 4n]);
    cluster.put('c', 'x', [4n]);
    cluster.down.add(2n);
    cluster.compact(2, [4n]);
    await cluster.monitor.checkInitial();
    expect(cluster.checked).toMatchObject([{ comparedCount: 0, peerCount: 3 }]);
  });

  test('a member that has compacted away the revision is passed over', async () => {
    const cluster = await CorruptionCluster.open(2);
    cluster.put('a', '1');
    for (let at = 0; at < 3; at++) cluster.put('a', 'x', [2n]);
    cluster.compact(4, [2n]);
    await cluster.monitor.checkInitial();
    expect(cluster.checked).toMatchObject([{ comparedCount: 0 }]);
  });

  test('members are compared after a compaction too, and one like etcd 3.5 that says less', async () => {
    const cluster = await CorruptionCluster.open(2);
    cluster.isTerse = true;
    cluster.put('a', '1');
    cluster.put('a', '2', [1n]);
    cluster.put('a', 'x', [2n]);
    cluster.compact(2);
    await expect(cluster.monitor.checkInitial()).rejects.toThrow('compacted at 2');
  });

  test('a member that installs a snapshot meanwhile compares what it has then', async () => {
    const cluster = await CorruptionCluster.open(3);
    cluster.put('a', '1');
    const gate = Promise.withResolvers<void>();
    const torn = cluster.store(1n);
    cluster.ownStore = {
      currentRevision: torn.currentRevision,
      compactedRevision: torn.compactedRevision,
      range: torn.range.bind(torn),
      hashKv: async (revision) => {
        await gate.promise; // Half of its rows are by now those of the store that took its place.
        const found = await torn.hashKv(revision);
        return { ...found, hash: found.hash ^ 1 };
      },
    };
    const check = cluster.monitor.checkInitial();
    cluster.ownStore = torn;
    gate.resolve();
    await check;
    expect(cluster.inconsistencies).toEqual([]);
    expect(cluster.checked).toMatchObject([{ comparedCount: 2 }]);
  });

  test('a member alone has nothing to compare', async () => {
    const cluster = await CorruptionCluster.open(1);
    await cluster.monitor.checkInitial();
    expect(cluster.checked).toEqual([]);
  });
});

describe('of all data', () => {
  test('members with the same data are left in peace while they write and compact', async () => {
    const cluster = await CorruptionCluster.open(3);
    for (let at = 0; at < 20; at++) {
      cluster.put(`k${at % 3}`, `${at}`);
      cluster.onRead = () => {
        cluster.put('meanwhile', `${at}`);
        if (at % 4 === 3) cluster.compact(cluster.store(1n).currentRevision - 2);
      };
      await cluster.monitor.checkPeriodic();
    }
    expect(cluster).toMatchObject({ alarms: [], inconsistencies: [] });
    expect(cluster.checked).toHaveLength(20);
    expect(cluster.checked.filter(({ comparedCount }) => comparedCount === 2)).toHaveLength(20);
  });

  test('a follower whose data differs gets the alarm, also when the leader goes on writing', async () => {
    const cluster = await CorruptionCluster.open(3);
    cluster.put('a', '1', [1n, 2n]);
    cluster.put('a', 'x', [3n]);
    cluster.onRead = () => cluster.put('b', '1');
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([3n]);
    expect(cluster.inconsistencies).toEqual([expect.stringMatching(/^3: at revision 2, .*hash \d+ here/)]);
  });

  test('data that was compacted right at the current revision is compared by what the compaction left', async () => {
    const cluster = await CorruptionCluster.open(3);
    cluster.put('a', '1', [1n, 2n]);
    cluster.put('a', 'x', [3n]);
    cluster.compact(2);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([3n]);
  });

  test('there is one alarm a round, the next time for the next member', async () => {
    const cluster = await CorruptionCluster.open(4);
    cluster.put('a', '1', [1n, 2n]);
    cluster.put('a', 'x', [3n, 4n]);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([3n]);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([3n, 4n]);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([3n, 4n]);
  });

  test('a follower that is ahead of a leader who has just read as of now gets the alarm', async () => {
    const cluster = await CorruptionCluster.open(2);
    cluster.put('a', '1');
    cluster.put('b', '1', [2n]);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([2n]);
    expect(cluster.inconsistencies).toEqual(["2: its revision 3 is ahead of the leader's, 2"]);
  });

  test('a follower that is ahead only until the leader has read as of now is none to blame', async () => {
    const cluster = await CorruptionCluster.open(2);
    cluster.put('a', '1');
    cluster.put('b', '1', [2n]);
    cluster.onRead = () => cluster.put('b', '1', [1n]);
    await cluster.monitor.checkPeriodic();
    expect(cluster).toMatchObject({ alarms: [], inconsistencies: [] });
  });

  test('a follower that has compacted further than the leader gets the alarm', async () => {
    const cluster = await CorruptionCluster.open(2);
    for (const value of '123') cluster.put('a', value);
    cluster.compact(3, [2n]);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([2n]);
    expect(cluster.inconsistencies).toEqual(["2: its compact revision 3 is ahead of the leader's, -1"]);
  });

  test('a leader whose own hash of a revision changes gets the alarm', async () => {
    const cluster = await CorruptionCluster.open(1);
    let hash = 7;
    cluster.ownStore = {
      currentRevision: 5,
      compactedRevision: 2,
      hashKv: async () => ({ hash: hash++, compactRevision: 2, hashRevision: 5, currentRevision: 5 }),
      range: someKeys,
    };
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([1n]);
    expect(cluster.inconsistencies).toEqual([expect.stringMatching(/^1: .*hash 7 here and 8 there/)]);
  });

  test('a compaction during the check, which takes the revision away, harms nobody', async () => {
    const cluster = await CorruptionCluster.open(2);
    for (const value of '123') cluster.put('a', value);
    cluster.onRead = () => {
      cluster.put('a', '4');
      cluster.put('a', '5');
      cluster.compact(5);
    };
    await cluster.monitor.checkPeriodic();
    expect(cluster).toMatchObject({ alarms: [], failures: [] });
    expect(cluster.checked).toMatchObject([{ comparedCount: 1 }]);
  });

  test.each([
    ['another leads', (cluster: CorruptionCluster) => void (cluster.isLeader = false)],
    [
      'a snapshot was installed',
      async (cluster: CorruptionCluster) => {
        cluster.ownStore = await MvccStore.open({ backend: new MemoryBackend() });
      },
    ],
    ['the member stops', (cluster: CorruptionCluster) => void cluster.monitor.close()],
  ])('what was found out does not count when meanwhile %s', async (_, meanwhile) => {
    const cluster = await CorruptionCluster.open(2);
    cluster.put('a', '1', [1n]);
    cluster.put('a', 'x', [2n]);
    cluster.onRead = () => meanwhile(cluster);
    await cluster.monitor.checkPeriodic();
    expect(cluster).toMatchObject({ alarms: [], checked: [] });
  });

  test('a member that leaves during the check gets no alarm', async () => {
    const cluster = await CorruptionCluster.open(2);
    cluster.put('a', '1', [1n]);
    cluster.put('a', 'x', [2n]);
    cluster.onRead = () => void cluster.gone.add(2n);
    await cluster.monitor.checkPeriodic();
    expect(cluster.alarms).toEqual([]);
  });
});

describe('of compactions', () => {
  /** Revisions 2 to 11, of which member 3 has one wrong. */
  async function openWithOneWrong(memberCount: number, wrong: readonly bigint[]): Promise<CorruptionCluster> {
    const cluster = await CorruptionCluster.open(memberCount);
    const right = [...cluster.stores.keys()].filter((id) => !wrong.includes(id));
    for (let at = 0; at < 10; at++) {
      cluster.put(`k${at % 4}`, at === 3 ? 'right' : `${at}`, right);
      cluster.put(`k${at % 4}`, at === 3 ? 'wrong' : `${at}`, [...wrong]);
    }
    return cluster;
  }

  test('members that are the same are verified once', async () => {
    const cluster = await openWithOneWrong(3, []);
    cluster.compact(5);
    await cluster.monitor.checkCompactHash();
    expect(cluster.monitor.verifiedRevision).toBe(5);
    expect(cluster.asked).toEqual(['2@5', '3@5']);
    await cluster.monitor.checkCompactHash();
    expect(cluster.asked).toHaveLength(2);
    cluster.compact(7);
    await cluster.monitor.checkCompactHash();
    expect(cluster.monitor.verifiedRevision).toBe(7);
    expect(cluster.asked.slice(2)).toEqual(['2@7', '3@7']);
  });

  test('nothing is asked before the first compaction', async () => {
    const cluster = await openWithOneWrong(3, [3n]);
    await cluster.monitor.checkCompactHash();
    expect(cluster.asked).toEqual([]);
  });

  test('those in the minority get an alarm each', async () => {
    const cluster = await openWithOneWrong(5, [3n, 5n]);
    cluster.compact(6);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([3n, 5n]);
    expect(cluster.monitor.verifiedRevision).toBe(0);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([3n, 5n]);
  });

  test('the leader gets the alarm when it is the one in the minority', async () => {
    const cluster = await openWithOneWrong(3, [1n]);
    cluster.compact(6);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([1n]);
  });

  test('where no hash has a majority of all members, the alarm names nobody', async () => {
    const cluster = await openWithOneWrong(4, [3n, 4n]);
    cluster.compact(6);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([0n]);
    expect(cluster.inconsistencies).toEqual([expect.stringMatching(/^0: at revision 6, .*no majority/)]);
  });

  test('a majority counts all members, those that are down too', async () => {
    const cluster = await openWithOneWrong(3, [3n]);
    cluster.compact(6);
    cluster.down.add(2n);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([0n]);
  });

  test('a member that has not made the compaction yet can be compared already', async () => {
    const cluster = await openWithOneWrong(3, []);
    cluster.compact(8, [1n, 2n]);
    await cluster.monitor.checkCompactHash();
    expect(cluster.monitor.verifiedRevision).toBe(8);
  });

  /** Compacted at 5 and at 8; member 3 remembers only the former, as its compaction at 8 was interrupted. */
  async function openWithOneInterrupted(wrong: readonly bigint[]): Promise<CorruptionCluster> {
    const cluster = await openWithOneWrong(3, wrong);
    cluster.compact(5);
    cluster.monitor.tick(0);
    cluster.compact(8);
    const remembering = cluster.store(3n);
    await cluster.restart(3n);
    const restarted = cluster.store(3n);
    const hashNow = restarted.hashKv.bind(restarted);
    restarted.hashKv = (revision) => (revision === 5 ? remembering.hashKv(revision) : hashNow(revision));
    return cluster;
  }

  test('where not all can be compared at the newest compaction, an older one is looked at', async () => {
    const cluster = await openWithOneInterrupted([]);
    await cluster.monitor.checkCompactHash();
    expect(cluster.asked).toEqual(['2@8', '3@8', '2@5', '3@5']);
    expect(cluster.monitor.verifiedRevision).toBe(5);
    await cluster.monitor.checkCompactHash();
    expect(cluster.asked.slice(4)).toEqual(['2@8', '3@8']);
    cluster.compact(9);
    await cluster.monitor.checkCompactHash();
    expect(cluster.monitor.verifiedRevision).toBe(9);
    expect(cluster.alarms).toEqual([]);
  });

  test('an older compaction shows what the newest one can not', async () => {
    const cluster = await openWithOneInterrupted([3n]);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([3n]);
  });

  test('members that all were restarted are compared too', async () => {
    const cluster = await openWithOneWrong(3, [2n]);
    cluster.compact(6);
    for (const id of cluster.stores.keys()) await cluster.restart(id);
    await cluster.monitor.checkCompactHash();
    expect(cluster.alarms).toEqual([2n]);
  });

  test('while all others are down, one compaction is asked for and none is given up', async () => {
    const cluster = await openWithOneWrong(3, []);
    cluster.compact(5);
    cluster.monitor.tick(0);
    cluster.compact(8);
    cluster.down.add(2n).add(3n);
    for (let at = 0; at < 20; at++) await cluster.monitor.checkCompactHash();
    expect(new Set(cluster.asked)).toEqual(new Set(['2@8', '3@8']));
    cluster.down.clear();
    await cluster.monitor.checkCompactHash();
    expect(cluster.monitor.verifiedRevision).toBe(8);
  });

  test('a compaction that can not be compared is given up after five times', async () => {
    const cluster = await openWithOneWrong(2, []);
    cluster.compact(5);
    await cluster.restart(2n);
    for (let at = 0; at < 20; at++) await cluster.monitor.checkCompactHash();
    expect(cluster.asked).toHaveLength(5);
    cluster.compact(6);
    await cluster.monitor.checkCompactHash();
    expect(cluster.monitor.verifiedRevision).toBe(6);
  });

  test('compactions from before a snapshot was installed are not asked for', async () => {
    const cluster = await openWithOneWrong(2, []);
    cluster.compact(5);
    cluster.monitor.tick(0);
    cluster.ownStore = await MvccStore.open({ backend: new MemoryBackend() });
    await cluster.monitor.checkCompactHash();
    expect(cluster.asked).toEqual([]);
  });

  test('a compaction that left no key proves nothing: members with the same data may have other hashes', async () => {
    const cluster = await CorruptionCluster.open(2);
    for (let at = 0; at < 8; at++) cluster.put('a', String(at));
    cluster.compact(5);
    cluster.delete('a');
    cluster.monitor.tick(0);
    cluster.compact(10, [1n]);
    await cluster.monitor.checkCompactHash();
    await cluster.monitor.checkPeriodic();
    await cluster.monitor.checkInitial();
    expect(cluster.alarms).toEqual([]);
  });

  test('a compaction that the own store no longer knows is dropped', async () => {
    const cluster = await openWithOneWrong(2, []);
    cluster.compact(5);
    // A start in between: hashes of compactions are not remembered, and one of them is of the past.
    const own: { -readonly [K in keyof Store]: Store[K] } = {
      currentRevision: 11,
      range: someKeys,
      compactedRevision: 5,
      hashKv: (revision) => cluster.store(1n).hashKv(revision === 5 ? 4 : revision),
    };
    cluster.ownStore = own;
    await cluster.monitor.checkCompactHash();
    await cluster.monitor.checkCompactHash();
    expect(cluster.asked).toEqual(['2@5']);
  });

  test('a leader deposed while it asks raises nothing', async () => {
    const cluster = await openWithOneWrong(3, [3n]);
    cluster.compact(6);
    const gate = Promise.withResolvers<void>();
    cluster.gate = gate.promise;
    const check = cluster.monitor.checkCompactHash();
    cluster.isLeader = false;
    gate.resolve();
    await check;
    expect(cluster).toMatchObject({ alarms: [], checked: [] });
  });
});

describe('in time', () => {
  test('each check is made at its interval, on the leader only, and one at a time', async () => {
    const cluster = await CorruptionCluster.open(2, { periodicMs: 10_000, compactHashMs: 5_000 });
    cluster.put('a', '1');
    cluster.put('a', '2');
    cluster.compact(2);
    const checksAt: string[] = [];
    for (let nowMs = 0; nowMs <= 20_000; nowMs += 1_000) {
      cluster.isLeader = nowMs < 12_000;
      cluster.monitor.tick(nowMs);
      await cluster.monitor.idle();
      for (const { check } of cluster.checked.splice(0)) checksAt.push(`${check} ${nowMs}`);
    }
    // Both fall due at 10 s: one runs then, though it has nothing new to look at, the other at the next tick.
    expect(checksAt).toEqual(['compactHash 5000', 'periodic 11000']);
  });

  test('no other check begins while one is under way, and one that hangs is ended', async () => {
    const cluster = await CorruptionCluster.open(2, { periodicMs: 1_000, timeoutMs: 5_000 });
    cluster.gate = new Promise(() => {});
    for (let nowMs = 0; nowMs <= 6_000; nowMs += 100) {
      cluster.monitor.tick(nowMs);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
    expect(cluster.asked).toEqual(['2@1']);
    cluster.monitor.tick(6_100);
    await cluster.monitor.idle();
    expect(cluster.checked).toMatchObject([{ check: 'periodic', comparedCount: 0 }]);
  });

  test('a check asked for during another waits for it', async () => {
    const cluster = await CorruptionCluster.open(2);
    const gate = Promise.withResolvers<void>();
    cluster.gate = gate.promise;
    const checks = [cluster.monitor.checkPeriodic(), cluster.monitor.checkInitial()];
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect(cluster.asked).toHaveLength(1);
    gate.resolve();
    await Promise.all(checks);
    expect(cluster.checked.map(({ check }) => check)).toEqual(['periodic', 'initial']);
  });

  test('a check that fails is reported, and the next one is made', async () => {
    const cluster = await CorruptionCluster.open(2, { periodicMs: 1_000 });
    const noLeader = new Error('no leader');
    cluster.onRead = () => Promise.reject(noLeader);
    cluster.monitor.tick(0);
    cluster.monitor.tick(1_000);
    await cluster.monitor.idle();
    expect(cluster.failures).toEqual([noLeader]);
    cluster.onRead = () => {};
    cluster.monitor.tick(2_000);
    await cluster.monitor.idle();
    expect(cluster.checked).toHaveLength(1);
  });

  test('a row that is missing in a store which a snapshot has replaced meanwhile is no failure', async () => {
    const cluster = await CorruptionCluster.open(2, { periodicMs: 1_000 });
    cluster.put('a', '1');
    const present = cluster.store(1n);
    cluster.ownStore = {
      ...{ currentRevision: 2, compactedRevision: 0, range: someKeys },
      hashKv: async () => {
        cluster.ownStore = present;
        throw new DamagedRowError('of revision 2/0', 'it is missing');
      },
    };
    cluster.monitor.tick(0);
    cluster.monitor.tick(1_000);
    await cluster.monitor.idle();
    expect(cluster).toMatchObject({ failures: [], alarms: [] });
  });

  test('a closed monitor gives up what it waits for, and starts nothing more', async () => {
    const cluster = await CorruptionCluster.open(2, { periodicMs: 1_000 });
    cluster.gate = new Promise(() => {});
    cluster.monitor.tick(0);
    cluster.monitor.tick(1_000);
    await cluster.monitor.close();
    cluster.monitor.tick(2_000);
    await cluster.monitor.idle();
    expect(cluster).toMatchObject({ alarms: [], checked: [], failures: [] });
    expect(cluster.asked.length).toBeLessThanOrEqual(1);
  });
});
