import type { Membership, MembershipEvent } from '@quorate/membership';
import { StartError } from './errors.ts';
import type { FullOptions } from './options.ts';
import { canStartWith } from './version-monitor.ts';

export interface OwnStandingOptions {
  readonly memberId: bigint;
  readonly options: FullOptions;
  readonly membership: () => Membership;
  readonly isStopped: () => boolean;
  readonly stopBecause: (error: Error) => void;
}

/** A removed member tells the others what it still has to say, and then stops (reference: membership RPCs). */
const stopAfterRemovalMs = 1_000;

/** Whether this member may take part: not once it was removed, nor when it is older than what the cluster may do. */
export class OwnStanding {
  readonly #options: OwnStandingOptions;
  #isRemoved = false;

  constructor(options: OwnStandingOptions) {
    this.#options = options;
  }

  /** The log changed a member. */
  onMemberChange({ kind, member }: MembershipEvent): void {
    const { memberId, options } = this.#options;
    options.observer?.onMemberChange?.({ kind, member: member.id });
    if (kind !== 'removed' || member.id !== memberId) return;
    options.clock.after(stopAfterRemovalMs, () => this.onRemoved());
  }

  /** This member was removed; its owner is told once. */
  onRemoved(): void {
    const { options, isStopped } = this.#options;
    if (this.#isRemoved || isStopped()) return;
    this.#isRemoved = true;
    options.observer?.onRemoved?.();
  }

  /** Looks at the membership as a whole: after a start, and when a snapshot took the place of many entries. */
  check(): void {
    const { memberId, membership } = this.#options;
    if (membership().isRemoved(memberId)) this.onRemoved();
    this.checkVersion();
  }

  /** Stops a server that is older than what the cluster may now do. */
  checkVersion(): void {
    const { options, membership, stopBecause } = this.#options;
    const refusal = versionRefusal(options.serverVersion, membership());
    if (refusal !== undefined) stopBecause(refusal);
  }
}

/** Why a server of that version may not take part; undefined when it may. */
export function versionRefusal(serverVersion: string, membership: Membership): StartError | undefined {
  const { clusterVersion, downgrade } = membership;
  const check = canStartWith({ serverVersion, clusterVersion, downgrade });
  return check.canStart ? undefined : new StartError(check.reason);
}
