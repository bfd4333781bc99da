import { ReplicaError } from './errors.ts';

interface Wait {
  readonly index: number;
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How long a lease operation waits for what is committed (reference: timeouts). */
const timeoutMs = 1_000;

/** Those who wait until an index is applied. Bounded by the calls that wait: each adds one. */
export class ApplyWaits {
  #waits: Wait[] = [];

  /** @throws ReplicaError REPLICA_APPLY_TIMEOUT, or what `rejectAll` is called with */
  until(index: number, nowMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waits.push({ index, deadlineMs: nowMs + timeoutMs, resolve, reject });
    });
  }

  onApplied(applied: number): void {
    if (this.#waits.length === 0) return;
    const waits = this.#waits;
    this.#waits = waits.filter((wait) => wait.index > applied);
    for (const wait of waits) if (wait.index <= applied) wait.resolve();
  }

  tick(nowMs: number): void {
    if (this.#waits.length === 0) return;
    const waits = this.#waits;
    this.#waits = waits.filter((wait) => wait.deadlineMs > nowMs);
    for (const wait of waits) {
      if (wait.deadlineMs <= nowMs) wait.reject(new ReplicaError('REPLICA_APPLY_TIMEOUT'));
    }
  }

  rejectAll(error: unknown): void {
    for (const wait of this.#waits.splice(0)) wait.reject(error);
  }
}
