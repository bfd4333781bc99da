import { AuthError, type Access, type Caller, type LogIdentity } from '@quorate/auth';
import { Later, type Clock } from '@quorate/std';
import type { MemberState } from './applier.ts';
import { ReplicaError } from './errors.ts';
import type { Proposer } from './proposer.ts';

export interface GateOptions {
  readonly state: MemberState;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  /** Resolves when this member has applied all that was committed before the call. */
  readonly linearizable: () => Promise<void>;
}

/** A request for the log: its field of an InternalRaftRequest, its bytes, and what it needs to be allowed. */
export interface GatedRequest {
  readonly field: number;
  readonly encoded: Uint8Array;
  readonly access: () => Access;
}

/**
 * Where requests of callers pass on their way to state and log. It decides nothing itself: `AuthStore` does. It knows
 * when a decision counts. One on what this member has applied may be too old: a refusal is looked at again on a state
 * as new as the call, and a write is decided where it is applied.
 */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Whether anybody may do anything: then there is no need to find out what a request needs. */
  get isOpen(): boolean {
    return !this.#options.state.auth.isEnabled;
  }

  /** Decides on the state of this moment, for whoever has waited until that is new enough. @throws AuthError */
  check(caller: Caller, access: Access): void {
    const { auth, lessor } = this.#options.state;
    auth.authorize(caller, access, lessor);
  }

  /**
   * Decides on what this member knows, or, with `asOf: 'now'`, on a state at least as new as the call. A refusal that
   * comes of what this member does not know yet is taken back; without a leader it stands.
   *
   * @throws AuthError; ReplicaError REPLICA_STOPPED
   */
  async require(
    caller: Caller,
    access: () => Access,
    { asOf = 'local' }: { readonly asOf?: 'now' | 'local' } = {},
  ): Promise<void> {
    const { linearizable } = this.#options;
    if (asOf === 'now') {
      await linearizable();
      this.check(caller, access());
      return;
    }
    try {
      this.check(caller, access());
    } catch (refusal) {
      if (!(refusal instanceof AuthError)) throw refusal;
      if (!(await this.#isBroughtUpToDate())) throw refusal;
      this.check(caller, access());
    }
  }

  /**
   * Waits until this member knows what was committed before the call. False when no leader could be asked.
   *
   * @throws ReplicaError REPLICA_STOPPED
   */
  async #isBroughtUpToDate(): Promise<boolean> {
    const { linearizable, clock, requestTimeoutMs } = this.#options;
    const deadlineMs = clock.now() + requestTimeoutMs;
    for (;;) {
      try {
        await linearizable();
        return true;
      } catch (error) {
        if (!(error instanceof ReplicaError) || error.code === 'REPLICA_STOPPED') throw error;
        // Another member leads by now, or is about to, and can be asked.
        if (error.code !== 'REPLICA_LEADER_CHANGED' || clock.now() >= deadlineMs) return false;
      }
    }
  }

  /**
   * Proposes a request for a caller. The header says who he is; whether he may is decided again when the request is
   * applied. One that was refused since users or roles have changed in between, or since authentication was turned on,
   * was not done: it goes again.
   *
   * It fails with an AuthError, and as `Proposer.propose`.
   */
  propose<R>(caller: Caller, request: GatedRequest): Later<R> {
    const { clock, requestTimeoutMs } = this.#options;
    return this.#propose(caller, request, clock.now() + requestTimeoutMs);
  }

  #propose<R>(caller: Caller, request: GatedRequest, deadlineMs: number): Later<R> {
    if (this.isOpen) return this.#proposeAllowed(caller, request, deadlineMs);
    return Later.from(this.require(caller, request.access)).map(() =>
      this.#proposeAllowed<R>(caller, request, deadlineMs),
    );
  }

  #proposeAllowed<R>(caller: Caller, request: GatedRequest, deadlineMs: number): Later<R> {
    const { proposer, clock } = this.#options;
    const { field, encoded } = request;
    return proposer.propose<R>(field, encoded, { from: this.#identityOf(caller) }).orElse((error) => {
      if (!mayGoAgain(error, caller) || clock.now() >= deadlineMs) throw error;
      return this.#propose(caller, request, deadlineMs);
    });
  }

  /** What a caller is called in the log, as of this member's state. */
  #identityOf(caller: Caller): LogIdentity {
    const { auth } = this.#options.state;
    if (caller.kind === 'member') return memberIdentity(auth);
    if (caller.kind === 'nobody' || !auth.isEnabled) return nobody;
    return { name: caller.name, revision: auth.revision };
  }
}

const nobody: LogIdentity = { name: '', revision: 0 };

/** As whom a member proposes for itself: as etcd's do, the user who may do everything. */
export function memberIdentity(auth: MemberState['auth']): LogIdentity {
  return auth.isEnabled ? { name: 'root', revision: auth.revision } : nobody;
}

/** Whether a refusal is of what has changed between the look at the caller and that at the entry. */
function mayGoAgain(error: unknown, caller: Caller): boolean {
  if (!(error instanceof AuthError)) return false;
  // In the log a user is nobody while authentication is off.
  return error.code === 'AUTH_OLD_REVISION' || (error.code === 'AUTH_USER_EMPTY' && caller.kind === 'user');
}
