import { encodeConfState, MembershipError, type MembershipEvent } from '@quorate/membership';
import { decodeConfChange, noConfChange, type DecodedConfChange, type RaftNode } from '@quorate/raft';
import { invariant } from '@quorate/std';
import { decodeRaftEnvelope, type ConfState, type Entry, type Snapshot } from '@quorate/wire';
import type { Applier, MemberState } from './applier.ts';
import { metaKeys, type BackendWriter } from './backend-writer.ts';
import { replaceState } from './open-state.ts';
import type { RequestIds } from './request-ids.ts';
import type { Waiters } from './waiters.ts';

/** Where the state machine stands. */
export interface Applied {
  index: number;
  term: number;
}

export interface StateMachineOptions {
  readonly state: MemberState;
  readonly position: Applied;
  /** As of `position`. */
  readonly confState: ConfState;
  readonly node: RaftNode;
  readonly applier: Applier;
  readonly writer: () => BackendWriter;
  readonly ids: RequestIds;
  readonly waiters: Waiters;
  readonly learnerCountMax: number;
  readonly onMemberChange: (event: MembershipEvent) => void;
  /** The first entry of a term was applied: all that was committed before is. */
  readonly onFirstOfTerm: (entry: Entry) => void;
}

/** Applies the log to the state, one entry after the other, and wakes those who wait for what came of it. */
export class StateMachine {
  readonly applied: Applied;
  readonly #options: StateMachineOptions;
  #confState: ConfState;

  constructor(options: StateMachineOptions) {
    this.#options = options;
    this.applied = { ...options.position };
    this.#confState = options.confState;
  }

  /** The configuration as of `applied`. */
  get confState(): ConfState {
    return this.#confState;
  }

  /** Whether this member needs nobody's consent. */
  isOnlyVoter(id: bigint): boolean {
    const { voters, votersOutgoing } = this.#confState;
    return voters.length === 1 && voters[0] === id && votersOutgoing.length === 0;
  }

  applyAll(entries: readonly Entry[]): void {
    for (const entry of entries) this.#apply(entry);
  }

  /** Puts the state that a snapshot of the leader holds in the place of this one. */
  install({ index, term, confState }: Snapshot, state: MemberState): void {
    invariant(index > this.applied.index, 'a snapshot is ahead of what was applied');
    replaceState(this.#options.state, state);
    this.applied.index = index;
    this.applied.term = term;
    this.#confState = confState;
  }

  #apply(entry: Entry): void {
    invariant(entry.index === this.applied.index + 1, 'entries are applied one after the other');
    if (entry.type !== 0) this.#applyConfChange(entry);
    else if (entry.data.length > 0) this.#applyRequest(entry);
    this.applied.index = entry.index;
    this.applied.term = entry.term;
    if (entry.type === 0 && entry.data.length === 0) this.#options.onFirstOfTerm(entry);
  }

  #applyRequest({ data, index }: Entry): void {
    const { applier, ids, waiters } = this.#options;
    const envelope = decodeRaftEnvelope(data);
    const outcome = applier.apply(envelope, index);
    const suffix = ids.suffixOf(envelope.idHigh, envelope.idLow);
    if (suffix < 0) return;
    if (outcome.ok) waiters.resolve(suffix, outcome.result);
    else waiters.reject(suffix, outcome.error);
  }

  #applyConfChange(entry: Entry): void {
    const { node, writer, state } = this.#options;
    const change = decodeConfChange(entry);
    const refusal = this.#changeMember(change);
    // A refused change still passes through raft, as one that changes nobody.
    this.#confState = node.applyConfChange(refusal === undefined ? change : noConfChange);
    writer().changes.put('meta', metaKeys.confState, encodeConfState(this.#confState));
    this.#answer(change.id, refusal, state);
  }

  /** Why the rules of membership refuse a change; undefined when it was made. */
  #changeMember(change: DecodedConfChange): MembershipError | undefined {
    const { state, writer, learnerCountMax, onMemberChange } = this.#options;
    const [single] = change.changes;
    invariant(single !== undefined && change.changes.length === 1, 'etcd changes one member at a time');
    if (single.nodeId === 0n) return undefined; // A change of nobody, which a leader made of a refused one.
    const memberChange = { ...single, context: change.context };
    try {
      state.membership.validate(memberChange, { learnerCountMax });
    } catch (error) {
      if (error instanceof MembershipError) return error;
      throw error;
    }
    onMemberChange(state.membership.apply(memberChange, writer().changes));
    return undefined;
  }

  #answer(id: bigint, refusal: MembershipError | undefined, state: MemberState): void {
    const { ids, waiters } = this.#options;
    const suffix = ids.suffixOf(Number(id >> 32n), Number(id & 0xffff_ffffn));
    if (suffix < 0) return;
    if (refusal === undefined) waiters.resolve(suffix, state.membership.list());
    else waiters.reject(suffix, refusal);
  }
}
