import type { Stage } from './nemesis.ts';

/** Many leases that run out at the same moment, with keys on them. */
export async function leaseStorm({ crew, chance, world, storm, knowledge, isOver }: Stage): Promise<void> {
  const count = chance.count(5, 40);
  const ttlSeconds = chance.count(1, 3);
  const machine = chance.pick(crew.members);
  world.tally.note('lease storm');
  const timeoutMs = 2_000;
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const id = knowledge.newLeaseId();
      const granted = await storm.call(machine, { kind: 'leaseGrant', id, ttlSeconds }, { timeoutMs });
      if (granted.outcome.kind !== 'ok' || isOver()) return;
      const key = `k${String(i % 20).padStart(2, '0')}`;
      await storm.call(machine, { kind: 'put', key, value: `storm ${id}`, lease: id }, { timeoutMs });
    }),
  );
}
