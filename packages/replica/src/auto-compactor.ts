import { raftRequestField, rpcpb } from '@quorate/wire';
import { AutoCompaction } from './auto-compaction.ts';
import type { FullOptions } from './options.ts';
import type { Proposer } from './proposer.ts';

/** Proposes the compactions that the configuration asks for, on the member that leads. */
export class AutoCompactor {
  readonly #auto: AutoCompaction | undefined;
  readonly #proposer: Proposer;

  constructor({ autoCompaction, clock }: FullOptions, proposer: Proposer) {
    this.#auto = autoCompaction && new AutoCompaction(autoCompaction, clock.now());
    this.#proposer = proposer;
  }

  /** Called on every tick. */
  tick(nowMs: number, now: { readonly isLeader: boolean; readonly revision: number }): void {
    const auto = this.#auto;
    if (auto === undefined) return;
    if (!now.isLeader) return auto.pause(nowMs);
    const revision = auto.due(nowMs, now.revision);
    if (revision === undefined) return;
    const request = rpcpb.CompactionRequest.encode({ revision: BigInt(revision), physical: false }).finish();
    this.#proposer.propose(raftRequestField.compaction, request).then(
      () => auto.done(revision),
      () => {}, // Somebody else has compacted, or the next sample tries again.
    );
  }
}
