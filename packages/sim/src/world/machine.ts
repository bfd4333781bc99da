import type { Replica, ReplicaOptions, ReplicaObserver } from '@quorate/replica';
import { MemoryDisk } from '@quorate/wal/testing';
import type { Chance } from './chance.ts';
import type { DiskTroubles } from './disk-troubles.ts';
import { SimBackend } from './sim-backend.ts';
import { SimDisk } from './sim-disk.ts';
import { SimNetwork, type SnapshotRates } from './sim-network.ts';
import { SimProcess, type ClockError } from './process.ts';
import { StoredBackend } from './stored-backend.ts';
import { newEndpoint, type Endpoint, type Wires } from './wires.ts';

/** What ends with a process: only the process, or all that the machine had in memory. */
export type CrashKind = 'process' | 'power';

/** A crash that waits for the process to reach a place in the code. */
export interface CrashPlan {
  /** Points that begin with this count. */
  readonly point: string;
  /** At the n-th such point, from 1. */
  countdown: number;
  readonly kind: CrashKind;
}

/** How a member is told to start: as `ReplicaOptions` has it. */
export type BootOptions = Pick<
  ReplicaOptions,
  'initialCluster' | 'initialClusterState' | 'runningCluster' | 'advertisePeerUrls'
>;

/** What a machine is doing. `refused`: its member does not start any more. */
export type MachineState = 'down' | 'starting' | 'up' | 'refused';

/** Told of what happens to the members of a simulation. */
export interface MachineListener {
  /** The member is about to crash at a point where a crash was planned. */
  onPlannedCrash(machine: Machine, point: string): void;
  onUp(machine: Machine, replica: Replica): void;
  onDown(machine: Machine, kind: CrashKind): void;
  /** A process gets no time any more. */
  onPaused(machine: Machine): void;
  /** A process that was paused is about to go on. */
  onResumed(machine: Machine): void;
  /** A member did not start. */
  onRefused(machine: Machine, error: unknown): void;
  /** A member found that it cannot go on. */
  onFatal(machine: Machine, error: unknown): void;
  observer(machine: Machine): ReplicaObserver;
}

export interface MachineOptions {
  readonly name: string;
  readonly wires: Wires;
  readonly chance: Chance;
  readonly clockError: ClockError;
  readonly troubles: DiskTroubles;
  readonly backendWriteMs: number;
  readonly snapshots: () => SnapshotRates;
  readonly listener: MachineListener;
  /** Opens a member: `Replica.open`. */
  readonly open: (options: ReplicaOptions) => Promise<Replica>;
  /** What all members of the simulation are told. */
  readonly replicaOptions: Partial<ReplicaOptions>;
  /** The same, where it is made of a process's own clock. */
  readonly processOptions: (process: SimProcess) => Partial<ReplicaOptions>;
}

/** Methods of observers take one event or nothing; which one goes with the name. */
type Tell = (event: unknown) => void;

const observerMethods = [
  ...[
    'onLogSaved',
    'onBackendWritten',
    'onLeaderChange',
    'onApplied',
    'onCompacted',
    'onSnapshot',
    'onAlarm',
  ],
  ...[
    'onLeaseExpired',
    'onLogRepaired',
    'onRemoved',
    'onSnapshotSent',
    'onSnapshotInstalled',
    'onMemberChange',
  ],
  ...['onClusterVersion', 'onCorruption', 'onImage'],
] as const satisfies readonly (keyof ReplicaObserver)[];

/** A machine: a disk and a store that outlive what runs on it, a clock, and at most one living member. */
export class Machine {
  readonly name: string;
  readonly troubles: DiskTroubles;
  readonly clockError: ClockError;
  readonly #options: MachineOptions;
  #files = new MemoryDisk();
  #stored = new StoredBackend();
  #process: SimProcess | undefined;
  #replica: Replica | undefined;
  #endpoint: Endpoint | undefined;
  #state: MachineState = 'down';
  #boot: BootOptions | undefined;
  #lives = 0;
  #wasCompacting = false;
  crashPlan: CrashPlan | undefined;

  constructor(options: MachineOptions) {
    this.name = options.name;
    this.troubles = options.troubles;
    this.clockError = options.clockError;
    this.#options = options;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** The member, once its log and store are open; undefined when it does not run. */
  get replica(): Replica | undefined {
    return this.#replica;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  get isPaused(): boolean {
    return this.#process?.isAsleep ?? false;
  }

  /** Whether the member that went last had a compaction under way. */
  get wasCompacting(): boolean {
    return this.#wasCompacting;
  }

  /** How often a member was started here. */
  get lives(): number {
    return this.#lives;
  }

  get files(): MemoryDisk {
    return this.#files;
  }

  get stored(): StoredBackend {
    return this.#stored;
  }

  /** Starts the member; with other options than the last time when they are given. */
  start(boot: BootOptions | undefined = this.#boot): void {
    if (boot === undefined) throw new Error('a machine is told how to start at least once');
    if (this.#process !== undefined) return;
    this.#boot = boot;
    this.#lives++;
    this.#state = 'starting';
    const { name, wires, chance, clockError } = this.#options;
    const process = new SimProcess({
      machine: name,
      timeline: wires.timeline,
      chance: chance.branch(`process ${this.#lives}`),
      clockError,
      onPoint: (point) => this.#onPoint(process, point),
    });
    this.#process = process;
    wires.timeline.trace.note(`${name} starts`);
    // An event of its own, so that what it begins with belongs to it.
    process.later(0, 'boot', () => {
      this.#open(process, boot).then(
        (replica) => this.#opened(process, replica),
        (error: unknown) => this.#refused(process, error),
      );
    });
  }

  /** Ends the member's life now; the disk keeps what such an end leaves. */
  crash(kind: CrashKind): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#options.wires.timeline.trace.note(`${this.name} crashes (${kind})`);
    this.#wasCompacting = this.#replica?.state.store.hasCompaction === true;
    this.#end();
    process.kill();
    if (kind === 'power') {
      const chance = this.#options.chance.branch(`power ${this.#lives}`);
      this.#files = this.#files.crash(
        chance.happens(0.15) ? { keep: 'none' } : { keep: 'random', random: chance },
      );
      this.#stored.losePower(chance);
    } else {
      this.#stored.loseProcess();
    }
    this.#options.listener.onDown(this, kind);
  }

  /** The system gives the process no time until `resume`. */
  pause(): void {
    if (this.#process === undefined || this.isPaused) return;
    this.#process.pause();
    this.#options.listener.onPaused(this);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.#options.listener.onResumed(this);
    this.#process?.resume();
  }

  /** The member stops in order, as on a signal; `done` is called when it has. */
  stop(done: () => void): void {
    const { process } = this;
    const replica = this.#replica;
    if (process === undefined || replica === undefined) return done();
    this.#options.wires.timeline.trace.note(`${this.name} stops`);
    process.later(0, 'stop', () => {
      void replica.close().then(
        () => {
          this.crash('process');
          done();
        },
        (error: unknown) => this.#options.listener.onFatal(this, error),
      );
    });
  }

  /** Throws away disk and store, as if the machine were new. */
  wipe(): void {
    if (this.#process !== undefined) throw new Error('only a machine that is down is wiped');
    this.#files = new MemoryDisk();
    this.#stored = new StoredBackend();
    this.#state = 'down';
  }

  #end(): void {
    if (this.#endpoint !== undefined) this.#options.wires.detach(this.#endpoint);
    this.#endpoint = undefined;
    this.#process = undefined;
    this.#replica = undefined;
    this.#state = 'down';
    this.crashPlan = undefined;
  }

  #open(process: SimProcess, boot: BootOptions): Promise<Replica> {
    const { name, wires, chance, troubles, backendWriteMs, snapshots, open } = this.#options;
    const { replicaOptions, processOptions } = this.#options;
    const mine = chance.branch(`life ${this.#lives}`);
    return open({
      serverVersion: '3.6.14',
      clusterToken: 'simulation',
      clientUrls: [`http://${name}:2379`],
      ...replicaOptions,
      ...processOptions(process),
      ...boot,
      name,
      walDir: '/data/member/wal',
      disk: new SimDisk({ files: this.#files, process, troubles, chance: mine.branch('disk') }),
      backend: new SimBackend({
        ...{ stored: this.#stored, process, chance: mine.branch('backend') },
        writeMs: backendWriteMs,
      }),
      clock: process,
      random: mine.branch('random'),
      network: (host) => {
        const endpoint = newEndpoint({ machine: name, process, host });
        this.#endpoint = endpoint;
        wires.attach(endpoint);
        return new SimNetwork(wires, endpoint, snapshots);
      },
      observer: this.#observer(process),
    });
  }

  /** Passes on what a living member tells; each is a place where it may die. */
  #observer(process: SimProcess): ReplicaObserver {
    const told = this.#options.listener.observer(this) as Record<string, Tell | undefined>;
    const observer: Record<string, Tell> = {};
    for (const name of observerMethods) {
      observer[name] = (event) => {
        if (process.isGone) return;
        told[name]?.(event);
        process.reach(`observer.${name}`);
      };
    }
    return {
      ...observer,
      onFatal: (error) => {
        if (!process.isGone) this.#options.listener.onFatal(this, error);
      },
    };
  }

  #opened(process: SimProcess, replica: Replica): void {
    if (process.isGone) return;
    this.#replica = replica;
    this.#state = 'up';
    // Rejected when the member stops before it was ready, which is seen elsewhere.
    replica.ready.catch(() => {});
    this.#options.listener.onUp(this, replica);
  }

  #refused(process: SimProcess, error: unknown): void {
    if (process.isGone) return;
    this.#options.wires.timeline.trace.note(`${this.name} does not start: ${String(error)}`);
    this.#end();
    process.kill();
    this.#state = 'refused';
    this.#options.listener.onRefused(this, error);
  }

  #onPoint(process: SimProcess, point: string): void {
    if (process !== this.#process) return;
    const plan = this.crashPlan;
    if (plan === undefined || !point.startsWith(plan.point) || --plan.countdown > 0) return;
    this.#options.wires.timeline.trace.note(`${this.name} is at ${point}`);
    this.#options.listener.onPlannedCrash(this, point);
    this.crash(plan.kind);
  }
}
