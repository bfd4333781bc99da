import type { AuthOperation, AuthSnapshot } from '../history/auth.ts';
import type { History, LeaderPeriod, WatchHistory } from '../history/types.ts';
import { findCanary } from './auth/find-canary.ts';
import { Population } from './auth/population.ts';
import { authSnapshotOf } from './clients/auth-from-wire.ts';
import { SharedKnowledge } from './clients/shared-knowledge.ts';
import { SimWatcher } from './clients/watcher.ts';
import { runWorker, type WorkerOptions } from './clients/worker.ts';
import type { Caller } from './clients/caller.ts';
import { drawWatch } from './clients/draw-watch.ts';
import { Crew } from './crew.ts';
import { FaultAtlas } from './faults/atlas.ts';
import { unleash } from './faults/nemesis.ts';
import { Judge } from './judge.ts';
import { converge, makePeace } from './peace.ts';
import { countRareStates } from './rare-states.ts';
import type { Plan } from './swarm.ts';
import type { Tally } from './tally.ts';
import { World } from './world.ts';

/** Longer than anything is on its way. */
const settledMs = 5_000;

/** The longest TTL of the workload, an election timeout that a new leader adds, and time to revoke. */
const leasesGoneMs = 12_000;

/** How long clients go on when faults are over, where there are users. */
const peaceMs = 2_000;

/** What a seed came to. */
export interface SeedReport {
  readonly seed: number;
  readonly hash: number;
  readonly events: number;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly tally: Tally;
  readonly error: Error | undefined;
  /** The last lines of what happened. */
  readonly recent: readonly string[];
}

/** All that clients saw and members applied, for the checkers. */
export interface Evidence {
  readonly history: History;
  readonly watches: readonly WatchHistory[];
  /** Calls about users. */
  readonly authOperations: readonly AuthOperation[];
  /** Users and roles that the members agree on at the end; left out where there are none. */
  readonly authState?: AuthSnapshot;
  readonly judge: Judge;
  readonly tally: Tally;
  readonly leaders: readonly LeaderPeriod[];
  readonly endedAtMs: number;
  readonly leaseBounds: {
    readonly clockRate: number;
    readonly electionTimeoutMs: number;
    readonly lateMs: number;
  };
}

export interface RunSeedOptions {
  readonly onLine?: (line: string) => void;
  /** Looks at what was written down, after a run without violations; throws when it finds one. */
  readonly check?: (evidence: Evidence) => void;
}

/** Runs one seed: faults and clients together, then peace, convergence, and the checkers. Never rejects. */
export async function runSeed(plan: Plan, options: RunSeedOptions = {}): Promise<SeedReport> {
  const { onLine } = options;
  const world = new World({ ...plan.world, ...(onLine && { onLine }) });
  const run = new SeedRun(world, plan);
  let error: Error | undefined;
  try {
    const evidence = await world.run(() => run.go());
    options.check?.(evidence);
  } catch (cause) {
    error = cause instanceof Error ? cause : new Error(String(cause));
  }
  const { trace, nowMs } = world.timeline;
  return {
    ...{ seed: plan.seed, hash: trace.hash, events: trace.events, simulatedMs: nowMs, error },
    ...{ operations: run.operationCount, tally: world.tally, recent: trace.recent },
  };
}

class SeedRun {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #judge: Judge;
  readonly #crew: Crew;
  readonly #atlas: FaultAtlas;
  readonly #population: Population | undefined;
  readonly #callers: Caller[] = [];
  readonly #watchers: SimWatcher[] = [];
  #isFaultTime = true;
  #isWorkTime = true;

  constructor(world: World, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
    this.#judge = new Judge(world);
    this.#atlas = new FaultAtlas(plan.members);
    this.#crew = new Crew(world, world.chance.branch('crew'), this.#atlas);
    const { auth } = plan;
    this.#population = auth && new Population(world, this.#judge, { plan, auth });
    if (this.#population !== undefined) this.#callers.push(this.#population.registrarCaller);
    countRareStates(world, this.#crew);
  }

  get operationCount(): number {
    const countOf = ({ operations, authOperations }: Caller): number =>
      operations.length + authOperations.length;
    return this.#callers.reduce((sum, caller) => sum + countOf(caller), 0);
  }

  async go(): Promise<Evidence> {
    const { timeline } = this.#world;
    this.#crew.found(this.#plan.members);
    const knowledge = new SharedKnowledge();
    const work = this.#startClients(knowledge);
    const storm = this.#world.addCaller();
    this.#callers.push(storm);
    this.#population?.become(storm, 'root');
    unleash({
      ...{ world: this.#world, crew: this.#crew, plan: this.#plan, atlas: this.#atlas, storm, knowledge },
      isOver: () => !this.#isFaultTime,
    });
    await timeline.sleep(this.#plan.durationMs);
    this.#isFaultTime = false;
    makePeace(this.#world);
    await timeline.sleep(500);
    this.#isWorkTime = false;
    await Promise.all(work);
    if (this.#population !== undefined) await this.#workInPeace(knowledge, this.#population);
    const revision = await converge(this.#world, this.#crew, this.#judge);
    const term = this.#termOfLeader();
    const from = timeline.nowMs;
    // What was applied is on its way to watchers, and leases that nobody renews have to run out.
    await timeline.sleep(this.#plan.workload.leases > 0 ? leasesGoneMs : settledMs);
    if (this.#population !== undefined) await findCanary(this.#world.machines);
    // A leader may lose its office in peace, too: messages are late now and then.
    const stayed = this.#termOfLeader() === term;
    return this.#evidence(revision, stayed ? [{ term, from, until: Infinity }] : []);
  }

  /** Clients go on for a while when all is well: what was revoked must be so everywhere within a second. */
  async #workInPeace(knowledge: SharedKnowledge, { witness, registrar }: Population): Promise<void> {
    const { timeline } = this.#world;
    await converge(this.#world, this.#crew, this.#judge);
    witness.calmSinceMs = timeline.nowMs;
    this.#isWorkTime = true;
    const work = [...this.#startWorkers(knowledge, 'worker in peace'), registrar.work(this.#client())];
    await timeline.sleep(peaceMs);
    this.#isWorkTime = false;
    await Promise.all(work);
  }

  #startClients(knowledge: SharedKnowledge): Promise<void>[] {
    const world = this.#world;
    const { workload } = this.#plan;
    const population = this.#population;
    const { machines, isOver, sleep } = this.#client();
    for (let i = 0; i < workload.watchers; i++) {
      const chance = world.chance.branch(`watcher ${i}`);
      const request = drawWatch(chance, workload);
      const caller = population && this.#newCaller();
      const watcher = new SimWatcher({
        ...{ id: i, client: 100 + i, wires: world.wires, chance, request, machines, isOver },
        ...(caller !== undefined && { caller }),
        restlessMs: chance.magnitude(500, 60_000),
      });
      this.#watchers.push(watcher);
      world.timeline.after(chance.between(0, 2000), 'watcher', () => watcher.run());
    }
    const workers = this.#startWorkers(knowledge, 'worker');
    if (population === undefined) return workers;
    return [...workers, population.registrar.run({ machines, isOver, sleep })];
  }

  #startWorkers(knowledge: SharedKnowledge, name: string): Promise<void>[] {
    const plan = this.#plan.workload;
    return Array.from({ length: plan.workers }, (_, i) => {
      const caller = this.#newCaller();
      const chance = this.#world.chance.branch(`${name} ${i}`);
      return runWorker({ caller, chance, plan, knowledge, ...this.#client() });
    });
  }

  /** What every client lives by. */
  #client(): Pick<WorkerOptions, 'machines' | 'sleep' | 'isOver'> {
    return {
      machines: () => this.#crew.members,
      sleep: (ms) => this.#world.timeline.sleep(ms),
      isOver: () => !this.#isWorkTime,
    };
  }

  #newCaller(): Caller {
    const caller = this.#world.addCaller();
    this.#callers.push(caller);
    this.#population?.enroll(caller);
    return caller;
  }

  #termOfLeader(): number {
    return this.#crew.leader()?.replica?.raft.term ?? 0;
  }

  #evidence(revision: number, leaders: readonly LeaderPeriod[]): Evidence {
    const operations = this.#callers.flatMap((caller) => caller.operations);
    const replica = this.#population && this.#crew.leader()?.replica;
    const authState = replica && authSnapshotOf(replica);
    return {
      history: { operations },
      authOperations: this.#callers.flatMap((caller) => caller.authOperations),
      ...(authState !== undefined && { authState }),
      tally: this.#world.tally,
      watches: this.#watchers.map((watcher) => watcher.history(revision)),
      judge: this.#judge,
      leaders,
      endedAtMs: this.#world.timeline.nowMs,
      leaseBounds: leaseBoundsOf(this.#plan.world),
    };
  }
}

/** A round of looking for expired leases, the revocation of a storm of them, and a disk that takes a second once. */
const lateMs = 6_000;

/** By how much the members of a world may be off with the times of leases. */
export function leaseBoundsOf({ clockDrift, replica }: Plan['world']): Evidence['leaseBounds'] {
  return { clockRate: clockDrift, electionTimeoutMs: replica.electionTimeoutMs ?? 1000, lateMs };
}
