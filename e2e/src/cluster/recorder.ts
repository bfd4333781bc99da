import { EtcdError } from '@quorate/client';
import type { History, Operation, Outcome, RefusalCode, Request } from '@quorate/sim';

/** What an attempt of an operation came to. */
export type Answer = Extract<Outcome, { kind: 'ok' }>;

/**
 * Writes down what clients asked and heard, for the checkers. An operation that has no answer by the time that the
 * history is read is of unknown outcome, as is one whose error leaves it open whether it was carried out.
 */
export class Recorder {
  readonly #operations: Operation[] = [];
  readonly #open = new Map<number, Operation>();
  #started = 0;
  #acknowledgedWrites = 0;
  #onWrite: (() => void)[] = [];

  /** How many writes were acknowledged so far. */
  get acknowledgedWrites(): number {
    return this.#acknowledgedWrites;
  }

  /**
   * Carries out a request by `ask` and writes down how it ended; never rejects.
   *
   * @param connection the connection that it goes over; asked for again at the end, and when it is another one by
   *   then, nobody knows which of them the answer came by
   */
  async record(
    client: number,
    { request, connection }: { readonly request: Request; readonly connection: () => number },
    ask: () => Promise<Answer>,
  ): Promise<Operation> {
    const id = this.#started++;
    const before = connection();
    const calledAt = performance.now();
    const open = {
      id,
      client,
      calledAt,
      returnedAt: Infinity,
      request,
      outcome: { kind: 'unknown' },
    } as const;
    this.#open.set(id, open);
    const outcome = await ask().catch(outcomeOf);
    const returnedAt = outcome.kind === 'unknown' ? Infinity : performance.now();
    const operation: Operation = {
      ...open,
      ...(connection() === before && { connection: before }),
      returnedAt,
      outcome,
    };
    this.#open.delete(id);
    this.#operations.push(operation);
    if (outcome.kind === 'ok' && request.kind !== 'range') this.#countWrite();
    return operation;
  }

  /** Resolves when so many more writes were acknowledged than now. */
  async moreWrites(count: number): Promise<void> {
    const enough = this.#acknowledgedWrites + count;
    while (this.#acknowledgedWrites < enough) {
      await new Promise<void>((resolve) => this.#onWrite.push(resolve));
    }
  }

  /** All operations so far. */
  history(): History {
    const operations = [...this.#operations, ...this.#open.values()];
    const doubtfulFrom = leasesInDoubtFrom(operations);
    return { operations: operations.map((operation) => withoutDoubt(operation, doubtfulFrom)) };
  }

  #countWrite(): void {
    this.#acknowledgedWrites++;
    for (const resolve of this.#onWrite.splice(0)) resolve();
  }
}

/** From when on it is in doubt which leases there are: what became of a grant or revoke shows in no event. */
function leasesInDoubtFrom(operations: readonly Operation[]): number {
  let from = Infinity;
  for (const { request, outcome, calledAt } of operations) {
    const isOfLease = request.kind === 'leaseGrant' || request.kind === 'leaseRevoke';
    if (isOfLease && outcome.kind === 'unknown') from = Math.min(from, calledAt);
  }
  return from;
}

/** Whether a lease was rightly not found can't be judged then. That nothing was done can be. */
function withoutDoubt(operation: Operation, doubtfulFrom: number): Operation {
  const { outcome, returnedAt } = operation;
  if (outcome.kind !== 'refused' || outcome.code !== 'leaseNotFound') return operation;
  return returnedAt < doubtfulFrom ? operation : { ...operation, outcome: { ...outcome, code: 'other' } };
}

/** Errors after which nothing has happened, for a reason that the checkers can verify or at least need not mind. */
const refusals: readonly (readonly [RegExp, RefusalCode])[] = [
  [/required revision has been compacted/, 'compacted'],
  [/required revision is a future revision/, 'futureRevision'],
  [/requested lease not found/, 'leaseNotFound'],
  [/key not found/, 'keyNotFound'],
  [/too many requests/, 'other'],
];

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof EtcdError)) throw error;
  const { message } = error;
  if (error.unsent) return { kind: 'refused', code: 'other', message };
  const code = refusals.find(([pattern]) => pattern.test(message))?.[1];
  if (code !== undefined) return { kind: 'refused', code, message };
  if (error.code === 'INVALID_ARGUMENT') throw error; // The load asks for nothing of the kind.
  return { kind: 'unknown' };
}
