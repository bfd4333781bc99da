import type { Replica } from '@quorate/replica';
import type { Entry } from '@quorate/wire';
import { stateDigest } from './checks/state-digest.ts';
import { TruthLog } from './checks/truth-log.ts';
import { SafetyViolation } from './checks/safety-violation.ts';
import { WireWatcher } from './checks/wire-watcher.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** The costly checks are made once in so many events of a member. */
const costlyEvery = 64;

/** What a member was seen at in its present life. */
interface Seen {
  commit: number;
  term: number;
  events: number;
}

/** Watches all members of a world from outside, as none of them can, and remembers across their crashes. */
export class Judge {
  readonly truth = new TruthLog();
  readonly #world: World;
  readonly #wire = new WireWatcher();
  readonly #seen = new WeakMap<Replica, Seen>();
  readonly #leaders = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    world.wires.onSend = (message) => this.#wire.sent(message);
    world.listen({
      onSettled: (machine) => this.#settled(machine),
      observer: (machine) => ({
        onApplied: (event) => this.#applied(machine, event.applied),
      }),
    });
  }

  /** The checks that are too dear for every event, of one member. @throws SafetyViolation, InvariantError */
  checkThoroughly({ name, replica }: Machine): void {
    if (replica === undefined) return;
    replica.checkInvariants();
    const { applied, firstIndex } = replica.raftStatus;
    // While a snapshot is put in place its state is there, and raft does not know of it yet.
    if (firstIndex > applied + 1) return;
    this.truth.addState(name, applied, stateDigest(replica));
  }

  #applied(machine: Machine, entries: readonly Entry[]): void {
    const { name: member, replica } = machine;
    // While a member starts it has no replica yet; what it applies then was committed in some term before.
    const term = replica?.raft.term ?? Infinity;
    const revision = replica?.state.store.currentRevision;
    this.truth.add({ member, term }, entries, { atMs: this.#world.timeline.nowMs, revision });
  }

  #settled(machine: Machine): void {
    const { replica } = machine;
    if (replica === undefined) return;
    const { raft } = replica;
    let seen = this.#seen.get(replica);
    if (seen === undefined) this.#seen.set(replica, (seen = { commit: 0, term: 0, events: 0 }));
    const { term, commit } = raft;
    if (commit < seen.commit)
      throw new SafetyViolation('commit index', `${machine.name} takes back a commit`);
    if (term < seen.term) throw new SafetyViolation('term', `${machine.name} goes back to an older term`);
    seen.commit = commit;
    seen.term = term;
    if (raft.isLeader) this.#checkLeader(machine, replica);
    if (++seen.events % costlyEvery === 0) this.checkThoroughly(machine);
  }

  #checkLeader(machine: Machine, { id, raft }: Replica): void {
    const { term } = raft;
    const key = `${term}/${id}`;
    if (this.#leaders.has(key)) return;
    this.#leaders.add(key);
    this.#wire.leads(id, term);
    this.#world.tally.note('leader elected');
    const { firstIndex } = raft.status;
    for (let index = firstIndex; index <= this.truth.lastIndex; index++) {
      const committed = this.truth.termCommittedBefore(index, term);
      if (committed !== undefined && raft.termAt(index) !== committed)
        throw new SafetyViolation(
          'leader completeness',
          `${machine.name} leads term ${term} without entry ${index}`,
        );
    }
  }
}
