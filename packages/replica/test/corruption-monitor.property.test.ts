import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CorruptionCluster } from './corruption-cluster.ts';

const memberCount = fc.integer({ min: 2, max: 7 });

/** For each member which of three variants of the data it has, and whether it is down; the first one leads. */
const members = memberCount.chain((count) =>
  fc.array(fc.record({ variant: fc.nat(2), isDown: fc.boolean() }), { minLength: count, maxLength: count }),
);

test('what compactions left is judged as a count of hands would', async () => {
  await fc.assert(
    fc.asyncProperty(members, async (list) => {
      const cluster = await CorruptionCluster.open(list.length);
      const idOf = (at: number): bigint => BigInt(at + 1);
      list.forEach(({ variant, isDown }, at) => {
        cluster.put('a', `${variant}`, [idOf(at)]);
        if (isDown && at > 0) cluster.down.add(idOf(at));
      });
      cluster.put('b', '1');
      cluster.compact(3);
      await cluster.monitor.checkCompactHash();

      const up = list
        .map(({ variant }, at) => ({ variant, id: idOf(at) }))
        .filter(({ id }) => !cluster.down.has(id));
      const holders = (variant: number) => up.filter((member) => member.variant === variant);
      const majority = [0, 1, 2].find((variant) => holders(variant).length * 2 > list.length);
      const isSame = new Set(up.map(({ variant }) => variant)).size === 1;
      const isVerified = isSame && up.length === list.length;
      expect(cluster.monitor.verifiedRevision).toBe(isVerified ? 3 : 0);
      if (isSame) expect(cluster.alarms).toEqual([]);
      else if (majority === undefined) expect(cluster.alarms).toEqual([0n]);
      else {
        const minority = up.filter(({ variant }) => variant !== majority).map(({ id }) => id);
        expect(cluster.alarms.toSorted()).toEqual(minority.toSorted());
      }
    }),
    { numRuns: 200 },
  );
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('apply' as const), member: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('periodic' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compactHash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), member: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('down' as const), member: fc.integer({ min: 1, max: 2 }) }),
  },
);
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ key: fc.nat(3), value: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ compactBack: fc.nat(4) }) },
);

test('members that apply the same log, each at its own pace and restarted at will, are never alarmed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1 }),
      fc.array(step, { maxLength: 60 }),
      async (log, steps) => {
        const cluster = await CorruptionCluster.open(3);
        const applied = [0, 0, 0];
        const applyOne = (member: number): void => {
          const entry = log[applied[member]!];
          if (entry === undefined) return;
          applied[member]!++;
          const id = BigInt(member + 1);
          if ('key' in entry) return cluster.put(`k${entry.key}`, `${entry.value}`, [id]);
          const revision = cluster.store(id).currentRevision - entry.compactBack;
          if (revision > Math.max(0, cluster.store(id).compactedRevision)) cluster.compact(revision, [id]);
        };
        // A linearizable read: whatever any member has applied was committed, and is applied by the leader then.
        cluster.onRead = () => {
          while (applied[0]! < Math.max(...applied)) applyOne(0);
        };
        for (const one of steps) {
          if (one.kind === 'apply') applyOne(one.member);
          else if (one.kind === 'periodic') await cluster.monitor.checkPeriodic();
          else if (one.kind === 'compactHash') await cluster.monitor.checkCompactHash();
          else if (one.kind === 'restart') await cluster.restart(BigInt(one.member + 1));
          else if (!cluster.down.delete(BigInt(one.member + 1))) cluster.down.add(BigInt(one.member + 1));
          cluster.monitor.tick(0);
        }
        expect(cluster).toMatchObject({ alarms: [], inconsistencies: [] });
      },
    ),
    { numRuns: 200 },
  );
});
