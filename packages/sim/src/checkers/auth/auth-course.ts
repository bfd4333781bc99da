import type { AppliedAuthEntry, AuthRefusal, CallContext, LogIdentity } from '../../history/auth.ts';
import type { AppliedEntry } from '../../history/types.ts';
import { keyInterval } from '../model/key-interval.ts';
import {
  applyAuthEntry,
  hasPermission,
  noUsers,
  refusalOfAdmin,
  root,
  type AuthState,
} from './auth-model.ts';
import { demandOf, type Demand, type KeyNeed, type Need } from './needs.ts';

/** What became of an entry about users. */
export interface AuthStep {
  readonly entry: AppliedAuthEntry;
  readonly refusal: AuthRefusal | undefined;
  /** Afterwards. */
  readonly state: AuthState;
}

/** The keys of leases at some moment. */
export type KeysOfLease = (lease: bigint) => readonly string[];

/** Users, roles and permissions all along the log, by a model of its own. */
export class AuthCourse {
  readonly steps: readonly AuthStep[];

  /** Entries in the order of their indexes. */
  constructor(entries: readonly AppliedAuthEntry[]) {
    let state = noUsers;
    this.steps = entries.map((entry) => {
      const applied = applyAuthEntry(state, entry);
      state = applied.state;
      return { entry, refusal: applied.refusal, state };
    });
  }

  /** After all entries. */
  get last(): AuthState {
    return this.steps.at(-1)?.state ?? noUsers;
  }

  /** After the entry with this index, and all before it. */
  stateAt(index: number): AuthState {
    return this.steps[this.#countUpTo(index) - 1]?.state ?? noUsers;
  }

  /** The state at an index, and every other one up to another index. */
  *statesIn(from: number, to: number): Iterable<AuthState> {
    const first = this.#countUpTo(from);
    let previous = this.steps[first - 1]?.state ?? noUsers;
    yield previous;
    for (let i = first; i < this.steps.length && this.steps[i]!.entry.index <= to; i++) {
      const { state } = this.steps[i]!;
      if (state !== previous) yield state;
      previous = state;
    }
  }

  /** Why applying an entry is refused for who sent it; undefined when he may. */
  refusalOfEntry({ index, from, request }: AppliedEntry, keysOfLease: KeysOfLease): AuthRefusal | undefined {
    const state = this.stateAt(index);
    // What is granted and compacted was decided on before it went into the log.
    if (!state.enabled || request.kind === 'compact' || request.kind === 'leaseGrant') return undefined;
    const demand = demandOf(request);
    const identity = from ?? { user: '', revision: 0 };
    return demand.level === 'keys' ? refusalOfNeeds(state, identity, demand.needs, keysOfLease) : undefined;
  }

  #countUpTo(index: number): number {
    let low = 0;
    let high = this.steps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.steps[middle]!.entry.index <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The auth revision that a caller's token is as of. */
  provenAt({ proof }: CallContext): number {
    if (proof === undefined) return 0;
    return 'revision' in proof ? proof.revision : this.stateAt(proof.index).revision;
  }

  /** Why a state refuses a live call; undefined when it lets it pass. */
  refusalAt(
    state: AuthState,
    caller: CallContext,
    demand: Demand,
    keysOfLease: KeysOfLease,
  ): AuthRefusal | undefined {
    const { user } = caller;
    if (!state.enabled) return undefined;
    if (user === '') return 'AUTH_USER_EMPTY';
    if (!isProven(state, user, this.provenAt(caller))) return 'AUTH_INVALID_TOKEN';
    switch (demand.level) {
      case 'login':
        return undefined;
      case 'admin':
        return refusalOfAdmin(state, user);
      case 'self':
        return user === demand.user ? undefined : refusalOfAdmin(state, user);
      case 'keys':
        return refusalOfNeeds(state, { user, revision: state.revision }, demand.needs, keysOfLease);
    }
  }
}

/** Whether a token from that revision still stands for the user. */
export function isProven(state: AuthState, user: string, provenAt: number): boolean {
  const known = state.users.get(user);
  return known !== undefined && provenAt >= known.since && provenAt >= state.disabledAt;
}

function refusalOfNeeds(
  state: AuthState,
  { user, revision }: LogIdentity,
  needs: readonly Need[],
  keysOfLease: KeysOfLease,
): AuthRefusal | undefined {
  const isAdmin = state.users.get(user)?.roles.includes(root) === true;
  // An administrator may use any lease, whatever he knew when he asked.
  const asked = needs.filter((need) => !(isAdmin && 'lease' in need));
  for (const { kind, interval } of asked.flatMap((need) => keyNeeds(need, keysOfLease))) {
    if (revision === 0) return 'AUTH_USER_EMPTY';
    if (revision < state.revision) return 'AUTH_OLD_REVISION';
    if (!hasPermission(state, user, kind, interval)) return 'AUTH_PERMISSION_DENIED';
  }
  return undefined;
}

function keyNeeds(need: Need, keysOfLease: KeysOfLease): readonly KeyNeed[] {
  if ('interval' in need) return [need];
  const kind = need.kind === 'readLease' ? 'read' : 'write';
  return keysOfLease(need.lease).map((key) => ({ kind, interval: keyInterval(key, '') }));
}
