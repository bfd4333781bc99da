import { Later, SettleQueue } from '@quorate/std';
import { ReplicaError, type ReplicaErrorCode } from './errors.ts';
import { RisingMap } from './rising-map.ts';

/** A proposal under way, of that many bytes. */
class Waiter<R> extends Later<R> {
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  readonly bytes: number;

  constructor(made: Pick<Waiter<R>, 'startedAtMs' | 'deadlineMs' | 'bytes'>) {
    super();
    this.startedAtMs = made.startedAtMs;
    this.deadlineMs = made.deadlineMs;
    this.bytes = made.bytes;
  }
}

/**
 * Who waits for which proposal. Every proposal has the same time-out and suffixes rise, so the oldest deadlines come
 * first and one sweep a tick replaces a timer for each.
 */
export class Waiters {
  readonly #waiters = new RisingMap<Waiter<unknown>>();
  /** What waits goes on behind the work in which its outcome was found. */
  readonly #settled = new SettleQueue();
  #bytes = 0;
  #expiredCount = 0;

  get count(): number {
    return this.#waiters.size;
  }

  /** Bytes of the proposals that are waited for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many were given up because their time had come. */
  get expiredCount(): number {
    return this.#expiredCount;
  }

  /** What it comes to is said by `resolve`, `reject`, `sweep` or `rejectAll`, whichever comes first. */
  add<R>(
    suffix: number,
    options: { readonly startedAtMs: number; readonly deadlineMs: number; readonly bytes: number },
  ): Later<R> {
    const waiter = new Waiter<R>(options);
    this.#bytes += options.bytes;
    // What an ID resolves to is decided by whoever proposed it; see `Replica`'s typed wrappers.
    this.#waiters.add(suffix, waiter);
    return waiter;
  }

  has(suffix: number): boolean {
    return this.#waiters.get(suffix) !== undefined;
  }

  resolve(suffix: number, result: unknown): void {
    const waiter = this.#take(suffix);
    if (waiter !== undefined) this.#settled.resolve(waiter, result);
  }

  reject(suffix: number, error: unknown): void {
    const waiter = this.#take(suffix);
    if (waiter !== undefined) this.#settled.reject(waiter, error);
  }

  /**
   * Gives up on those whose time has come, with the code that the time of their start calls for. Their proposals
   * may still be applied.
   */
  sweep(nowMs: number, codeOf: (startedAtMs: number) => ReplicaErrorCode): void {
    for (let first = this.#waiters.first; first !== undefined; first = this.#waiters.first) {
      if (first.deadlineMs > nowMs) return;
      this.#expiredCount++;
      this.reject(this.#waiters.lowest, new ReplicaError(codeOf(first.startedAtMs)));
    }
  }

  rejectAll(error: unknown): void {
    while (this.#waiters.size > 0) this.reject(this.#waiters.lowest, error);
  }

  #take(suffix: number): Waiter<unknown> | undefined {
    const waiter = this.#waiters.take(suffix);
    if (waiter !== undefined) this.#bytes -= waiter.bytes;
    return waiter;
  }
}
