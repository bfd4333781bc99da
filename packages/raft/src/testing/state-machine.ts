import { crc32c, invariant, uint64FromBytes, uint64ToBytes } from '@quorate/std';
import type { ConfState, Entry, Snapshot } from '@quorate/wire';

/** What a member has applied: how far, and a checksum chained over all of it. */
export interface MachineState {
  readonly applied: number;
  readonly term: number;
  readonly chain: number;
  readonly confState: ConfState;
}

/**
 * A state machine that knows of its past by a checksum: two of them that applied the same number of entries have
 * the same state exactly if the entries were the same.
 */
export class ChainMachine {
  #state: MachineState;
  #durable: MachineState;

  constructor(start: MachineState) {
    this.#state = this.#durable = start;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Applies the next entry; `confState` when it changed the configuration. */
  apply(entry: Entry, confState?: ConfState): void {
    invariant(entry.index === this.#state.applied + 1, 'entries are applied in order');
    this.#state = {
      applied: entry.index,
      term: entry.term,
      chain: crc32c(entry.data, crc32c(uint64ToBytes(BigInt(entry.term)), this.#state.chain)),
      confState: confState ?? this.#state.confState,
    };
  }

  /** Makes the present state survive a crash. */
  checkpoint(): MachineState {
    return (this.#durable = this.#state);
  }

  /** Takes a snapshot's state as its own, durably. */
  install(snapshot: Snapshot): void {
    const chain = Number(uint64FromBytes(snapshot.data));
    this.#state = { applied: snapshot.index, term: snapshot.term, chain, confState: snapshot.confState };
    this.#durable = this.#state;
  }

  /** Back to the last checkpoint. */
  crash(): MachineState {
    return (this.#state = this.#durable);
  }

  /** The present state as a snapshot. */
  snapshot(): Snapshot {
    const { applied, term, chain, confState } = this.#state;
    return { index: applied, term, confState, data: uint64ToBytes(BigInt(chain)) };
  }
}
