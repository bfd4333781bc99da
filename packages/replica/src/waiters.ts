import { ReplicaError, type ReplicaErrorCode } from './errors.ts';

interface Waiter {
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  readonly bytes: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Who waits for which proposal. Every proposal has the same time-out and a Map keeps the order of insertion,
 * so the oldest deadlines come first and one sweep a tick replaces a timer for each.
 */
export class Waiters {
  readonly #waiters = new Map<number, Waiter>();
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

  /** The promise is fulfilled by `resolve`, `reject`, `sweep` or `rejectAll`, whichever comes first. */
  add<R>(
    suffix: number,
    options: { readonly startedAtMs: number; readonly deadlineMs: number; readonly bytes: number },
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#bytes += options.bytes;
      // What an ID resolves to is decided by whoever proposed it; see `Replica`'s typed wrappers.
      this.#waiters.set(suffix, { ...options, resolve: resolve as (result: unknown) => void, reject });
    });
  }

  has(suffix: number): boolean {
    return this.#waiters.has(suffix);
  }

  resolve(suffix: number, result: unknown): void {
    this.#take(suffix)?.resolve(result);
  }

  reject(suffix: number, error: unknown): void {
    this.#take(suffix)?.reject(error);
  }

  /**
   * Gives up on those whose time has come, with the code that the time of their start calls for. Their proposals
   * may still be applied.
   */
  sweep(nowMs: number, codeOf: (startedAtMs: number) => ReplicaErrorCode): void {
    for (const [suffix, waiter] of this.#waiters) {
      if (waiter.deadlineMs > nowMs) return;
      this.#expiredCount++;
      this.reject(suffix, new ReplicaError(codeOf(waiter.startedAtMs)));
    }
  }

  rejectAll(error: unknown): void {
    for (const suffix of [...this.#waiters.keys()]) this.reject(suffix, error);
  }

  #take(suffix: number): Waiter | undefined {
    const waiter = this.#waiters.get(suffix);
    if (waiter === undefined) return undefined;
    this.#waiters.delete(suffix);
    this.#bytes -= waiter.bytes;
    return waiter;
  }
}
