import { SeededRandom, invariant } from '@quorate/std';
import type { ConfState, Entry, Message, Snapshot } from '@quorate/wire';
import { decodeConfChange } from '../conf-change.ts';
import { RaftNode } from '../raft-node.ts';
import type { RaftOptions, Ready } from '../types.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { ChainMachine } from './state-machine.ts';

/** Options of all members of a simulated group, where they differ from the usual ones. */
export type MemberOptions = Omit<
  Partial<RaftOptions>,
  'id' | 'random' | 'hardState' | 'snapshot' | 'entries' | 'applied' | 'confState' | 'takeSnapshot'
>;

/** The configuration of a node that was not told of any. */
export const noMembers: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/**
 * A node with a disk and a state machine, and the loop of its owner taken apart: each step (taking a Ready,
 * saving the oldest, applying an entry) is made when the test says so, and a crash may come between any two.
 */
export class Member {
  readonly id: bigint;
  readonly disk: SimulatedDisk;
  readonly machine: ChainMachine;
  readonly #options: MemberOptions;
  #starts = 0;
  #node: RaftNode | undefined;
  #writes: Ready[] = [];
  #toApply: Entry[] = [];

  /** `bootstrap` is what the disk holds at first, all of it committed. */
  constructor(id: bigint, bootstrap: readonly Entry[], options: MemberOptions) {
    this.id = id;
    this.disk = new SimulatedDisk(noMembers);
    if (bootstrap.length > 0) {
      this.disk.overwrite({ term: 1, vote: 0n, commit: bootstrap.length }, bootstrap);
    }
    this.machine = new ChainMachine({ applied: 0, term: 0, chain: 0, confState: noMembers });
    this.#options = options;
    this.restart();
  }

  get isUp(): boolean {
    return this.#node !== undefined;
  }

  /** The node. @throws Error when it is down */
  get node(): RaftNode {
    if (this.#node === undefined) throw new Error(`node ${this.id} is down`);
    return this.#node;
  }

  get writeCount(): number {
    return this.#writes.length;
  }

  get toApplyCount(): number {
    return this.#toApply.length;
  }

  /** Starts the node from what is on its disk. */
  restart(): void {
    if (this.#node !== undefined) return;
    this.#starts++;
    const { applied, confState } = this.machine.crash();
    invariant(applied >= this.disk.start.index, 'the log is let go only up to what is durable elsewhere');
    this.#node = new RaftNode({
      electionTicks: 10,
      heartbeatTicks: 1,
      ...this.#options,
      id: this.id,
      random: new SeededRandom(Number(this.id) * 1009 + this.#starts),
      hardState: this.disk.hardState,
      snapshot: this.disk.start,
      entries: this.disk.entries,
      ...{ applied, confState },
      takeSnapshot: () => this.#takeSnapshot(),
    });
  }

  /** Loses all that is not on disk; of the oldest write under way, `tornEntryCount` entries get there. */
  crash(tornEntryCount = 0): void {
    const oldest = this.#writes[0];
    if (oldest !== undefined && tornEntryCount > 0) this.disk.saveTorn(oldest, tornEntryCount);
    this.disk.crash();
    this.#node = undefined;
    this.#writes = [];
    this.#toApply = [];
  }

  /** Takes the next Ready and begins to save it. */
  takeReady(): Ready | undefined {
    if (!this.node.hasReady()) return undefined;
    const ready = this.node.ready();
    this.#writes.push(ready);
    this.#toApply.push(...ready.committedEntries);
    return ready;
  }

  /** The oldest write is on disk; returns what may leave now. */
  save(): readonly Message[] {
    const ready = this.#writes.shift();
    invariant(ready !== undefined, 'there is something to save');
    this.disk.save(ready);
    if (ready.snapshot !== undefined) this.#install(ready.snapshot);
    this.node.advance(ready);
    return ready.messagesAfterPersist;
  }

  /** Applies the next entry handed out; undefined when there is none. */
  applyNext(): Entry | undefined {
    const entry = this.#toApply.shift();
    if (entry === undefined) return undefined;
    const confState = entry.type === 0 ? undefined : this.node.applyConfChange(decodeConfChange(entry));
    this.machine.apply(entry, confState);
    this.node.appliedTo(entry.index);
    return entry;
  }

  /** Lets go of the log up to `index`, or to what is applied if that is less. */
  compact(index: number): void {
    const { applied, confState } = this.machine.checkpoint();
    const to = Math.min(index, applied);
    const term = this.node.termAt(to);
    if (term === undefined || this.#writes.some((ready) => ready.snapshot !== undefined)) return;
    this.node.compact(to);
    this.disk.compact({ index: to, term, confState });
  }

  #install(snapshot: Snapshot): void {
    // What was handed out before the snapshot came is part of it.
    this.#toApply = this.#toApply.filter((entry) => entry.index > snapshot.index);
    this.machine.install(snapshot);
  }

  #takeSnapshot(): Snapshot | undefined {
    const { applied } = this.machine.state;
    return applied === 0 || applied < this.node.status.firstIndex - 1 ? undefined : this.machine.snapshot();
  }
}
