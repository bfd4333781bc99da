import type { Chance } from '../chance.ts';
import type { Caller } from '../clients/caller.ts';
import type { SharedKnowledge } from '../clients/shared-knowledge.ts';
import type { Crew } from '../crew.ts';
import type { FaultKind, Plan } from '../swarm.ts';
import type { World } from '../world.ts';
import type { FaultAtlas } from './atlas.ts';
import { strikes } from './strikes.ts';

/** What a fault may use: the world, the crew, and chance of its own. */
export interface Stage {
  readonly world: World;
  readonly crew: Crew;
  readonly chance: Chance;
  readonly plan: Plan;
  readonly atlas: FaultAtlas;
  /** A client for faults that are made of requests. */
  readonly storm: Caller;
  readonly knowledge: SharedKnowledge;
  /** Whether faults are over: what goes on for a while ends then. */
  readonly isOver: () => boolean;
}

/** Lets the faults of a plan strike, each at its own rate and with its own chance, until it is over. */
export function unleash(options: Omit<Stage, 'chance'>): void {
  const { world, plan } = options;
  for (const [name, meanMs] of Object.entries(plan.faults)) {
    const chance = world.chance.branch(`fault ${name}`);
    // The keys of `faults` are kinds of faults.
    void haunt({ ...options, chance: chance.branch('what') }, name as FaultKind, {
      meanMs,
      when: chance.branch('when'),
    });
  }
}

async function haunt(
  stage: Stage,
  kind: FaultKind,
  { meanMs, when }: { readonly meanMs: number; readonly when: Chance },
): Promise<void> {
  const { world, isOver } = stage;
  for (;;) {
    await world.timeline.sleep(when.wait(meanMs));
    if (isOver()) return;
    world.tally.note(`fault: ${kind}`);
    await strikes[kind](stage);
  }
}
