import type { Operation, Request } from '../../history/types.ts';
import type { Chance } from '../chance.ts';
import type { Machine } from '../machine.ts';
import type { WorkloadPlan } from '../swarm.ts';
import type { Caller } from './caller.ts';
import type { SharedKnowledge } from './shared-knowledge.ts';
import { drawRequest } from './draw-request.ts';

export interface WorkerOptions {
  readonly caller: Caller;
  readonly chance: Chance;
  readonly plan: WorkloadPlan;
  readonly knowledge: SharedKnowledge;
  /** Machines that a client may speak with now. */
  readonly machines: () => readonly Machine[];
  readonly sleep: (ms: number) => Promise<void>;
  readonly isOver: () => boolean;
}

/** A client that does one thing after the other until it is told that the day is over. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { caller, chance, plan, knowledge, machines, sleep, isOver } = options;
  const think = chance.branch('think');
  const requests = chance.branch('requests');
  const ways = chance.branch('ways');
  let machine = ways.pick(machines());
  for (let count = 0; !isOver(); count++) {
    await sleep(think.wait(plan.thinkMs));
    if (isOver()) return;
    const request: Request = drawRequest(requests, plan, knowledge, `${caller.id}.${count}`);
    const operation = await caller.call(machine, request, { timeoutMs: plan.timeoutMs });
    knowledge.learn(operation);
    if (hasFailed(operation) || ways.happens(plan.wandering)) machine = ways.pick(machines());
  }
}

function hasFailed({ outcome }: Operation): boolean {
  return outcome.kind === 'unknown' || (outcome.kind === 'refused' && outcome.code === 'other');
}
