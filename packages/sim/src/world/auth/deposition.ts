import type { Replica } from '@quorate/replica';
import type { CallContext } from '../../history/auth.ts';
import type { Machine } from '../machine.ts';
import type { Token } from './token.ts';
import type { Witness } from './witness.ts';

/** What is to be known about one call: taken down when it is made, arrives, and ends. */
export class Deposition {
  readonly #witness: Witness;
  readonly #machine: Machine;
  readonly #token: Token | undefined;
  readonly #calledAtMs: number;
  readonly #committedBefore: number;
  #knownBefore: number | undefined;
  #mayBeForgotten = false;
  #mayLackLeader = false;

  constructor(
    witness: Witness,
    call: { readonly machine: Machine; readonly token: Token | undefined; readonly calledAtMs: number },
  ) {
    this.#witness = witness;
    this.#machine = call.machine;
    this.#token = call.token;
    this.#calledAtMs = call.calledAtMs;
    this.#committedBefore = witness.committed;
  }

  /** Does the work of a call that has arrived. */
  async during<T>(replica: Replica, work: (token: string | undefined) => Promise<T>): Promise<T> {
    this.arrive(replica);
    try {
      return await work(this.#token?.text);
    } finally {
      this.look(replica);
    }
  }

  /** The call is at its member. */
  arrive(replica: Replica): void {
    const witness = this.#witness;
    this.#knownBefore = witness.knownBy(replica);
    witness.noteArrival(replica, this.#token);
    this.look(replica);
  }

  /** The member says something, or goes on. */
  look(replica: Replica): void {
    const witness = this.#witness;
    this.#mayBeForgotten ||= witness.mayHaveForgotten(replica, this.#token);
    this.#mayLackLeader ||= witness.mayHaveLackedLeader(this.#machine, this.#calledAtMs);
  }

  /** As of now. */
  end(): CallContext {
    const token = this.#token;
    return {
      user: token?.user ?? '',
      ...(token !== undefined && { proof: token.proof }),
      mayBeForgotten: this.#mayBeForgotten,
      committedBefore: this.#committedBefore,
      committedAfter: this.#witness.committed,
      ...(this.#knownBefore !== undefined && { knownBefore: this.#knownBefore }),
      mayLackLeader: this.#mayLackLeader,
    };
  }

  get token(): string | undefined {
    return this.#token?.text;
  }
}
