import { UnsignedTokens } from '@quorate/credentials/testing';
import type { Replica, ReplicaObserver, ReplicaOptions } from '@quorate/replica';
import { Replica as ReplicaClass } from '@quorate/replica';
import { Chance } from './chance.ts';
import { Counters, Caller } from './clients/caller.ts';
import { DiskTroubles, type DiskFaultRates } from './disk-troubles.ts';
import { runGuarded, unguarded } from './guards.ts';
import { Machine, type BootOptions, type MachineListener } from './machine.ts';
import { NetworkTroubles, type NetworkRates } from './network-troubles.ts';
import { ProcessGoneError, SimProcess } from './process.ts';
import type { SnapshotRates } from './sim-network.ts';
import { Tally } from './tally.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';
import { Wires } from './wires.ts';

/** The physics of a simulation: how good its machines and its network are. */
export interface WorldOptions {
  readonly seed: number;
  readonly network: NetworkRates;
  readonly disk: { readonly rates: DiskFaultRates; readonly writeMs: number; readonly syncMs: number };
  readonly backendWriteMs: number;
  readonly snapshots: SnapshotRates;
  /** Clocks run wrong by up to this share, each its own. */
  readonly clockDrift: number;
  /** What all members are told. */
  readonly replica: Partial<ReplicaOptions>;
  /** Members give out tokens that are signed, rather than simple ones. */
  readonly signsTokens?: boolean;
  /** Clients ask for a renewal that needs nobody's answer, before they ask for one that does. */
  readonly renewsAtOnce?: boolean;
  /** Sees every event, for a look at a run. */
  readonly onLine?: (line: string) => void;
}

/** Told of what goes on; every method may be left out. */
export interface WorldListener extends Partial<Omit<MachineListener, 'observer'>> {
  observer?(machine: Machine): ReplicaObserver;
  /** An event of this machine, and all that it caused, is over. */
  onSettled?(machine: Machine): void;
}

/** Machines, a network between them, and virtual time: all of it from one seed. */
export class World {
  readonly chance: Chance;
  readonly timeline: Timeline;
  readonly network: NetworkTroubles;
  readonly wires: Wires;
  readonly tally = new Tally();
  readonly counters = new Counters();
  readonly #options: WorldOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #listeners: WorldListener[] = [];
  #callers = 0;
  snapshots: SnapshotRates;

  constructor(options: WorldOptions) {
    const { onLine } = options;
    this.#options = options;
    this.chance = new Chance(options.seed);
    this.snapshots = options.snapshots;
    this.timeline = new Timeline(
      this.chance.branch('order'),
      new Trace(onLine && ((line) => unguarded(() => onLine(line)))),
    );
    const network = this.chance.branch('network');
    this.network = new NetworkTroubles(network.branch('troubles'), options.network);
    this.wires = new Wires(this.timeline, this.network, network.branch('wires'));
    this.timeline.onSettled = (lane) => {
      if (!(lane instanceof SimProcess) || lane.isGone) return;
      const machine = this.machine(lane.machine);
      for (const listener of this.#listeners) listener.onSettled?.(machine);
    };
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  listen(listener: WorldListener): void {
    this.#listeners.push(listener);
  }

  machine(name: string): Machine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  /** A new machine, with an empty disk, that nothing runs on yet. */
  addMachine(name: string): Machine {
    const { disk, backendWriteMs, clockDrift, replica, signsTokens = false } = this.#options;
    const chance = this.chance.branch(`machine ${name}`);
    const machine = new Machine({
      ...{ name, wires: this.wires, chance, backendWriteMs, replicaOptions: replica },
      clockError: {
        rate: 1 + chance.between(-clockDrift, clockDrift),
        startMs: chance.between(0, 1e7),
        wallOffsetMs: chance.between(-100, 100),
      },
      troubles: new DiskTroubles(chance.branch('troubles'), disk),
      snapshots: () => this.snapshots,
      processOptions: (clock) => (signsTokens ? { tokens: new UnsignedTokens({ clock }) } : {}),
      listener: this.#relay(),
      open: (options) => ReplicaClass.open(options),
    });
    this.#machines.set(name, machine);
    return machine;
  }

  /** A client with connections of its own. */
  addCaller(): Caller {
    const asksAtOnce = this.#options.renewsAtOnce ?? false;
    return new Caller({ id: this.#callers++, wires: this.wires, counters: this.counters, asksAtOnce });
  }

  /**
   * Runs `work`, whose promises are of this world, to its end. Whatever reaches for the real world meanwhile, or
   * rejects without being heard, fails the run.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { timeline } = this;
    let outcome: { readonly value: T } | undefined;
    const onUnhandled = (error: unknown): void => {
      // Code of a process that has died may run on to its next await.
      if (!(error instanceof ProcessGoneError)) timeline.fail(error);
    };
    process.on('unhandledRejection', onUnhandled);
    try {
      await runGuarded(
        (error) => timeline.fail(error),
        async () => {
          work().then(
            (value) => (outcome = { value }),
            (error: unknown) => timeline.fail(error),
          );
          await timeline.runUntil(() => outcome !== undefined);
        },
      );
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
    // The loop above ends with a value or throws.
    return outcome!.value;
  }

  #relay(): MachineListener {
    const all = this.#listeners;
    return {
      onPlannedCrash: (machine, point) =>
        all.forEach((listener) => listener.onPlannedCrash?.(machine, point)),
      onUp: (machine, replica) => all.forEach((listener) => listener.onUp?.(machine, replica)),
      onDown: (machine, kind) => all.forEach((listener) => listener.onDown?.(machine, kind)),
      onPaused: (machine) => all.forEach((listener) => listener.onPaused?.(machine)),
      onResumed: (machine) => all.forEach((listener) => listener.onResumed?.(machine)),
      onRefused: (machine, error) => all.forEach((listener) => listener.onRefused?.(machine, error)),
      onFatal: (machine, error) => all.forEach((listener) => listener.onFatal?.(machine, error)),
      observer: (machine) => mergeObservers(all.flatMap((listener) => listener.observer?.(machine) ?? [])),
    };
  }
}

/** One observer that tells all of them. */
function mergeObservers(observers: readonly ReplicaObserver[]): ReplicaObserver {
  const names = new Set(observers.flatMap((observer) => Object.keys(observer)));
  const merged: Record<string, (event: unknown) => void> = {};
  for (const name of names) {
    merged[name] = (event) => {
      // Methods of observers take one event or nothing; which one goes with the name.
      const tell = (observer: ReplicaObserver): void =>
        (observer as Record<string, ((event: unknown) => void) | undefined>)[name]?.(event);
      observers.forEach(tell);
    };
  }
  return merged;
}

/** `name=url` pairs for members on these machines. */
export function initialCluster(names: readonly string[]): string {
  return names.map((name) => `${name}=http://${name}:2380`).join();
}

/** How the first members of a new cluster start. */
export function newCluster(names: readonly string[]): BootOptions {
  return { initialCluster: initialCluster(names) };
}

export type { Machine, Replica };
