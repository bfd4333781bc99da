import { DiskError } from '@quorate/wal';
import type { Caller } from './clients/caller.ts';
import type { Chance } from './chance.ts';
import type { FaultAtlas } from './faults/atlas.ts';
import type { Machine } from './machine.ts';
import { initialCluster, newCluster, type World } from './world.ts';

/** Administrators wait so long for an answer. */
const adminTimeoutMs = 6_000;

/** What the crew thinks of a machine: a `member` comes back after every crash, the others do not. */
export type Duty = 'member' | 'joining' | 'retired';

/**
 * The operators of a cluster: start what went down, add and remove members, replace what is beyond repair. They
 * act on what they know, which may be old, as operators do.
 */
export class Crew {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #duties = new Map<string, Duty>();
  readonly #admin: Caller;
  readonly #atlas: FaultAtlas | undefined;
  /** Machines that are beyond repair and not yet replaced. */
  readonly #lost = new Set<Machine>();
  #nextName = 1;
  #isBusy = false;
  /** Whether crashed machines come back by themselves; false while somebody wants them down. */
  repairs = true;

  constructor(world: World, chance: Chance, atlas?: FaultAtlas) {
    this.#world = world;
    this.#chance = chance;
    this.#atlas = atlas;
    this.#admin = world.addCaller();
    world.listen({
      onDown: (machine) => this.#onDown(machine),
      onRefused: (machine, error) => this.#onRefused(machine, error),
      onFatal: (machine, error) => this.#onFatal(machine, error),
      observer: (machine) => ({ onRemoved: () => this.#onRemoved(machine) }),
    });
  }

  /** Machines that are, or shall become, members. */
  get machines(): readonly Machine[] {
    return this.#world.machines.filter(({ name }) => this.#duties.get(name) !== 'retired');
  }

  /** Machines that clients may be told of: members for all that is known. */
  get members(): readonly Machine[] {
    return this.#world.machines.filter(({ name }) => this.#duties.get(name) === 'member');
  }

  /** Whether a change of the membership is under way. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Starts a new cluster. */
  found(count: number): void {
    const names = Array.from({ length: count }, () => this.#newName());
    for (const name of names) {
      this.#duties.set(name, 'member');
      this.#world.addMachine(name).start(newCluster(names));
    }
  }

  /** The machine that leads with the highest term, if any does. */
  leader(): Machine | undefined {
    const leaders = this.machines.filter(({ replica }) => replica?.isLeader === true);
    return leaders.sort((a, b) => b.replica!.raft.term - a.replica!.raft.term)[0];
  }

  /** Does one change of the membership, or gives it up; never two at a time. */
  async changeMembers(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const dice = this.#chance.below(10);
      const learners = this.members.filter(({ replica }) => replica?.isLearner === true);
      if (learners.length > 0 && dice < 5) await this.#promote(this.#chance.pick(learners));
      else if (dice < 7 && this.members.length < 6) await this.#add({ isLearner: this.#chance.happens(0.7) });
      else if (this.members.length > 2) await this.#remove(this.#chance.pick(this.members));
    } finally {
      this.#isBusy = false;
    }
  }

  /** The machine does not come back: sooner or later its member is replaced by one on a new machine. */
  giveUp(machine: Machine): void {
    if (this.#lost.has(machine)) return;
    this.#lost.add(machine);
    this.#duties.set(machine.name, 'retired');
    this.#world.timeline.after(this.#chance.wait(2_000), 'replace', () => void this.#replaceLost());
  }

  /** In peace: lost machines are replaced, strangers sent home, and forgotten members started. */
  async tidyUp(): Promise<void> {
    if (this.#isBusy) return;
    if (this.#lost.size > 0 && this.leader() !== undefined) await this.#replaceLost();
    else this.#matchDuties();
  }

  async #replaceLost(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (const machine of [...this.#lost]) {
        if (!(await this.#remove(machine))) continue;
        this.#lost.delete(machine);
        this.#world.tally.note('lost member replaced');
        await this.#add({ isLearner: this.#chance.happens(0.7) });
      }
    } finally {
      this.#isBusy = false;
    }
  }

  /** Starts every member that is down. */
  startAll(): void {
    for (const machine of this.machines) if (machine.process === undefined) machine.start();
  }

  /**
   * Machines that the cluster does not know any more go off duty; those whose member was added without anybody
   * hearing of it go on. The best informed member knows, even while there is no leader.
   */
  #matchDuties(): void {
    const informed = this.machines
      .filter(({ replica }) => (replica?.raftStatus.applied ?? 0) > 0)
      .sort((a, b) => b.replica!.raftStatus.applied - a.replica!.raftStatus.applied)[0];
    if (informed === undefined) return;
    const urls = new Set(informed.replica!.state.membership.list().flatMap(({ peerUrls }) => peerUrls));
    // A cluster without members is none: what says so is no news.
    if (urls.size === 0) return;
    for (const machine of this.#world.machines) {
      const isKnown = urls.has(urlOf(machine.name));
      const isOnDuty = this.#duties.get(machine.name) !== 'retired';
      if (isOnDuty && !isKnown) this.#retire(machine);
      else if (!isOnDuty && isKnown && !this.#lost.has(machine)) this.#join(machine, informed);
    }
  }

  async #add({ isLearner }: { readonly isLearner: boolean }): Promise<void> {
    const name = this.#newName();
    const machine = this.#world.addMachine(name);
    this.#duties.set(name, 'retired');
    const via = this.#chance.pick(this.members);
    this.#world.timeline.trace.note(`add ${name}${isLearner ? ' as learner' : ''} through ${via.name}`);
    const reply = await this.#admin.ask(
      via,
      (replica) => replica.cluster.add({ peerURLs: [urlOf(name)], isLearner }),
      { timeoutMs: adminTimeoutMs },
    );
    this.#world.timeline.trace.note(`add ${name}: ${reply.kind}`);
    if (reply.kind !== 'answer') return;
    this.#world.tally.note(isLearner ? 'learner added' : 'voter added');
    this.#join(machine, via);
    if (isLearner && this.#chance.happens(0.8)) this.#promoteLater(machine, 12);
  }

  /** A learner is promoted once it has caught up; until then the leader refuses. */
  #promoteLater(machine: Machine, tries: number): void {
    this.#world.timeline.after(this.#chance.between(100, 800), 'promote', () => {
      if (tries <= 0 || this.#duties.get(machine.name) !== 'member') return;
      if (machine.replica !== undefined && !machine.replica.isLearner) return;
      if (this.#isBusy) return this.#promoteLater(machine, tries - 1);
      this.#isBusy = true;
      void this.#promote(machine).then(() => {
        this.#isBusy = false;
        this.#promoteLater(machine, tries - 1);
      });
    });
  }

  async #promote(machine: Machine): Promise<void> {
    const id = machine.replica?.id;
    if (id === undefined) return;
    const via = this.#chance.pick(this.members);
    const reply = await this.#admin.ask(via, (replica) => replica.cluster.promote({ ID: id }), {
      timeoutMs: adminTimeoutMs,
    });
    this.#world.timeline.trace.note(`promote ${machine.name}: ${reply.kind}`);
    if (reply.kind === 'answer') this.#world.tally.note('learner promoted');
  }

  /** Whether the cluster agreed. */
  async #remove(machine: Machine): Promise<boolean> {
    // Not through itself: it would take the knowledge of its removal with it.
    const others = this.members.filter((member) => member !== machine && member.replica !== undefined);
    if (others.length === 0) return false;
    const via = this.#chance.pick(others);
    const id = this.#idOf(machine, via);
    // Somebody has removed it before, and the answer was lost.
    if (id === undefined) return via.replica !== undefined && this.#lost.has(machine);
    this.#world.timeline.trace.note(`remove ${machine.name} through ${via.name}`);
    const reply = await this.#admin.ask(via, (replica) => replica.cluster.remove({ ID: id }), {
      timeoutMs: adminTimeoutMs,
    });
    this.#world.timeline.trace.note(`remove ${machine.name}: ${reply.kind}`);
    if (reply.kind !== 'answer') return false;
    this.#world.tally.note('member removed');
    // Some operators leave the machine running; it finds out by itself.
    if (machine.process === undefined || this.#chance.happens(0.5)) this.#retire(machine);
    return true;
  }

  #join(machine: Machine, via: Machine): void {
    const { replica } = via;
    if (replica === undefined) return;
    const members = replica.state.membership.list();
    const names = this.#world.machines
      .map(({ name }) => name)
      .filter((name) => members.some(({ peerUrls }) => peerUrls.includes(urlOf(name))));
    if (!names.includes(machine.name)) return;
    this.#duties.set(machine.name, 'member');
    machine.start({
      initialCluster: initialCluster(names),
      initialClusterState: 'existing',
      runningCluster: { clusterId: replica.clusterId, members: [...members] },
    });
  }

  #idOf({ name, replica }: Machine, via: Machine): bigint | undefined {
    const known = via.replica?.state.membership.list().find(({ peerUrls }) => peerUrls.includes(urlOf(name)));
    return replica?.id ?? known?.id;
  }

  #retire(machine: Machine): void {
    if (this.#duties.get(machine.name) === 'retired') return;
    this.#duties.set(machine.name, 'retired');
    this.#world.timeline.trace.note(`${machine.name} is retired`);
    if (machine.process !== undefined) machine.crash('process');
  }

  #onRemoved(machine: Machine): void {
    this.#world.tally.note('removed member heard of it');
    // The process ends in its own time.
    this.#soon(machine, () => this.#retire(machine));
  }

  #onDown(machine: Machine): void {
    if (!this.repairs || this.#duties.get(machine.name) !== 'member') return;
    const delayMs = this.#chance.happens(0.5) ? this.#chance.between(1, 50) : this.#chance.wait(1500);
    this.#world.timeline.after(delayMs, 'restart', () => {
      if (this.repairs && this.#duties.get(machine.name) === 'member') machine.start();
    });
  }

  /** Only a disk in trouble is a reason not to start, or one whose content was damaged. */
  #onRefused(machine: Machine, error: unknown): void {
    if (this.#atlas?.isDamaged(machine) === true && !isDiskTrouble(error)) {
      this.#world.tally.note('damage refused at start');
      return this.giveUp(machine);
    }
    if (!isDiskTrouble(error)) return this.#world.timeline.fail(error);
    this.#world.tally.note('start failed by disk');
    this.#onDown(machine);
  }

  /** Only a disk in trouble is a reason to give up. */
  #onFatal(machine: Machine, error: unknown): void {
    if (!isDiskTrouble(error)) return this.#world.timeline.fail(error);
    this.#world.tally.note('stopped by disk');
    this.#soon(machine, () => machine.crash('process'));
  }

  /** In a moment, if the same life still goes on. */
  #soon(machine: Machine, action: () => void): void {
    machine.process?.later(this.#chance.between(0.1, 20), 'exit', action);
  }

  #newName(): string {
    return `m${this.#nextName++}`;
  }
}

/** Where the member on a machine is reached by the others. */
export function urlOf(name: string): string {
  return `http://${name}:2380`;
}

/** Whether a failing disk is at the root of an error. */
export function isDiskTrouble(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof DiskError) return true;
  return false;
}
