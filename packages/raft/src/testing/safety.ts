import type { Entry } from '@quorate/wire';
import { isJoint, fromConfState } from '../configuration.ts';
import type { Ready } from '../types.ts';
import type { Member } from './member.ts';

/** Two nodes of a group disagree on what they must agree on. */
export class SafetyError extends Error {
  override readonly name = 'SafetyError';
  readonly code = 'RAFT_SAFETY';
}

/**
 * Watches a whole group, as nobody in it can, for the properties of Raft (thesis, figure 3.2), and for reads and
 * disks to keep their word. It remembers all it saw, so that a crash hides nothing.
 */
export class SafetyChecker {
  readonly #leaders = new Map<number, bigint>();
  readonly #entries = new Map<string, { readonly previousTerm: number; readonly data: Uint8Array }>();
  readonly #committed: number[] = [0]; // Terms, by index.
  readonly #chains: (number | undefined)[] = [];
  readonly #reads = new Map<string, number>();

  /** The highest index that any node ever took for committed. */
  get commit(): number {
    return this.#committed.length - 1;
  }

  /** After any step of a member. */
  check(member: Member, members: ReadonlyMap<bigint, Member>): void {
    if (!member.isUp) return;
    member.node.checkInvariants();
    this.#checkCommit(member, members);
    if (member.node.isLeader) this.#checkLeader(member);
  }

  /** A Ready that a member took: its entries agree with those of the same index and term anywhere. */
  checkReady(member: Member, ready: Ready): void {
    for (const entry of ready.entries) {
      this.#checkEntry(entry, member.node.termAt(entry.index - 1));
    }
    for (const { index, context } of ready.readStates) {
      const minimum = this.#reads.get(String(context));
      if (minimum === undefined) throw new SafetyError('a read that nobody asked for is answered');
      if (index < minimum)
        throw new SafetyError(`a read sees ${index}, and ${minimum} was committed before it`);
    }
  }

  /** An entry that a member applied: all that applied as many have the same state (State Machine Safety). */
  checkApplied(member: Member): void {
    const { applied, chain } = member.machine.state;
    const known = (this.#chains[applied] ??= chain);
    if (known !== chain) throw new SafetyError(`node ${member.id} applied another entry ${applied}`);
    if (applied > this.commit) throw new SafetyError(`node ${member.id} applied what nobody committed`);
  }

  /** A read begins: it has to see all that was committed by then. */
  readBegins(context: Uint8Array): void {
    this.#reads.set(String(context), this.commit);
  }

  /** Log Matching, by induction: an entry that is the same has a predecessor that is the same. */
  #checkEntry(entry: Entry, previousTerm: number | undefined): void {
    if (previousTerm === undefined) return; // Compacted since.
    const key = `${entry.term}/${entry.index}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { previousTerm, data: entry.data });
    } else if (known.previousTerm !== previousTerm || Buffer.compare(known.data, entry.data) !== 0) {
      throw new SafetyError(`entry ${key} is not the same everywhere`);
    }
  }

  #checkCommit(member: Member, members: ReadonlyMap<bigint, Member>): void {
    const { node } = member;
    const from = Math.max(this.commit, node.status.firstIndex - 1);
    for (let index = from + 1; index <= node.commit; index++) {
      this.#committed[index] = node.termAt(index)!;
      if (node.isLeader) checkQuorumOnDisk(member, members, index);
    }
    const term = node.termAt(node.commit);
    if (term !== this.#committed[node.commit]) {
      throw new SafetyError(`node ${member.id} committed another entry ${node.commit}`);
    }
  }

  #checkLeader(member: Member): void {
    const { node } = member;
    const known = this.#leaders.get(node.term);
    if (known === member.id) return;
    if (known !== undefined) throw new SafetyError(`term ${node.term} has two leaders`);
    this.#leaders.set(node.term, member.id);
    // Leader Completeness: what was committed by then is in its log.
    for (let index = node.status.firstIndex; index <= this.commit; index++) {
      if (node.termAt(index) !== this.#committed[index])
        throw new SafetyError(`leader ${member.id} of term ${node.term} lacks entry ${index}`);
    }
  }
}

/** What a leader commits is on the disks of a quorum, or was when they acknowledged it. */
function checkQuorumOnDisk(leader: Member, members: ReadonlyMap<bigint, Member>, index: number): void {
  const config = fromConfState(leader.node.status.confState);
  const term = leader.node.termAt(index);
  const has = new Set<bigint>();
  for (const { id, disk } of members.values()) {
    if (disk.start.index >= index || disk.termAt(index) === term) has.add(id);
  }
  const halves = isJoint(config) ? [config.voters, config.votersOutgoing] : [config.voters];
  for (const half of halves) {
    if (half.intersection(has).size * 2 <= half.size)
      throw new SafetyError(`entry ${index} is committed and not on the disks of a quorum`);
  }
}
