import { links } from '../network-troubles.ts';
import type { Stage } from './nemesis.ts';

/**
 * Leaders that reach none, one or two of the others, and crash a moment later: entries of several terms lie on
 * some disks and not on others, as in figure 8 of the Raft paper.
 */
export async function usurp({ crew, chance, world, plan, isOver }: Stage): Promise<void> {
  const rounds = chance.count(3, 7);
  const electionMs = plan.world.replica.electionTimeoutMs ?? 1000;
  const rtt = 2 * plan.world.network.delayMs + plan.world.disk.syncMs;
  for (let round = 0; round < rounds && !isOver(); round++) {
    const deadlineMs = world.timeline.nowMs + 4 * electionMs;
    while (crew.leader() === undefined && world.timeline.nowMs < deadlineMs && !isOver()) {
      await world.timeline.sleep(1);
    }
    const leader = crew.leader();
    if (leader === undefined) continue;
    const others = chance.shuffled(crew.machines.filter((machine) => machine !== leader));
    const cut = links(
      'usurp',
      others.slice(chance.below(3)).map(({ name }): [string, string] => [leader.name, name]),
    );
    world.network.add(cut);
    await world.timeline.sleep(chance.between(0.3, 4) * rtt);
    if (chance.happens(0.8)) leader.crash(chance.pick(['process', 'power'] as const));
    else await world.timeline.sleep(electionMs * chance.between(0.5, 2));
    world.network.remove(cut);
  }
}
