import type { ReplicaOptions } from '@quorate/replica';
import type { Clock } from '@quorate/std';
import { checkEvidence } from './check-evidence.ts';
import { SimulatedClient } from './simulated-client.ts';
import type { Caller } from './world/clients/caller.ts';
import { SharedKnowledge } from './world/clients/shared-knowledge.ts';
import { Crew } from './world/crew.ts';
import { FaultAtlas } from './world/faults/atlas.ts';
import { unleash } from './world/faults/nemesis.ts';
import { Judge } from './world/judge.ts';
import type { CrashKind } from './world/machine.ts';
import { split, type Partition } from './world/network-troubles.ts';
import { converge, makePeace } from './world/peace.ts';
import { leaseBoundsOf } from './world/run-seed.ts';
import { drawPlan, faultKinds, type FaultKind, type Plan } from './world/swarm.ts';
import { World } from './world/world.ts';

/** The cluster to simulate, and what befalls it. */
export interface SimulationOptions {
  /** Decides everything that chance decides; the same seed gives the same run, event by event. */
  readonly seed: number;
  /** How many members the cluster has; 3 by default. */
  readonly members?: number;
  /** Faults that strike by chance, beside those that are asked for. */
  readonly faults?: readonly FaultKind[];
  /** Typical time of a message on its way, in milliseconds; 1 by default. */
  readonly delayMs?: number;
  /** Share of messages between members that are lost; none by default. */
  readonly loss?: number;
  /** How long clients wait for an answer; 5 seconds by default. */
  readonly clientTimeoutMs?: number;
  /** What the members are told beside the defaults of a test: they mark snapshots often. */
  readonly replica?: Partial<ReplicaOptions>;
  /** Sees every event. */
  readonly onLine?: (line: string) => void;
}

/**
 * A cluster of real members in this process, in virtual time, that does the same thing every time it is run with the
 * same seed: for tests of code that uses a cluster, under faults that are asked for or drawn.
 */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #judge: Judge;
  readonly #crew: Crew;
  readonly #plan: Plan;
  readonly #callers: Caller[] = [];
  #partition: Partition | undefined;
  #isOver = false;

  constructor(options: SimulationOptions) {
    const { seed, members = 3, faults = [], onLine } = options;
    this.#options = options;
    const drawn = drawPlan(seed, { members });
    this.#plan = {
      ...drawn,
      world: calmWorld(options),
      faults: Object.fromEntries(faults.map((kind) => [kind, faultKinds[kind][0]])),
    };
    this.#world = new World({ ...this.#plan.world, ...(onLine && { onLine }) });
    this.#judge = new Judge(this.#world);
    this.#crew = new Crew(this.#world, this.#world.chance.branch('crew'), new FaultAtlas(members));
  }

  /**
   * Starts the cluster and, once it has a leader, runs `work`, in which nothing may reach for real time, chance,
   * disks or sockets. Then ends all faults, waits until the members agree, and checks that what clients saw can
   * have been seen of one copy of the data.
   *
   * @throws what `work` throws; SafetyViolation, HistoryViolation, SimulationError, EscapeError
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { members = 3 } = this.#options;
    const result = await this.#world.run(async () => {
      this.#crew.found(members);
      while (this.#crew.leader()?.replica?.raftStatus.applied === undefined) await this.advance(10);
      this.#unleash(members);
      const value = await work();
      this.#isOver = true;
      makePeace(this.#world);
      await converge(this.#world, this.#crew, this.#judge);
      return value;
    });
    const operations = this.#callers.flatMap((caller) => caller.operations);
    checkEvidence({
      history: { operations },
      watches: [],
      authOperations: [],
      tally: this.#world.tally,
      judge: this.#judge,
      leaders: [],
      endedAtMs: this.#world.timeline.nowMs,
      leaseBounds: leaseBoundsOf(this.#plan.world),
    });
    return result;
  }

  /** A client; each has connections of its own. */
  client(): SimulatedClient {
    const caller = this.#world.addCaller();
    this.#callers.push(caller);
    const { clientTimeoutMs = 5_000 } = this.#options;
    return new SimulatedClient({ caller, world: this.#world, crew: this.#crew, timeoutMs: clientTimeoutMs });
  }

  /** Virtual time, for code that wants a clock. */
  get clock(): Pick<Clock, 'now' | 'after'> {
    const { timeline } = this.#world;
    return {
      now: () => timeline.nowMs,
      after: (delayMs, action) => {
        const event = timeline.after(delayMs, 'user timer', action);
        return {
          cancel: () => {
            event.action = undefined;
          },
        };
      },
    };
  }

  /** A number that is the same exactly when all went the same way. */
  get traceHash(): number {
    return this.#world.timeline.trace.hash;
  }

  /** Lets that much virtual time go by. */
  advance(ms: number): Promise<void> {
    return this.#world.timeline.sleep(ms);
  }

  /** Names of the machines that members run on: `m1`, `m2`, … */
  get members(): readonly string[] {
    return this.#crew.members.map(({ name }) => name);
  }

  /** Where the leader runs, as far as any member knows. */
  get leader(): string | undefined {
    return this.#crew.leader()?.name;
  }

  /** Cuts these machines off from all others (not from clients), until `heal`. Replaces an earlier partition. */
  partition(machines: readonly string[]): void {
    this.heal();
    this.#partition = split('asked for', machines);
    this.#world.network.add(this.#partition);
  }

  /** Takes the partition back. */
  heal(): void {
    if (this.#partition !== undefined) this.#world.network.remove(this.#partition);
    this.#partition = undefined;
  }

  /** Ends a member's process, or its machine's power: what was not synced may be gone then. It stays down. */
  crash(machine: string, kind: CrashKind = 'process'): void {
    this.#crew.repairs = false;
    this.#world.machine(machine).crash(kind);
    this.#crew.repairs = true;
  }

  /** Starts a member that is down. */
  start(machine: string): void {
    this.#world.machine(machine).start();
  }

  /** Stops a member's process, as SIGSTOP does; `resume` lets it go on. */
  pause(machine: string): void {
    this.#world.machine(machine).pause();
  }

  resume(machine: string): void {
    this.#world.machine(machine).resume();
  }

  #unleash(members: number): void {
    const storm = this.#world.addCaller();
    this.#callers.push(storm);
    unleash({
      ...{ world: this.#world, crew: this.#crew, plan: this.#plan, atlas: new FaultAtlas(members), storm },
      knowledge: new SharedKnowledge(),
      isOver: () => this.#isOver,
    });
  }
}

/** A good network, good disks, and members that mark snapshots and cut their logs often. */
function calmWorld({ seed, delayMs = 1, loss = 0, replica }: SimulationOptions): Plan['world'] {
  return {
    seed,
    network: { delayMs, loss, duplication: 0, reordering: 0 },
    disk: { rates: { syncEio: 0, writeEio: 0, readEio: 0 }, writeMs: 0.05, syncMs: 1 },
    backendWriteMs: 0.3,
    snapshots: { breaks: 0, stalls: 0, stallMs: 0 },
    clockDrift: 0.001,
    replica: { snapshotCount: 100, snapshotCatchUpEntries: 50, segmentSizeBytes: 32 * 1024, ...replica },
  };
}
