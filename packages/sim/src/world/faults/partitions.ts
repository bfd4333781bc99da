import type { Chance } from '../chance.ts';
import { links, oneWay, split, type Partition } from '../network-troubles.ts';
import type { Stage } from './nemesis.ts';

/** Draws a partition: halves, one alone, the leader alone, one-way, a ring, a bridge, single links. */
export function drawPartition(
  names: readonly string[],
  leader: string | undefined,
  chance: Chance,
): Partition {
  const order = chance.shuffled(names);
  const one = leader !== undefined && chance.happens(0.5) ? leader : order[0]!;
  switch (chance.below(7)) {
    case 0:
      return split('halves', order.slice(0, Math.floor(order.length / 2)));
    case 1:
      return split('alone', [one]);
    case 2:
      return oneWay('mute', [one]);
    case 3:
      return oneWay(
        'deaf',
        names.filter((name) => name !== one),
      );
    case 4:
      return links('ring', ringCuts(order));
    case 5:
      return links('bridge', bridgeCuts(order));
    default:
      return links(
        'links',
        allPairs(order).filter(() => chance.happens(0.4)),
      );
  }
}

/** A partition that lasts for a while. */
export async function partition({ crew, chance, world, isOver }: Stage): Promise<void> {
  const names = crew.machines.map(({ name }) => name);
  const cut = drawPartition(names, crew.leader()?.name, chance);
  world.timeline.trace.note(`partition: ${cut.name}`);
  world.tally.note(`partition: ${cut.name}`);
  world.network.add(cut);
  const endMs = world.timeline.nowMs + chance.magnitude(100, 6000);
  while (world.timeline.nowMs < endMs && !isOver()) await world.timeline.sleep(100);
  world.network.remove(cut);
}

/** Partitions that come and go faster than anybody can adapt to. */
export async function flap({ crew, chance, world, isOver }: Stage): Promise<void> {
  const rounds = chance.count(3, 15);
  const names = crew.machines.map(({ name }) => name);
  const cut = drawPartition(names, crew.leader()?.name, chance);
  for (let round = 0; round < rounds && !isOver(); round++) {
    world.network.add(cut);
    await world.timeline.sleep(chance.between(50, 500));
    world.network.remove(cut);
    await world.timeline.sleep(chance.between(50, 500));
  }
}

/** Each machine reaches only its neighbours: all see a majority of three, no two the same one. */
function ringCuts(order: readonly string[]): [string, string][] {
  return allPairs(order).filter(([a, b]) => {
    const distance = Math.abs(order.indexOf(a) - order.indexOf(b));
    return distance !== 1 && distance !== order.length - 1;
  });
}

/** Two groups that see each other through one machine only. */
function bridgeCuts(order: readonly string[]): [string, string][] {
  const others = order.slice(1);
  const half = Math.floor(others.length / 2);
  return allPairs(others).filter(([a, b]) => others.indexOf(a) < half !== others.indexOf(b) < half);
}

function allPairs(names: readonly string[]): [string, string][] {
  return names.flatMap((a, at) => names.slice(at + 1).map((b): [string, string] => [a, b]));
}
