import { raftRequestField, rpcpb } from '@quorate/wire';
import type { MemberState } from './applier.ts';
import type { Proposer } from './proposer.ts';

/** Raises alarms, through the log, so that they hold for the whole cluster. */
export class AlarmRaiser {
  readonly #memberId: bigint;
  readonly #state: MemberState;
  readonly #proposer: Proposer;
  #isRaisingNoSpace = false;

  constructor(parts: {
    readonly memberId: bigint;
    readonly state: MemberState;
    readonly proposer: Proposer;
  }) {
    this.#memberId = parts.memberId;
    this.#state = parts.state;
    this.#proposer = parts.proposer;
  }

  /** This member's quota is used up. Raised once; should that fail, the next request over the quota tries again. */
  raiseNoSpace(): void {
    if (this.#isRaisingNoSpace || this.#state.alarms.has('NOSPACE')) return;
    this.#isRaisingNoSpace = true;
    this.raise(this.#memberId, rpcpb.AlarmType.NOSPACE)
      .catch(() => {})
      .finally(() => {
        this.#isRaisingNoSpace = false;
      });
  }

  /** @throws ReplicaError as `Proposer.propose` */
  raise(memberID: bigint, alarm: rpcpb.AlarmType): Promise<unknown> {
    const action = rpcpb.AlarmRequest_AlarmAction.ACTIVATE;
    const request = rpcpb.AlarmRequest.encode({ action, memberID, alarm }).finish();
    return this.#proposer.propose(raftRequestField.alarm, request);
  }
}
