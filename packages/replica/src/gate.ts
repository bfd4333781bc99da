import { AuthError, type Access, type Caller, type LogIdentity } from '@quorate/auth';
import type { Clock } from '@quorate/std';
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
   * @throws AuthError, and as `Proposer.propose`
   */
  async propose<R>(
    caller: Caller,
    request: { readonly field: number; readonly encoded: Uint8Array; readonly access: () => Access },
  ): Promise<R> {
    const { proposer, clock, requestTimeoutMs } = this.#options;
    const { field, encoded, access } = request;
    const deadlineMs = clock.now() + requestTimeoutMs;
    for (;;) {
      if (!this.isOpen) await this.require(caller, access);
      try {
        return await proposer.propose<R>(field, encoded, { from: this.#identityOf(caller) });
      } catch (error) {
        if (!mayGoAgain(error, caller) || clock.now() >= deadlineMs) throw error;
      }
    }
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
